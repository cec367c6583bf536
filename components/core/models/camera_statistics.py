"""Batch-norm statistics of unlabelled images: of the whole set (AdaBN), and of each camera (Zhuang et al. 2020).

AdaBN (Li et al. 2017) replaces the statistics that a classifier has from its training by those of the target's images.
Camera-based batch normalisation (Zhuang, Wei, Xie, Zhang, Zhang, Wu, Ai and Tian, Rethinking the Distribution Gap of
Person Re-identification with Camera-based Batch Normalization, ECCV 2020) normalises the images of each camera by the
statistics of that camera, so that light and colours of a camera differ less from those of another.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from simpgan.components.core.data.cameras import have_names, in_order, rows_by_camera
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import SiameseClassifier
from simpgan.components.core.models.model_folder import check_state
from simpgan.components.core.models.precision import Inference, Outcome, precisions_of
from simpgan.components.core.models.whitening import Whitening

FEWEST = 16
"""Unlabelled images that a camera needs for statistics of its own."""

PRIOR = 16
"""Weight of the statistics of all images in those of a camera, in images of it (`shrunk`)."""

KEPT = 8
"""Networks with different statistics that are kept in memory, about 100 MB each."""

OF_CAMERA = "camera"
"""First part of the names of a camera's statistics in a file."""

OF_WHITENING = "whitening"
"""First part of the names of the whitening's arrays in a file."""

NO_CAMERAS = '{"own": [], "images": {}, "named": false, "dataset": ""}'
"""What a file without cameras says of them."""

Statistics = Mapping[str, Tensor]
"""Means and variances of a network's batch-norm layers, by the names they have in the network's state."""


@dataclass(frozen=True, eq=False)
class CameraStatistics:
    """Batch-norm statistics of unlabelled images.

    Attributes:
        whole: statistics of all images.
        by_camera: statistics of each camera with at least `FEWEST` images, by its name; empty for AdaBN.
        images: number of unlabelled images of each camera of the data set; empty for AdaBN.
        named: whether the cameras have names of their own, as in `cameras.have_names`.
        dataset: name of the data set whose cameras these are; empty for AdaBN.
        whitening: whitens the features of images seen with these statistics; None: they stay as they are.
    """

    whole: Statistics
    by_camera: Mapping[str, Statistics] = field(default_factory=dict)
    images: Mapping[str, int] = field(default_factory=dict)
    named: bool = False
    dataset: str = ""
    whitening: Whitening | None = None

    @classmethod
    def of(
        cls,
        classifier: SiameseClassifier,
        manifest: Manifest,
        rows: Mapping[str, NDArray[np.int64]],
        whole: Statistics,
        measured: Mapping[str, Statistics],
    ) -> Self:
        """Return the statistics of a manifest's cameras, each averaged with those of all images (`shrunk`).

        Args:
            classifier: the classifier that the statistics are of, with those of its training.
            manifest: the manifest.
            rows: unlabelled images of each of its cameras.
            whole: statistics of all of them.
            measured: statistics of each camera with at least `FEWEST` of them.
        """
        images = {camera: len(own) for camera, own in rows.items()}
        trained = classifier.state_dict()
        by_camera = {camera: shrunk(own, whole, trained, images[camera]) for camera, own in measured.items()}
        return cls(whole, by_camera, images, have_names(manifest), manifest.dataset)

    @property
    def of_whole_set(self) -> Self:
        """Return the statistics of the whole set alone (AdaBN)."""
        return replace(self, by_camera={}, images={})

    def cameras(self, manifest: Manifest, rows: NDArray[np.int64]) -> list[str | None]:
        """Return the camera of each of a manifest's rows, by its name here; None: unknown.

        Camera 1 of another data set is another camera, so numbers of one are unknown here.
        """
        own = manifest.dataset == self.dataset
        if not self.by_camera or not (own or self.named):
            return [None] * len(rows)
        names = (manifest.shown("camera") if own else manifest.images["camera_name"]).iloc[rows]
        return [name or None for name in names.fillna("")]

    def to(self, device: torch.device) -> Self:
        """Return the same statistics on a device."""
        whole, *others = (
            {name: value.to(device) for name, value in each.items()} for each in (self.whole, *self.by_camera.values())
        )
        return replace(self, whole=whole, by_camera=dict(zip(self.by_camera, others, strict=True)))

    def save(self, path: Path) -> None:
        """Write the statistics as safetensors. The file's metadata name the cameras."""
        tensors = dict(self.whole)
        for place, own in enumerate(self.by_camera.values()):
            tensors |= {f"{OF_CAMERA}.{place}.{name}": value for name, value in own.items()}
        if self.whitening:
            tensors |= {
                f"{OF_WHITENING}.{name}": torch.from_numpy(array) for name, array in vars(self.whitening).items()
            }
        about = {
            "own": list(self.by_camera),
            "images": dict(self.images),
            "named": self.named,
            "dataset": self.dataset,
        }
        save_file(
            {name: value.cpu().contiguous() for name, value in tensors.items()},
            path,
            metadata={"cameras": json.dumps(about)} if self.images else None,
        )

    @classmethod
    def load(cls, path: Path, network: nn.Module) -> Self:
        """Read what `save` wrote, to the device of the network.

        Raises:
            UserError: the file cannot be read, or its statistics are of another network.
        """
        try:
            with safe_open(path, "pt") as file:
                about = json.loads((file.metadata() or {}).get("cameras", NO_CAMERAS))
                names = file.keys()
                tensors = {name: file.get_tensor(name) for name in names}
            cameras, images = list(about["own"]), dict(about["images"])
            named, dataset = bool(about["named"]), str(about["dataset"])
            arrays = {name: value.numpy() for name, value in below(f"{OF_WHITENING}.", tensors).items()}
            whitening = Whitening(**arrays) if arrays else None
        except (OSError, SafetensorError, ValueError, TypeError, LookupError) as failure:
            raise UserError(f"cannot read the statistics in '{path.parent}': {failure}") from None
        prefixes = [f"{OF_CAMERA}.{place}." for place in range(len(cameras))]
        of_cameras = [below(prefix, tensors) for prefix in prefixes]
        apart = (*prefixes, f"{OF_WHITENING}.")
        whole = {name: value for name, value in tensors.items() if not name.startswith(apart)}
        own = network.state_dict()
        for each in (whole, *of_cameras):
            check_state(own, {**own, **each}, path)
        by_camera = dict(zip(cameras, of_cameras, strict=True))
        return cls(whole, by_camera, images, named, dataset, whitening).to(next(network.parameters()).device)


def below(prefix: str, tensors: Statistics) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def shrunk(own: Statistics, whole: Statistics, trained: Statistics, images: int) -> Statistics:
    """Average the statistics of a camera with those of all images, which count more the fewer images it has.

    With n images, a mean or variance becomes (n * own + `PRIOR` * (whole + trained) / 2) / (n + `PRIOR`). Schneider et
    al. (NeurIPS 2020) average the statistics of a source and a target in this way.

    Args:
        own: statistics of the camera.
        whole: statistics of the whole set.
        trained: statistics from the training on the source.
        images: number of the camera's images.
    """
    weight = images / (images + PRIOR)
    return {name: torch.lerp((whole[name] + trained[name]) / 2, value, weight) for name, value in own.items()}


def cameras_with_few(manifest: Manifest, rows: NDArray[np.int64]) -> dict[str, int]:
    """Return the cameras that take the whole set's statistics, with the number of their images among `rows`."""
    of_cameras = rows_by_camera(manifest, rows)
    return {camera: len(own) for camera, own in of_cameras.items() if len(own) < FEWEST}


def few_in_words(few: Sequence[Mapping[str, int]]) -> str:
    """Return the cameras of `cameras_with_few`, in each of some splits, in words; empty if there are none."""
    named = []
    for camera in sorted({camera for each in few for camera in each}, key=in_order):
        counts = [each[camera] for each in few if camera in each]
        images = f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else str(counts[0])
        where = f" in {len(counts)} of {len(few)} splits" if len(counts) < len(few) else ""
        named.append(f"camera {camera} ({images} image{'' if images == '1' else 's'}{where})")
    return ", ".join(named)


class CameraInference:
    """Runs a classifier on images of several cameras, with the statistics of each; otherwise as `Inference` does.

    Args:
        network: classifier in evaluation mode.
        wanted: precision, as for `Inference`.
        statistics: the statistics that images are seen with; None: the network's own.
        by_layer: as for `Inference`.
    """

    def __init__(
        self,
        network: SiameseClassifier,
        wanted: str = "auto",
        statistics: CameraStatistics | None = None,
        *,
        by_layer: bool = False,
    ) -> None:
        self.network, self.wanted, self.statistics, self.by_layer = network, wanted, statistics, by_layer
        self._own = Inference(network.folded(), wanted, by_layer=by_layer)
        self._looking: dict[str | None, Inference] = {}
        self._forgotten: dict[Outcome, None] = {}  # in the order in which they came
        self._lock = Lock()  # servers answer in several threads

    def of(self, camera: str | None = None) -> Inference:
        """Return the network with the statistics of a camera; those of the whole set if it has none, or is None.

        Each of these networks has weights of its own, since the statistics are folded into them. The ones that were
        used last are kept.
        """
        known = self._known(camera)
        with self._lock:
            looking = self._looking.pop(known, None) or self._with_statistics_of(known)
            self._looking[known] = looking
            if len(self._looking) > KEPT:
                oldest = self._looking.pop(next(iter(self._looking)))
                self._forgotten.update(dict.fromkeys(oldest.outcomes_so_far()))
        return looking

    def _known(self, camera: str | None) -> str | None:
        return camera if self.statistics and camera in self.statistics.by_camera else None

    def _with_statistics_of(self, camera: str | None) -> Inference:
        if self.statistics is None:
            return self._own
        own = self.statistics.whole if camera is None else self.statistics.by_camera[camera]
        return Inference(self.network.folded(own), self.wanted, origin=self._own, by_layer=self.by_layer)

    def whitened(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Whiten features [N, D] that the networks have, if the statistics say how."""
        whitening = self.statistics.whitening if self.statistics else None
        return whitening(features) if whitening else features

    def by_camera(self, cameras: Sequence[str | None]) -> Iterator[tuple[Inference, NDArray[np.int64]]]:
        """Yield networks with different statistics, each with the rising places of the images to be seen with them.

        Args:
            cameras: the camera of each image; None: unknown.
        """
        places: dict[str | None, list[int]] = {}
        for place, camera in enumerate(cameras):
            places.setdefault(self._known(camera), []).append(place)
        for camera, of_camera in places.items():
            yield self.of(camera), np.array(of_camera, np.int64)

    def of_rows(self, manifest: Manifest, rows: NDArray[np.int64]) -> Iterator[tuple[Inference, NDArray[np.int64]]]:
        """Yield what `by_camera` yields, for some rows of a manifest."""
        yield from self.by_camera(self.statistics.cameras(manifest, rows) if self.statistics else [None] * len(rows))

    @property
    def outcomes(self) -> list[Outcome]:
        """Return the precisions used so far, with their reasons: once for all networks that are no longer kept."""
        with self._lock:
            return [*self._forgotten, *(each for kept in self._looking.values() for each in kept.outcomes_so_far())]

    @property
    def precision(self) -> str:
        """Return the precisions used so far in words, as `Inference.precision` does."""
        return precisions_of(self.outcomes)

    def __str__(self) -> str:
        """Return the outcomes so far, each once."""
        return "; ".join(dict.fromkeys(map(str, self.outcomes)))
