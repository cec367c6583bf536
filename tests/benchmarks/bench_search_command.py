"""How long `simpgan search` takes from the shell once the gallery's features are in the cache.

    python -m tests.benchmarks.bench_search_command

It takes turns with a process that imports torch and pandas and does nothing else, which no search can be faster than.
The networks are the demo's, never trained; the model is the champion of an sqlite store.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from simpgan.components.core.registry.adaptation import save_adaptation
from simpgan.components.core.registry.model_registry import ModelRegistry
from simpgan.components.ingest import stage as ingest
from simpgan.components.ingest.settings import IngestSettings
from simpgan.pipelines.demo_data import SOURCE_FOLDER, TARGET_FOLDER, generate
from tests.benchmarks.timing import ratio, take_turns
from tests.components.core.registry.adaptations import write_classifier, write_translator
from tests.conftest import Ingested


def main(turns: Annotated[int, typer.Option(help="counted runs of each")] = 5) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ |= {
            "SIMPGAN_CACHE": str(folder / "cache"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        }
        commands = {
            "search": [sys.executable, "-m", "simpgan.pipelines.cli", "search", *options(folder)],
            "imports": [sys.executable, "-c", "import torch, pandas"],
        }
        times = take_turns({name: lambda _, each=each: run(each) for name, each in commands.items()}, turns)
        searched, imported = median(times["search"]), median(times["imports"])
        print(
            f"a further search {searched:.2f} s, importing torch and pandas {imported:.2f} s: "
            f"{ratio(times['search'], times['imports']):.2f} times as long"
        )


def options(folder: Path) -> list[str]:
    """A registered model, a gallery and a probe, as the command's options."""
    generate(folder, 0)
    data_root = str(folder / "data")
    for layout, name in (("market1501", SOURCE_FOLDER), ("grid", TARGET_FOLDER)):
        ingest.run(str(folder / name), IngestSettings(layout=layout), data_root, folder / "manifests" / layout)
    manifests = folder / "manifests"
    ingested = Ingested(folder, manifests / "market1501", manifests / "grid", data_root)
    classifier = write_classifier(folder / "classifier", ingested)
    save_adaptation(
        folder / "model",
        "simpgan+adabn",
        classifier=classifier,
        translator=write_translator(folder / "translator", ingested, classifier),
        source=ingested.source,
        target=ingested.target,
        data_root=data_root,
    )
    registry = ModelRegistry()
    registry.promote(registry.register(folder / "model", card="", tags={}, metrics={}))
    probe = next((folder / TARGET_FOLDER / "probe").iterdir())
    given = {"probe": probe, "gallery": ingested.target, "model": "simpgan@champion", "data-root": data_root}
    return [f"--{name}={value}" for name, value in {**given, "out": folder / "found"}.items()]


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    typer.run(main)
