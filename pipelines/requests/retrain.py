"""What the pipeline `retrain` is given, and its run on this machine."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.components.core.results.methods import TRANSLATORS
from simpgan.components.core.settings import nearest
from simpgan.components.propose.settings import ProposeSettings
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.pipelines.config.defaults import Runner
from simpgan.pipelines.config.presets import RunSettings
from simpgan.pipelines.runner.runs import recorded_run, settings_as_text, way_of_running

if TYPE_CHECKING:
    from simpgan.components.drift.camera_drift import CameraDrift

ADABN = "adabn"
METHODS = (*TRANSLATORS, ADABN)
PROTOCOL, FOLD = "cameras", "0"
"""The only split of images without labels."""
OWN_STAGES = ("ingest", "drift", "translate")
"""Stages whose settings are taken as they are."""


@dataclass(frozen=True)
class Retraining:
    """What is asked for.

    Attributes:
        location: folder or `s3://` prefix of camera images.
        model: name of the registered model.
        method: by which the champion goes on; `adabn` trains nothing.
        threshold, part_images: new images that are worth a training; files of a part.
    """

    location: str
    model: str
    method: str
    threshold: int
    part_images: int

    def __post_init__(self) -> None:
        refuse_other_method(self.method)

    def arguments(self, settings: RunSettings, data_root: str) -> dict[str, Any]:
        """The arguments of the pipeline.

        Raises:
            UserError: settings that do not go together.
        """
        return {
            "location": self.location,
            "model": self.model,
            "threshold": str(self.threshold),
            "part_images": str(self.part_images),
            "data_root": data_root,
            **settings_as_text(settings, OWN_STAGES),
            "train_gan_settings": json.dumps(self.train_gan(settings)),
            "evaluate_settings": json.dumps({**settings.as_values()["evaluate"], "protocols": [PROTOCOL]}),
            "propose_settings": json.dumps(self.propose(settings)),
        }

    def tags(self, settings: RunSettings) -> dict[str, str]:
        """What people search runs by."""
        place = self.location.rstrip("/").rpartition("/")[2]
        return {"source": self.model, "target": place, "method": self.method, "preset": settings.evaluate.preset}

    def train_gan(self, settings: RunSettings) -> Mapping[str, Any]:
        """The settings of the training, for the only split that cameras have."""
        values = {**settings.as_values()["train_gan"], "protocol": PROTOCOL, "fold": int(FOLD)}
        if self.method == ADABN:
            return values
        return TrainGanSettings.parse({**values, "method": self.method}, stage="train_gan").model_dump(mode="json")

    def propose(self, settings: RunSettings) -> Mapping[str, Any]:
        """The settings of the proposal: what is registered looks at images as the evaluation did."""
        evaluated = settings.evaluate
        looking = {"batch": evaluated.batch, "precision": evaluated.precision}
        method = self.method if self.method == ADABN or not evaluated.adabn else f"{self.method}+{ADABN}"
        chosen = {"model": self.model, "method": method, "protocol": PROTOCOL, "fold": int(FOLD), **looking}
        values = {**settings.as_values()["propose"], **chosen}
        return ProposeSettings.parse(values, stage="propose").model_dump(mode="json")


@dataclass(frozen=True)
class Retrained:
    """What came of it.

    Attributes:
        version: that was proposed, with the gate's verdict in its tags; None if there were not enough new images.
        drift: folder with drift.json and drift.html, where there were enough.
    """

    version: "RegisteredVersion | None" = None
    drift: Path | None = None

    def cameras(self) -> "list[CameraDrift]":
        """What became of each camera."""
        from simpgan.components.drift.camera_drift import read_drift

        return read_drift(self.drift / "drift.json") if self.drift else []


def refuse_other_method(method: str) -> None:
    """Raise UserError for what is no single method that a champion can go on by."""
    if method not in METHODS:
        raise UserError(f"--method '{method}' is none to go on by: {nearest(method, METHODS)}")


def check_location(location: str) -> str:
    """The place of the images, as a full path where it is a folder.

    Raises:
        UserError: there is no such folder.
    """
    if location.startswith(storage.S3):
        return location
    folder = Path(location).expanduser().resolve()
    if not folder.is_dir():
        raise UserError(f"LOCATION: there is no folder '{location}': give the one with a folder a camera")
    return str(folder)


def run_retrain(
    asked: Retraining,
    settings: RunSettings,
    out: Path,
    data_root: str,
    command: Sequence[str] = (),
    runner: Runner = Runner.SUBPROCESS,
) -> "Retrained":
    """Run the pipeline with all it makes in `out`.

    Args:
        command: the arguments that were given, for command.txt.

    Raises:
        UserError: a stage refused what it was given, there is no champion, or another run is working in `out`.
        StageFailed: a stage failed for any other reason.
    """
    with recorded_run("retrain", settings, asked.tags(settings), out, data_root, command) as (_, lock):
        from simpgan.components.core.registry.model_registry import CANDIDATE, CHAMPION, ModelRegistry
        from simpgan.pipelines.graphs.retrain import retrain_pipeline
        from simpgan.pipelines.runner.local import run_pipeline

        work = way_of_running(runner, lock, [data_root], [asked.location])
        arguments = asked.arguments(settings, data_root)
        finished = run_pipeline(retrain_pipeline(asked.method, parallelism=1), arguments, out, work)
        if "evaluate" not in finished.stages:
            return Retrained()
        registry = ModelRegistry(asked.model)
        drift = Path(finished.outputs["drift"]["cameras"].path)
        return Retrained(registry.find(CANDIDATE) or registry.find(CHAMPION), drift)
