"""The folder of features."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from simpgan.components.core.data.features import features_digest, load_features, save_features
from simpgan.components.core.errors import UserError

DESCRIPTION = {"method": "umdl", "protocol": "folds10", "fold": 3, "seed": 0, "steps": 0, "target": "ab12"}
ROWS = np.array([1, 4, 9])
FEATURES = np.arange(6, dtype=np.float32).reshape(3, 2)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_what_was_saved_is_loaded(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, 2**40), max_size=6))), dtype=np.int64)
    finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
    width = data.draw(st.integers(1, 5))
    features = data.draw(arrays.arrays(np.float32, (len(rows), width), elements=finite))
    folder = tmp_path_factory.mktemp("features") / "new"
    save_features(folder, rows, features, DESCRIPTION)
    loaded = load_features(folder)
    np.testing.assert_array_equal(loaded.rows, rows)
    np.testing.assert_array_equal(loaded.features, features)
    assert (loaded.rows.dtype, loaded.features.dtype) == (np.int64, np.float32)
    assert loaded.description == DESCRIPTION


def test_features_of_some_rows_come_in_their_order(tmp_path: Path) -> None:
    save_features(tmp_path, ROWS, FEATURES, DESCRIPTION)
    np.testing.assert_array_equal(load_features(tmp_path).select(np.array([9, 1, 9])), [[4, 5], [0, 1], [4, 5]])


def test_rows_without_features_are_refused(tmp_path: Path) -> None:
    save_features(tmp_path, ROWS, FEATURES, DESCRIPTION)
    with pytest.raises(UserError, match="features of umdl lack 2 of the images of protocol 'folds10', fold 3"):
        load_features(tmp_path).select(np.array([0, 1, 10]))


def test_the_digest_tells_features_and_descriptions_apart(tmp_path: Path) -> None:
    cases = (("one", FEATURES, 3), ("same", FEATURES, 3), ("more", FEATURES + 1, 3), ("fold", FEATURES, 4))
    for name, features, fold in cases:
        save_features(tmp_path / name, ROWS, features, {**DESCRIPTION, "fold": fold})
    digests = {name: features_digest(tmp_path / name) for name in ("one", "same", "more", "fold")}
    assert digests["one"] == digests["same"]
    assert len(set(digests.values())) == 3


@pytest.mark.parametrize(
    ("rows", "features"),
    [
        (np.array([4, 1, 9]), FEATURES),
        (np.array([1, 1, 9]), FEATURES),
        (np.array([1, 4]), FEATURES),
        (ROWS, FEATURES[:, 0]),
        (ROWS, np.where(FEATURES == 3, np.nan, FEATURES)),
    ],
)
def test_what_is_no_set_of_features_is_not_saved(tmp_path: Path, rows: np.ndarray, features: np.ndarray) -> None:
    with pytest.raises(ValueError):
        save_features(tmp_path / "new", rows, features, DESCRIPTION)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["features.json", "features.safetensors"])
def test_a_folder_without_features_is_refused(tmp_path: Path, name: str) -> None:
    save_features(tmp_path, ROWS, FEATURES, DESCRIPTION)
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=rf"no features in .*: it has no {name}; give the folder that umdl wrote"):
        load_features(tmp_path)


@pytest.mark.parametrize("name", ["features.json", "features.safetensors"])
def test_damaged_features_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    save_features(tmp_path, ROWS, FEATURES, DESCRIPTION)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="are damaged") as refused:
        load_features(tmp_path)
    assert "\n" not in str(refused.value)


def test_the_description_can_be_read_by_anyone(tmp_path: Path) -> None:
    save_features(tmp_path, ROWS, FEATURES, DESCRIPTION)
    assert json.loads((tmp_path / "features.json").read_text()) == DESCRIPTION
