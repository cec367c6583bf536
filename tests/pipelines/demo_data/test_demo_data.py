"""The generated networks: their layouts are those of the real data sets, and the same seed gives the same bytes."""

import inspect
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat

from simpgan.components.core.errors import UserError
from simpgan.pipelines.demo_data import generate

MARKET_NAME = re.compile(r"(-1|\d{4})_c([1-6])s\d_\d{6}_\d{2}\.jpg")
GRID_NAME = re.compile(r"(\d{4})_([1-6])_\d+_\d+_\d+_(\d+)_(\d+)\.jpeg")
SMALL = {"source_identities": 8, "target_identities": 9}


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return generate(tmp_path_factory.mktemp("demo"), seed=3, **SMALL)


def names(folder: Path, pattern: re.Pattern[str]) -> list[tuple[str, ...]]:
    """The parts of each picture's name; every file but the thumbnail cache has to be a picture by its name."""
    found = [pattern.fullmatch(path.name) for path in sorted(folder.iterdir()) if path.name != "Thumbs.db"]
    assert all(found), folder
    return [match.groups() for match in found if match]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_only_the_two_networks_are_left_in_the_folder(networks: tuple[Path, Path]) -> None:
    source, target = networks
    assert sorted(path.name for path in source.parent.iterdir()) == ["market1501", "underground_reid"]
    assert sorted(p.name for p in source.iterdir()) == ["bounding_box_test", "bounding_box_train", "query"]
    assert sorted(p.name for p in target.iterdir()) == ["features_and_partitions.mat", "gallery", "probe"]


def test_source_trains_and_tests_on_different_people(networks: tuple[Path, Path]) -> None:
    source, _ = networks
    train = {person for person, _ in names(source / "bounding_box_train", MARKET_NAME)}
    query = {person for person, _ in names(source / "query", MARKET_NAME)}
    gallery = {person for person, _ in names(source / "bounding_box_test", MARKET_NAME)}
    assert len(train) == 8
    assert len(query) == 2
    assert not train & query
    assert gallery - {"-1", "0000"} == query
    assert "0000" in gallery


def test_every_source_person_is_seen_by_several_cameras(networks: tuple[Path, Path]) -> None:
    pictures = names(networks[0] / "bounding_box_train", MARKET_NAME)
    for person, number in Counter(person for person, _ in pictures).items():
        assert 6 <= number <= 10
        assert len({camera for other, camera in pictures if other == person}) >= 3


def test_every_query_has_a_match_from_another_camera(networks: tuple[Path, Path]) -> None:
    gallery = names(networks[0] / "bounding_box_test", MARKET_NAME)
    for person, camera in names(networks[0] / "query", MARKET_NAME):
        assert any(other == person and seen_by != camera for other, seen_by in gallery)


def test_source_has_thumbnail_caches_and_pictures_of_one_size(networks: tuple[Path, Path]) -> None:
    for part in networks[0].iterdir():
        assert (part / "Thumbs.db").exists()
        for path in part.glob("*.jpg"):
            with Image.open(path) as picture:
                assert (picture.size, picture.mode) == ((64, 128), "RGB")


def test_every_target_person_has_one_probe_and_one_gallery_picture_from_different_cameras(
    networks: tuple[Path, Path],
) -> None:
    probe = names(networks[1] / "probe", GRID_NAME)
    gallery = [parts for parts in names(networks[1] / "gallery", GRID_NAME) if parts[0] != "0000"]
    people = [f"{number:04d}" for number in range(1, 10)]
    assert [person for person, *_ in probe] == people
    assert [person for person, *_ in gallery] == people
    assert all(first[1] != second[1] for first, second in zip(probe, gallery, strict=True))


def test_target_pictures_have_the_sizes_that_their_names_say(networks: tuple[Path, Path]) -> None:
    paths = sorted(networks[1].glob("*/*.jpeg"))
    for path in paths:
        *_, width, height = path.stem.split("_")
        with Image.open(path) as picture:
            assert picture.size == (int(width), int(height))
    assert len({path.stem.split("_")[-1] for path in paths}) > 5


def test_ten_folds_halve_the_people_and_point_at_their_pictures(networks: tuple[Path, Path]) -> None:
    target = networks[1]
    partitions = loadmat(target / "features_and_partitions.mat")
    probe = np.array([int(path.name[:4]) for path in sorted((target / "probe").iterdir())])
    gallery = np.array([int(path.name[:4]) for path in sorted((target / "gallery").iterdir())])
    assert partitions["trainIdxAll"].shape == partitions["testIdxAll"].shape == (1, 10)
    halvings = set()
    for fold in range(10):
        train, test = (partitions[name][0, fold][0, 0] for name in ("trainIdxAll", "testIdxAll"))
        trained_on, held_out = train["personIdx"].ravel().tolist(), test["personIdx"].ravel().tolist()
        assert (len(trained_on), len(held_out)) == (5, 4)
        assert sorted(trained_on + held_out) == list(range(1, 10))
        assert probe[train["probeImIdx"].ravel() - 1].tolist() == trained_on
        assert gallery[train["galleryImIdx"].ravel() - 1].tolist() == trained_on
        assert probe[test["probeImIdx"].ravel() - 1].tolist() == held_out
        assert sorted(set(gallery[test["galleryImIdx"].ravel() - 1].tolist())) == [0, *held_out]
        assert (gallery == 0).sum() == (gallery[test["galleryImIdx"].ravel() - 1] == 0).sum()
        halvings.add(tuple(held_out))
    assert len(halvings) > 1


def test_the_same_seed_gives_the_same_bytes(networks: tuple[Path, Path], tmp_path: Path) -> None:
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]
    again = generate(tmp_path, seed=3, **SMALL)
    assert [contents(folder) for folder in again] == [contents(folder) for folder in networks]
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index, union-attr]


def test_another_seed_gives_other_pictures(networks: tuple[Path, Path], tmp_path: Path) -> None:
    for folder, other in zip(networks, generate(tmp_path, seed=4, **SMALL), strict=True):
        pictures = {content for name, content in contents(folder).items() if "Thumbs" not in name}
        others = {content for name, content in contents(other).items() if "Thumbs" not in name}
        assert not pictures & others


def test_target_is_darker_and_flatter_than_source(networks: tuple[Path, Path]) -> None:
    def statistics(folder: Path) -> tuple[float, float]:
        grey = [np.asarray(Image.open(path).convert("L")) for path in sorted(folder.glob("*/*.jp*g"))]
        return float(np.mean([image.mean() for image in grey])), float(np.mean([image.std() for image in grey]))

    (source_mean, source_spread), (target_mean, target_spread) = (statistics(folder) for folder in networks)
    assert target_mean < 0.9 * source_mean
    assert target_spread < 0.9 * source_spread


def test_default_numbers_of_people() -> None:
    defaults = inspect.signature(generate).parameters
    assert defaults["source_identities"].default >= 150
    assert defaults["target_identities"].default >= 100


def test_a_folder_that_is_there_already_is_left_alone(networks: tuple[Path, Path]) -> None:
    before = contents(networks[0].parent)
    with pytest.raises(UserError, match=r"market1501 exists already"):
        generate(networks[0].parent, seed=9, **SMALL)
    assert contents(networks[0].parent) == before


def test_too_few_people_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least 2"):
        generate(tmp_path / "out", seed=0, source_identities=1)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write the demo data into .*file"):
        generate(tmp_path / "file" / "out", seed=0, **SMALL)
