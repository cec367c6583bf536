"""Places that runs write down, and the data root that commands find in the folder of a run."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpgan.components.core.errors import UserError
from simpgan.pipelines.runner.relocation import (
    DATA_ROOT,
    absolute_location,
    data_root_of,
    find_data_root,
    relative_to_run,
    write_data_root,
)
from tests.conftest import Ingested

NAMES = st.lists(st.text("abé", min_size=1, max_size=4).filter(lambda name: name.strip(".")), min_size=1, max_size=3)


@given(NAMES, NAMES, NAMES)
def test_a_place_in_the_folder_moves_with_it_and_another_one_stays(inside: list[str], out: list[str], now: list[str]):
    before, after = Path("/runs", *out), Path("/else", *now)
    recorded = relative_to_run(str(before.joinpath(*inside)), before)
    assert absolute_location(recorded, after) == str(after.joinpath(*inside))
    for elsewhere in (str(Path("/runs", *out[:-1], f"{out[-1]}x", *inside)), "s3://bucket/runs", "minio://bucket/x"):
        assert absolute_location(relative_to_run(elsewhere, before), after) == elsewhere


@pytest.fixture
def run(ingested: Ingested, tmp_path: Path) -> Path:
    """The folder of a run with a manifest in it, and its images outside."""
    shutil.copytree(ingested.target, tmp_path / "run" / "artifacts" / "manifest")
    write_data_root(ingested.data_root, tmp_path / "run")
    return tmp_path / "run"


def test_what_is_given_comes_before_what_the_run_says(run: Path, ingested: Ingested):
    manifest = run / "artifacts" / "manifest"
    assert find_data_root(None, manifest).place == find_data_root("", run).place == ingested.data_root
    assert find_data_root("/another", manifest).place == "/another"


def test_data_in_the_folder_of_a_run_are_those_of_its_copy(run: Path, tmp_path: Path):
    write_data_root(str(run / "data"), run)
    assert (run / DATA_ROOT).read_text() == "data\n"
    assert data_root_of(Path(shutil.copytree(run, tmp_path / "copy"))) == str(tmp_path / "copy" / "data")


def test_where_nothing_tells_it_is_asked_for(ingested: Ingested):
    with pytest.raises(UserError, match=r"--data-root is missing: '.*grid' lies in the folder of no run"):
        find_data_root(None, ingested.target)


def test_where_neither_is_right_both_are_said(run: Path, ingested: Ingested, tmp_path: Path):
    manifest = run / "artifacts" / "manifest"

    def failing(given: str | None) -> str:
        with pytest.raises(UserError) as failure, find_data_root(given, manifest).explained(manifest):
            raise UserError("no such file: shards/1.parquet")
        return str(failure.value)

    wrong = str(tmp_path / "wrong")
    assert failing(None) == "no such file: shards/1.parquet", "the images are there: it is something else"
    assert failing(wrong) == (
        f"images of grid are not in {wrong}, which --data-root names; the run had {ingested.data_root}: "
        "give the folder or s3:// prefix that they are in by --data-root"
    )
    write_data_root(wrong, run)
    assert failing(None) == (
        f"images of grid are not in {wrong}, which the run in {run} names: "
        "give the folder or s3:// prefix that they are in by --data-root"
    )
