"""Pipelines of the tests as a server gets them."""

import tempfile
from pathlib import Path

from kfp.compiler import Compiler
from kfp.dsl.graph_component import GraphComponent

from simpgan.pipelines.cluster.compiled import Compiled, read_compiled


def compiled(graph: GraphComponent) -> Compiled:
    """Compile a pipeline."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        Compiler().compile(graph, str(path))
        return read_compiled(path)
