"""The request of `retrain`: where cameras send images, and how the champion continues."""

import json
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field

from simpgan.components.core.errors import UserError
from simpgan.components.core.registry.continuation import FOLD, PROTOCOL, RETRAINED, translator_of
from simpgan.components.core.results.methods import (
    ADABN,
    CAMERA_ADABN,
    JOINED,
    WHITENED,
    joins,
    statistics_of,
    whitens,
    with_part,
    without_statistics,
)
from simpgan.components.core.settings import nearest
from simpgan.components.propose.settings import ProposeSettings
from simpgan.components.self_train.settings import SelfTrainSettings
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.pipelines.config.defaults import MODEL, PART_IMAGES, RETRAIN_METHOD, THRESHOLD, Combination
from simpgan.pipelines.config.presets import RunSettings, resolve
from simpgan.pipelines.requests.places import Places
from simpgan.pipelines.requests.request import CheckedRequest, PipelineRequest, settings_as_text

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent

LAYOUT = "cameras"
OWN_STAGES = ("ingest", "drift", "translate")
"""Stages whose settings are taken as they are."""


class RetrainRequest(PipelineRequest):
    """The options of `retrain`."""

    location: str = Field(description="s3:// prefix, or folder in all pods, of camera images")
    model: str = Field(MODEL, description="name of the registered model")
    method: str = Field(RETRAIN_METHOD, description="by which the champion goes on; AdaBN trains nothing")
    threshold: int = Field(THRESHOLD, ge=1, description="new images that are worth a training")
    part_images: int = Field(PART_IMAGES, ge=1, description="files that one pod reads")
    seed: int | None = Field(None, ge=0, description="seed of every stage that has one")

    @classmethod
    def graph_for(cls, method: str, combine: Combination | None = None) -> "GraphComponent":
        """Return the pipeline for one method."""
        if combine:
            raise UserError("retrain has no sources to combine: leave out --combine")
        method = method or RETRAIN_METHOD
        refuse_other_method(method)
        return build(method)

    def check(self, places: Places) -> CheckedRequest:
        """Check the place of the images, the method and the settings."""
        location = places.images(self.location)
        refuse_other_method(self.method)
        settings = resolve(self.preset, self.assignments, self.seed, LAYOUT)
        preset = settings.evaluate.preset
        target = location.rstrip("/").rpartition("/")[2]
        arguments = {
            "location": location,
            "model": self.model,
            "threshold": str(self.threshold),
            "part_images": str(self.part_images),
            **settings_as_text(settings, OWN_STAGES),
            "train_gan_settings": json.dumps(self.train_gan(settings)),
            "self_train_settings": json.dumps(self.self_train(settings)),
            "evaluate_settings": json.dumps({**settings.as_values()["evaluate"], "protocols": [PROTOCOL]}),
            "propose_settings": json.dumps(self.propose(settings)),
        }
        title = f"retrain {self.model} on {target}, {self.method}, {preset or 'defaults'}"
        return CheckedRequest(
            pipeline="retrain",
            build=partial(build, self.method),
            arguments=arguments,
            settings=settings,
            reads=[location],
            tags={"source": self.model, "target": target, "method": self.method, "preset": preset},
            title=", ".join([title, *self.assignments]),
        )

    def train_gan(self, settings: RunSettings) -> Mapping[str, Any]:
        """Resolve the settings of the training, for the only split of cameras."""
        method = translator_of(self.method) or settings.train_gan.method
        own = {"method": method, "protocol": PROTOCOL, "fold": FOLD}
        resolved = TrainGanSettings.resolve(settings.train_gan.model_dump(), own, stage="train_gan")
        return resolved.model_dump(mode="json")

    def self_train(self, settings: RunSettings) -> Mapping[str, Any]:
        """Resolve the settings of the training on clusters, for the only split of cameras."""
        own = {"protocol": PROTOCOL, "fold": FOLD}
        resolved = SelfTrainSettings.resolve(settings.self_train.model_dump(), own, stage="self_train")
        return resolved.model_dump(mode="json")

    def propose(self, settings: RunSettings) -> Mapping[str, Any]:
        """Resolve the settings of the proposal, which looks at images as the evaluation did."""
        evaluated = settings.evaluate
        default = CAMERA_ADABN if evaluated.camera_adabn else ADABN if evaluated.adabn else ""
        adapted = statistics_of(self.method) or default
        trained = without_statistics(self.method).partition("+")[0]
        method = with_part(trained, adapted)
        method = with_part(method, JOINED) if joins(self.method) else method
        method = with_part(method, WHITENED) if whitens(self.method) else method
        own = {
            "model": self.model,
            "method": method,
            "protocol": PROTOCOL,
            "fold": FOLD,
            "batch": evaluated.batch,
            "precision": evaluated.precision,
        }
        return ProposeSettings.resolve(settings.propose.model_dump(), own, stage="propose").model_dump(mode="json")


def refuse_other_method(method: str) -> None:
    """Raise UserError unless training can continue from a champion by this one method."""
    if method not in RETRAINED:
        raise UserError(f"--method '{method}' is none to go on by: {nearest(method, RETRAINED)}")


def build(method: str, **limits: int) -> "GraphComponent":
    """Return the pipeline for a method, with the limits that `retrain_pipeline` takes."""
    from simpgan.pipelines.graphs.retrain import retrain_pipeline

    return retrain_pipeline(method, **limits)
