"""The labelled data sets of a pipeline: one, or several that are joined to one source."""

import inspect
from collections.abc import Callable
from typing import Any

from kfp import dsl
from kfp.dsl.pipeline_task import PipelineTask

from simpgan.components.ingest.component import ingest, join

Text = Any  # text, or what stands for it in a graph that is being built
List = Any


def joint_source(
    name: Text, sources: List, ingest_settings: Text, data_root: Text, parallelism: int = 0
) -> PipelineTask:
    """Add to the pipeline that is being built the tasks that read several data sets and join them.

    Args:
        name: name of the joint data set.
        sources: list of {"source_name": ..., "source_layout": ..., "source_location": ..., "source_fingerprint": ...}.
        ingest_settings: IngestSettings as JSON, without the layout.
        data_root: folder or `s3://` prefix for shards.
        parallelism: data sets that are read at a time (0: as many as the machines take).

    Returns:
        The task of join.
    """
    with dsl.ParallelFor(sources, parallelism=parallelism) as item:
        part = ingest_item(item, ingest_settings, data_root)
    manifests = dsl.Collected(part.outputs["manifest"])
    return join(name=name, data_root=data_root, sources=manifests).set_display_name("join sources")


def ingest_item(item: Any, ingest_settings: Text, data_root: Text) -> PipelineTask:
    """Add to the pipeline that is being built the task that reads the source that is a loop's item."""
    return ingest(
        layout=item.source_layout,
        name=item.source_name,
        location=item.source_location,
        fingerprint=item.source_fingerprint,
        settings=ingest_settings,
        data_root=data_root,
    ).set_display_name("ingest source")


OF_ONE_SOURCE = ("source_layout", "source_location", "source_fingerprint")
"""The parameters, beside its name, of a pipeline whose source is one data set."""


def without_parameters(*unused: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that takes parameters away from the function of a pipeline, which then gets None for them."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)
        kept = [each for name, each in signature.parameters.items() if name not in unused]

        def build(*arguments: Any, **named: Any) -> Any:
            given = signature.replace(parameters=kept).bind(*arguments, **named).arguments
            return function(**dict.fromkeys(unused), **given)

        build.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        build.__annotations__ = {name: each for name, each in function.__annotations__.items() if name not in unused}
        build.__doc__ = function.__doc__
        build.__name__ = function.__name__
        return build

    return decorate
