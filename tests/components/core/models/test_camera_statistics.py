"""Batch-norm statistics of each camera's images, and what is seen with them."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models import camera_statistics
from simpgan.components.core.models.camera_statistics import (
    FEWEST,
    CameraInference,
    CameraStatistics,
    cameras_with_few,
    few_in_words,
    shrunk,
)
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.extraction import extract, features_of, measure_statistics
from simpgan.components.core.models.precision import Inference, Outcome
from simpgan.components.core.models.whitening import Whitening

CAMERAS = [3] * 20 + [10] * FEWEST + [4] * (FEWEST - 1) + [None] * 3
UNLABELLED = np.arange(len(CAMERAS))


def manifest_of(cameras: list[int | None], camera_names: list[str] | None = None, dataset: str = "station") -> Manifest:
    """Images of those cameras, all of them for training."""
    images = pd.DataFrame(
        {
            "name": [f"all/{place:03d}.png" for place in range(len(cameras))],
            **dict.fromkeys(("shard", "sha256"), ""),
            **dict.fromkeys(("position", "width", "height"), 1),
            **dict.fromkeys(("person", "time"), None),
            "camera": cameras,
            "camera_name": camera_names or "",
        }
    )
    roles = pd.DataFrame({"image": range(len(cameras)), "protocol": "cameras", "fold": 0, "role": "train"})
    return Manifest(dataset, images, roles)


@dataclass
class Pictures:
    """Stands for images that lie in shards: those of a tensor, in batches."""

    images: Tensor
    manifest: Manifest

    def batches(self, classifier: SiameseClassifier, rows: np.ndarray, batch: int) -> Iterator[Tensor]:
        yield from self.images[torch.from_numpy(rows)].split(batch)


@pytest.fixture(scope="module")
def classifier() -> SiameseClassifier:
    torch.manual_seed(0)
    return SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=2, height=32, width=32)).eval()


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    """The darker the later: every camera has its own light."""
    generator = torch.Generator().manual_seed(1)
    light = torch.linspace(1, -0.5, len(CAMERAS)).view(-1, 1, 1, 1)
    return Pictures(torch.rand(len(CAMERAS), 3, 32, 32, generator=generator) * 0.5 + light - 0.5, manifest_of(CAMERAS))


@pytest.fixture(scope="module")
def measured(classifier: SiameseClassifier, pictures: Pictures) -> CameraStatistics:
    return measure_statistics(classifier, pictures, UNLABELLED, batch=64, precision="fp32", seed=0, by_camera=True)


def first_activations(classifier: SiameseClassifier, images: Tensor) -> np.ndarray:
    """The inputs [C, values] of the first batch-norm layer, in double precision."""
    with torch.no_grad():
        normalised = ((images.double() + 1) / 2 - classifier.mean) / classifier.deviation
        convolved = torch.nn.functional.conv2d(normalised, classifier.backbone.conv1.weight.double(), None, 2, 3)
    return convolved.transpose(0, 1).flatten(1).numpy()


@pytest.mark.parametrize(("camera", "rows"), [("3", slice(0, 20)), ("10", slice(20, 20 + FEWEST))])
def test_a_cameras_statistics_are_those_of_its_images_pulled_to_those_of_all(
    classifier: SiameseClassifier, pictures: Pictures, measured: CameraStatistics, camera: str, rows: slice
) -> None:
    seen, of_all = (first_activations(classifier, images) for images in (pictures.images[rows], pictures.images))
    share = (rows.stop - rows.start) / (rows.stop - rows.start + 16)
    own = measured.by_camera[camera]
    trained = classifier.backbone.bn1
    mean = share * seen.mean(1) + (1 - share) * (of_all.mean(1) + trained.running_mean.numpy()) / 2
    variance = share * seen.var(1, ddof=1) + (1 - share) * (of_all.var(1, ddof=1) + trained.running_var.numpy()) / 2
    np.testing.assert_allclose(own["backbone.bn1.running_mean"], mean, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(own["backbone.bn1.running_var"], variance, rtol=1e-3, atol=1e-4)


def test_a_camera_with_few_images_takes_the_whole_sets(
    classifier: SiameseClassifier, pictures: Pictures, measured: CameraStatistics
) -> None:
    assert list(measured.by_camera) == ["3", "10"]
    assert measured.images == {"3": 20, "4": FEWEST - 1, "10": FEWEST}
    assert cameras_with_few(pictures.manifest, UNLABELLED) == {"4": FEWEST - 1}
    seen = first_activations(classifier, pictures.images)
    np.testing.assert_allclose(measured.whole["backbone.bn1.running_mean"], seen.mean(1), rtol=1e-3, atol=1e-4)
    looking = CameraInference(classifier, "fp32", measured)
    images = pictures.images[:3]
    assert looking.of("4") is looking.of(None) is looking.of("unheard of") is not looking.of("3")
    assert not torch.allclose(looking.of("3")(images), looking.of(None)(images))


def test_small_batches_are_made_larger_for_a_camera(classifier: SiameseClassifier, pictures: Pictures) -> None:
    small = measure_statistics(classifier, pictures, UNLABELLED, batch=2, precision="fp32", seed=0, by_camera=True)
    seen = first_activations(classifier, pictures.images[20 : 20 + FEWEST])
    name = "backbone.bn1.running_var"
    own = {name: torch.from_numpy(seen.var(1, ddof=1)).float()}
    expected = shrunk(own, small.whole, classifier.state_dict(), FEWEST)[name]
    np.testing.assert_allclose(small.by_camera["10"][name], expected, rtol=1e-3, atol=1e-4)


@given(st.floats(-100, 100), st.floats(-100, 100), st.floats(-100, 100), st.integers(1, 10_000))
def test_the_more_images_the_less_a_cameras_statistics_are_pulled(
    own: float, whole: float, trained: float, images: int
) -> None:
    given_ones = [{"x": torch.tensor(value)} for value in (own, whole, trained)]
    few, more = (shrunk(*given_ones, n)["x"] for n in (images, images + 1))
    assert min(own, whole, trained) - 1e-4 <= few <= max(own, whole, trained) + 1e-4
    assert abs(more - own) <= abs(few - own) + 1e-4


def test_features_have_the_order_of_the_rows(
    classifier: SiameseClassifier, pictures: Pictures, measured: CameraStatistics
) -> None:
    """Against each image by itself, by a copy of the network with the statistics of its camera."""
    rows = np.array([0, 5, 21, 25, 36, 40, 50, 52])
    shuffled = Pictures(pictures.images, manifest_of([CAMERAS[place] for place in UNLABELLED[::-1]]))
    for images in (pictures, shuffled):
        found = extract(classifier, images, rows, batch=3, precision="fp32", label="test", statistics=measured).unit
        for place, row in enumerate(rows):
            camera = images.manifest.images["camera"].iloc[row]
            known = "" if pd.isna(camera) else str(camera)
            copy = SiameseClassifier(classifier.config).eval()
            copy.load_state_dict({**classifier.state_dict(), **measured.by_camera.get(known, measured.whole)})
            alone, _ = features_of(Inference(copy, "fp32"), pictures.images[row : row + 1])
            np.testing.assert_allclose(found[place], alone[0], atol=1e-5)


def test_the_network_keeps_its_own_statistics(
    classifier: SiameseClassifier, pictures: Pictures, measured: CameraStatistics
) -> None:
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    looking = CameraInference(classifier, "fp32", measured)
    for network, _ in looking.of_rows(pictures.manifest, UNLABELLED):
        network(pictures.images[:2])
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
    assert looking.precision == "fp32"


def test_threads_do_not_see_with_one_anothers_statistics(
    classifier: SiameseClassifier, pictures: Pictures, measured: CameraStatistics
) -> None:
    """A server answers several requests at a time."""
    looking = CameraInference(classifier, "fp32", measured)
    networks = [looking.of(camera) for camera in ("3", "10", None)] * 20
    expected = [network(pictures.images[:2]) for network in networks[:3]]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda network: network(pictures.images[:2]), networks))
    for place, each in enumerate(found):
        torch.testing.assert_close(each, expected[place % 3])


def test_outcomes_are_told_while_other_threads_look(classifier: SiameseClassifier, measured: CameraStatistics) -> None:
    looking = CameraInference(classifier, "fp32", measured)
    cameras = ("3", "10", None)
    for place, camera in enumerate(cameras):
        looking.of(camera).outcomes.update({torch.Size([n]): Outcome("fp32", reason=str(place)) for n in range(50)})
    expected = [str(Outcome("fp32", reason=str(place))) for place in range(3)]
    told = Event()

    def look() -> None:
        while not told.is_set():
            for camera in cameras:
                looking.of(camera)

    switched = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    with ThreadPoolExecutor(2) as pool:
        others = [pool.submit(look) for _ in range(2)]
        try:
            for _ in range(300):
                assert len(looking.outcomes) == 150
                assert sorted(str(looking).split("; ")) == expected
                assert looking.precision == "fp32"
        finally:
            told.set()
            sys.setswitchinterval(switched)
    for other in others:
        other.result()


def test_outcomes_of_networks_that_are_no_longer_kept_are_remembered_once_in_their_order(
    classifier: SiameseClassifier, measured: CameraStatistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_statistics, "KEPT", 1)
    looking = CameraInference(classifier, "fp32", measured)
    first, second = Outcome("fp32", 0.9, "first"), Outcome("bf16", 0.9999)
    for _ in range(3):
        for camera, outcome in (("3", first), ("10", second)):
            looking.of(camera).outcomes[torch.Size([1])] = outcome
    assert looking.outcomes == [first, second, second]
    assert str(looking) == f"{first}; {second}"


def test_a_file_has_all_of_them(classifier: SiameseClassifier, measured: CameraStatistics, tmp_path: Path) -> None:
    measured.save(tmp_path / "statistics.safetensors")
    read = CameraStatistics.load(tmp_path / "statistics.safetensors", classifier)
    assert (read.images, read.named, read.dataset) == (measured.images, False, "station")
    assert list(read.by_camera) == list(measured.by_camera)
    for ours, theirs in zip(
        [read.whole, *read.by_camera.values()], [measured.whole, *measured.by_camera.values()], strict=True
    ):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    alone = measured.of_whole_set
    alone.save(tmp_path / "alone.safetensors")
    assert CameraStatistics.load(tmp_path / "alone.safetensors", classifier).by_camera == {}


def test_damage_and_other_networks_are_told_in_a_line(
    classifier: SiameseClassifier, measured: CameraStatistics, tmp_path: Path
) -> None:
    path = tmp_path / "statistics.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot read the statistics in"):
        CameraStatistics.load(path, classifier)
    measured.save(path)
    other = SiameseClassifier(ClassifierConfig(backbone="resnet50", identities=2, height=32, width=32))
    with pytest.raises(UserError, match="is damaged or of another model"):
        CameraStatistics.load(path, other)
    broken = {**measured.by_camera["3"], "backbone.bn1.running_var": torch.full((64,), torch.nan)}
    CameraStatistics(measured.whole, {"3": broken}, {"3": 20}, dataset="station").save(path)
    with pytest.raises(UserError, match="numbers that are not finite"):
        CameraStatistics.load(path, classifier)


def test_a_name_is_known_wherever_the_camera_is_seen_again(classifier: SiameseClassifier, pictures: Pictures) -> None:
    """Numbers change when cameras come and go; names stay."""
    images = pictures.images[: 2 * FEWEST]
    names = ["door"] * FEWEST + ["hall"] * FEWEST
    before = Pictures(images, manifest_of([1] * FEWEST + [2] * FEWEST, names))
    rows = np.arange(2 * FEWEST)
    measured = measure_statistics(classifier, before, rows, batch=64, precision="fp32", seed=0, by_camera=True)
    assert list(measured.by_camera) == ["door", "hall"]
    for dataset in ("station", "airport"):
        later = manifest_of([1, 2, 3], ["cellar", "door", "hall"], dataset)
        assert measured.cameras(later, np.array([2, 0, 1])) == ["hall", "cellar", "door"]
        assert measured.of_whole_set.cameras(later, np.array([2, 0, 1])) == [None] * 3


def test_a_number_names_a_camera_of_its_own_data_set_only(measured: CameraStatistics) -> None:
    here = manifest_of([3, 10, None])
    elsewhere = Manifest("airport", here.images, here.roles)
    named_so = manifest_of([1, 2, 3], ["10", "2", "3"], "airport")
    assert measured.cameras(here, np.array([2, 0])) == [None, "3"]
    assert measured.cameras(elsewhere, np.array([2, 0])) == [None, None]
    assert measured.cameras(named_so, np.array([2, 0])) == [None, None]


def test_cameras_with_few_images_are_told_with_their_splits() -> None:
    assert few_in_words([{}, {}]) == ""
    assert few_in_words([{"3": 1, "door": 0}]) == "camera 3 (1 image), camera door (0 images)"
    several = few_in_words([{"10": 9, "3": 2}, {"10": 12}])
    assert several == "camera 3 (2 images in 1 of 2 splits), camera 10 (9 to 12 images)"


def test_a_whitening_is_written_and_read_with_the_statistics(
    classifier: SiameseClassifier, measured: CameraStatistics, tmp_path: Path
) -> None:
    path = tmp_path / "statistics.safetensors"
    whitening = Whitening.of(np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32))
    replace(measured, whitening=whitening).save(path)
    read = CameraStatistics.load(path, classifier)
    assert list(read.by_camera) == list(measured.by_camera)
    assert read.whitening is not None
    for name, array in vars(whitening).items():
        np.testing.assert_array_equal(getattr(read.whitening, name), array)
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        about = file.metadata()
    del tensors["whitening.directions"]
    save_file(tensors, path, metadata=about)
    with pytest.raises(UserError, match=r"cannot read the statistics in .*directions"):
        CameraStatistics.load(path, classifier)
