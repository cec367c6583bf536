"""Compare every camera's new images with its images before."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from simpgan.components.core import storage
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.models.unlabelled_score import frechet_distance
from simpgan.components.core.results.summary import UNTRACKABLE
from simpgan.components.drift.appearance import MEASURES, change, in_words
from simpgan.components.drift.cameras import BLOCKS, Networks, Rows, block_length, sample
from simpgan.components.drift.distances import compare
from simpgan.components.drift.image_features import ImageFeatures, Model
from simpgan.components.drift.settings import DriftSettings

SCHEMA = 1
Status = Literal["same", "changed", "new", "silent", "few"]


class MeasureChange(BaseModel):
    """A plain measure of a camera's images: means before and now, and their difference in standard deviations."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    before: float
    now: float
    effect: float


class CameraDrift(BaseModel):
    """The drift of one camera; distances are squared Frechet distances of features, None if not measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    camera: str
    status: Status = Field(description="same, changed, new (no image before), silent (no image since) or few.")
    reference: int = Field(ge=0, description="Images before.")
    new: int = Field(ge=0, description="Images since.")
    compared: int = Field(0, ge=0, description="Images that were compared, of either side.")
    distance: float | None = Field(None, description="Distance of the new images from those before.")
    usual: float | None = Field(None, description="Median distance of two random halves of both.")
    upper: float | None = Field(None, description="Distance that 95 % of random halves stay below.")
    p: float | None = Field(None, description="Probability that chance alone makes them so far apart.")
    distance_to_all: float | None = Field(None, description="Distance of the new images from all images before.")
    measures: dict[str, MeasureChange] = Field({}, description="Changes of `appearance.MEASURES`.")
    causes: list[str] = Field([], description="Large changes of measures, in words.")

    @property
    def ratio(self) -> float | None:
        """The distance over that of two halves of one set; about 1 if nothing has changed."""
        return None if self.distance is None or self.usual is None else self.distance / max(self.usual, 1e-12)

    def __str__(self) -> str:
        """Describe the drift in words, without a full stop at the end."""
        if self.status == "silent":
            return f"{self.camera} has no new image; before it had {self.reference}"
        if self.status == "few":
            return (
                f"{self.camera} cannot be judged: {self.reference} images before and {self.new} new ones, "
                f"but at least {BLOCKS} of each are needed"
            )
        because = f": {', '.join(self.causes)}" if self.causes else ""
        if self.status == "new":
            return f"{self.camera} was not there before, and has {self.new} images" + (
                f"; compared with all cameras before, they are {', '.join(self.causes)}" if self.causes else ""
            )
        times = f"{self.ratio:.1f} times as far from those before as chance would put them (p = {self.p:.2g})"
        if self.status == "changed":
            return f"{self.camera} has changed{because}; its new images are {times}"
        return f"{self.camera} looks as before; its new images are {times}"


@dataclass(frozen=True, eq=False)
class ComparedCamera:
    """A camera with the images that were compared.

    Attributes:
        drift: the drift of the camera.
        before: its images before, of a new camera those of all cameras; None if there are none.
        now: its new images; None if there are none.
    """

    drift: CameraDrift
    before: ImageFeatures | None = None
    now: ImageFeatures | None = None


def compare_cameras(
    reference: Manifest, new: Manifest, networks: Networks, model: Model, settings: DriftSettings, data_root: str
) -> Iterator[ComparedCamera]:
    """Yield the comparison of every camera, in the order of the networks' names."""
    random = np.random.default_rng(settings.seed)
    everything = model.extract(reference, of_all_cameras(networks, settings.sample, random), data_root)
    for camera in networks.names:
        before, since = networks.reference.get(camera, NONE), networks.new.get(camera, NONE)
        counts: dict[str, Any] = {"camera": camera, "reference": len(before), "new": len(since)}
        if not len(since):
            yield ComparedCamera(CameraDrift(status="silent", **counts))
            continue
        count = min(settings.sample, len(since), len(before) or len(everything.rows))
        if count < BLOCKS:
            yield ComparedCamera(CameraDrift(status="few", **counts))
            continue
        block = block_length(count, settings.block)
        now = model.extract(new, sample(since, count, block, random), data_root)
        counts["compared"] = len(now.rows)
        others = everything.first(len(now.rows))
        distance_to_all = distance_of(now, others)
        if not len(before):
            yield ComparedCamera(
                CameraDrift(status="new", distance_to_all=distance_to_all, **appearance_of(others, now), **counts),
                others,
                now,
            )
            continue
        own = model.extract(reference, sample(before, count, block, random), data_root)
        difference = compare(own.features, now.features, block, settings.permutations, random)
        drift = CameraDrift(
            status="changed" if difference.p <= settings.threshold else "same",
            distance=difference.distance,
            usual=difference.usual,
            upper=difference.upper,
            p=difference.p,
            distance_to_all=distance_to_all,
            **appearance_of(own, now),
            **counts,
        )
        yield ComparedCamera(drift, own, now)


NONE: Rows = np.empty(0, np.int64)


def of_all_cameras(networks: Networks, count: int, random: np.random.Generator) -> Rows:
    """Return random rows of the reference's images of all cameras, in random order."""
    rows = np.concatenate(list(networks.reference.values()))
    return random.permutation(rows)[:count]


def distance_of(first: ImageFeatures, second: ImageFeatures) -> float:
    """Return the squared Frechet distance of the features of two sets of images of equal size."""
    return max(0.0, frechet_distance(torch.from_numpy(first.features), torch.from_numpy(second.features)))


def appearance_of(before: ImageFeatures, now: ImageFeatures) -> dict[str, Any]:
    """Return the changes of plain measures, and the large ones in words."""
    changes = {name: change(before.measures[name], now.measures[name]) for name in MEASURES}
    measures = {
        name: MeasureChange(before=each.before, now=each.now, effect=each.effect) for name, each in changes.items()
    }
    return {"measures": measures, "causes": in_words(changes)}


def write_drift(
    path: str | Path,
    cameras: Sequence[CameraDrift],
    digests: Mapping[str, str],
    settings: DriftSettings,
    precision: str,
) -> None:
    """Write drift.json: {"schema", the digests of the inputs, "settings", "precision", "changed", "cameras"}.

    Args:
        path: path or `s3://` location.
        cameras: the drift of every camera.
        digests: digests of the inputs by name.
        settings: settings of the stage.
        precision: precision of the features, as in `Inference.precision`.

    Raises:
        UserError: the location cannot be written.
    """
    document = {
        "schema": SCHEMA,
        **digests,
        "settings": settings.model_dump(),
        "precision": precision,
        "changed": any(each.status == "changed" for each in cameras),
        "cameras": [{**each.model_dump(), "ratio": each.ratio} for each in cameras],
    }
    storage.write_bytes(str(path), (json.dumps(document, indent=2) + "\n").encode())


def read_drift(path: Path) -> list[CameraDrift]:
    """Read the cameras of a drift.json."""
    return [
        CameraDrift.model_validate({name: value for name, value in camera.items() if name != "ratio"})
        for camera in json.loads(path.read_bytes())["cameras"]
    ]


def figures_of(cameras: Sequence[CameraDrift]) -> dict[str, float]:
    """Return the tracked metrics: cameras by status, and each camera's ratio and p-value."""
    figures: dict[str, float] = {
        f"drift/{status}": sum(each.status == status for each in cameras)
        for status in ("changed", "new", "silent", "few")
    }
    for each in cameras:
        if each.ratio is not None and each.p is not None:
            name = UNTRACKABLE.sub("_", each.camera)
            figures |= {f"drift/ratio/{name}": each.ratio, f"drift/p/{name}": each.p}
    return figures
