"""Models in use, of networks that were hardly trained, for what goes on from one."""

from pathlib import Path

from simpgan.components.core.registry.model_registry import ModelRegistry
from simpgan.components.core.results.methods import joins
from simpgan.components.ingest import stage as ingest
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.propose import stage as propose
from simpgan.components.propose.settings import ProposeSettings
from simpgan.components.train_gan import stage as train_gan
from simpgan.components.train_gan.settings import TrainGanSettings
from tests.components.core.registry.adaptations import write_classifier
from tests.conftest import Ingested

SHAPE = {"height": 32, "width": 32, "channels": 4, "blocks": 1, "input_skip": True}
"""Settings of generators that tiny.yaml goes on training."""


def register(
    ingested: Ingested, location: str, scratch: Path, method: str, *, layout: str = "cameras", model: str = "simpgan"
) -> None:
    """Make an adaptation to the images at a location the champion of `model`, where MLflow's variables say.

    Args:
        ingested: its source, and the data root of both.
        scratch: folder for what is made on the way.
    """
    target, classifier = scratch / "target", scratch / "classifier"
    manifest = ingest.run(location, IngestSettings(layout=layout, name="station"), ingested.data_root, target)
    write_classifier(classifier, ingested)
    inputs = {"source": ingested.source, "target": target, "classifier": classifier, "data_root": ingested.data_root}
    translator = None
    if method == "simpgan":
        split = {"protocol": manifest.source_protocol, "steps": 1, **SHAPE}
        translator = scratch / "translator"
        train_gan.run(**inputs, settings=TrainGanSettings.parse(split), output=translator)
    companions = []
    if joins(method):
        companions = [write_classifier(scratch / "companion", ingested, seed=1)]
    (scratch / "nothing measured").mkdir()
    version, _ = propose.run(
        **inputs,
        translator=translator,
        companions=companions,
        companion_sources=[ingested.source] if companions else [],
        evaluation=scratch / "nothing measured",
        settings=ProposeSettings.parse({"method": method, "model": model}),
        output=scratch / "proposal",
    )
    ModelRegistry(model).promote(version)
