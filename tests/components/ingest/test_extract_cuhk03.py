"""Images and test sets come out of cuhk-03.mat as ingest reads them."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from simpgan.components.core.errors import UserError
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.components.ingest.layouts.extract_cuhk03 import extract
from simpgan.components.ingest.preview import preview
from simpgan.components.ingest.settings import IngestSettings
from tests.components.ingest.data_sets import cuhk03_splits

SIZES = (3, 2, 1, 1, 1)
"""People of each pair of views."""
TESTED = [[(1, 2), (5, 1)], [(1, 3), (2, 2)]]


def colour(kind: str, pair: int, person: int, shot: int) -> tuple[int, int, int]:
    return (20 * pair + person, 20 * shot, 200 if kind == "labeled" else 100)


def write_release(path: Path) -> Path:
    """A cuhk-03.mat as MATLAB 7.3 writes cells: references, with all axes reversed; an empty cell has two zeros."""
    with h5py.File(path, "w") as file:
        cells = file.create_group("#refs#")

        def referred(content: np.ndarray) -> h5py.Reference:
            return cells.create_dataset(f"c{len(cells)}", data=content).ref

        for kind in ("labeled", "detected"):
            pairs = file.create_dataset(kind, (1, 5), h5py.ref_dtype)
            for pair, people in enumerate(SIZES, 1):
                of_pair = cells.create_dataset(f"{kind}{pair}", (10, people), h5py.ref_dtype)
                for person in range(1, people + 1):
                    for shot in range(1, 11):
                        image = np.empty((12, 6, 3), np.uint8)
                        image[:] = colour(kind, pair, person, shot)
                        missing = shot in (4, 5, 9, 10)
                        of_pair[shot - 1, person - 1] = referred(np.zeros(2, np.uint64) if missing else image.T)
                pairs[0, pair - 1] = of_pair.ref
        sets = file.create_dataset("testsets", (1, len(TESTED)), h5py.ref_dtype)
        for fold, tested in enumerate(TESTED):
            sets[0, fold] = referred(np.array(tested, dtype=np.float64).T)
    return path


@pytest.mark.parametrize(("kind", "layout"), [("labeled", "cuhk03-labelled"), ("detected", "cuhk03-detected")])
def test_what_is_taken_out_is_read_with_the_classic_splits(kind: str, layout: str, tmp_path: Path):
    out = tmp_path / "cuhk03"
    extract(write_release(tmp_path / "cuhk-03.mat"), out)
    names = sorted(path.name for path in (out / f"images_{kind}").iterdir())
    assert len(names) == sum(SIZES) * 6
    with Image.open(out / f"images_{kind}/2_001_2_08.png") as image:
        assert image.size == (6, 12)
        assert image.getpixel((0, 0)) == colour(kind, 2, 1, 8)
    rest = [name for name in names if name.startswith("1")]
    (out / f"splits_new_{kind}.json").write_bytes(cuhk03_splits([(tuple(rest), (), ())]))
    seen = preview(str(out), IngestSettings(layout=layout))
    assert seen is not None
    for fold, tested in enumerate(TESTED):
        queried = seen.images["person_name"].iloc[seen.rows("classic-a2b", fold, "query")]
        assert set(queried) == {f"{pair}_{person:03}" for pair, person in tested}
        assert len(queried) == 6
        assert len(seen.rows("classic-a2b", fold, "gallery")) == 2
        assert len(seen.rows("classic-a2b", fold, "train")) == len(names) - 12


@pytest.mark.parametrize("content", [b"", b"no HDF5", None])
def test_another_file_is_refused(content: bytes | None, tmp_path: Path):
    path = tmp_path / "cuhk-03.mat"
    if content is None:
        h5py.File(path, "w").close()
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"cuhk-03\.mat is damaged, or not CUHK03's cuhk-03\.mat"):
        extract(path, tmp_path / "out")


def test_without_h5py_its_name_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError, match=r"needs h5py: pip install h5py"):
        extract(tmp_path / "cuhk-03.mat", tmp_path / "out")


def test_the_command_takes_a_file_and_a_folder(tmp_path: Path):
    command = [sys.executable, "-m", "simpgan.components.ingest.layouts.extract_cuhk03"]
    write_release(tmp_path / "cuhk-03.mat")
    subprocess.run([*command, "cuhk-03.mat", "out"], cwd=tmp_path, check=True, capture_output=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "images_detected",
        "images_labeled",
        "splits_classic_detected.json",
        "splits_classic_labeled.json",
    ]
    refused = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert (refused.returncode, refused.stderr) == (1, "give two arguments, CUHK-03.MAT and FOLDER\n")


@pytest.mark.parametrize("layout", ["cuhk03-labelled", "market1501"])
def test_the_makers_release_itself_leads_to_the_command(layout: str, tmp_path: Path):
    write_release(tmp_path / "cuhk-03.mat")
    with pytest.raises(UserError, match=r"cuhk-03\.mat: take the images out of it by python -m simpgan\.components"):
        preview(str(tmp_path), IngestSettings(layout=layout))


def test_the_command_that_is_named_is_there():
    module = LAYOUTS["cuhk03-labelled"].packed["cuhk-03.mat"].rpartition("python -m ")[2].split()[0]
    assert module == extract.__module__
