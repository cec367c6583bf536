"""What the names of the files tell before a run starts."""

import shutil
from pathlib import Path

import pytest

from simpgan.components.core.errors import UserError
from simpgan.pipelines.config.defaults import Combination
from simpgan.pipelines.config.presets import resolve
from simpgan.pipelines.requests.data_sets import DataSet, combined
from simpgan.pipelines.requests.early_checks import foresee
from simpgan.pipelines.requests.sweep import every_split, plan
from tests.components.ingest.data_sets import NAMES, files_of, write
from tests.conftest import Ingested

SETTINGS = resolve(None, [], None, "market1501")


@pytest.fixture
def market(ingested: Ingested, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ingested.folder / "market1501", tmp_path / "mine"))


def foreseen(ingested: Ingested, target: DataSet, *methods: str, **options: bool):
    source = DataSet.parse(f"grid:{ingested.folder / 'underground_reid'}", "--source")
    return foresee(combined([source], None), target, SETTINGS, plan(SETTINGS.train_gan, methods, [], target), **options)


def test_what_can_be_done_is_left_as_it_was(ingested: Ingested, market: Path) -> None:
    target = DataSet.parse(f"market1501:{market}", "--target")
    planned = plan(SETTINGS.train_gan, ["simpgan", "umdl"], [], target)
    assert foreseen(ingested, target, "simpgan", "umdl") == (planned, [])


def test_a_method_the_target_has_too_few_images_for_is_left_out(ingested: Ingested, market: Path) -> None:
    for image in sorted((market / "bounding_box_train").iterdir())[1:]:
        image.unlink()
    target = DataSet.parse(f"market1501:{market}", "--target")
    possible, (told,) = foreseen(ingested, target, "simpgan", "umdl")
    assert possible.methods == ["umdl"]
    assert told.startswith("simpgan standard:0 is left out: 1 training image of the target market1501 in standard")


def test_a_target_too_small_for_self_training_is_refused_if_nothing_else_was_asked_for(ingested: Ingested) -> None:
    target = DataSet.parse(f"market1501:{ingested.folder / 'market1501'}", "--target")
    possible, (told,) = foreseen(ingested, target, "simpgan", "self-training")
    assert possible.methods == ["simpgan"]
    assert "self-training standard:0 is left out: the target market1501 has " in told
    assert "self-training needs 300: it tells people apart by the 30 images nearest to each" in told
    with pytest.raises(UserError, match=r"self-training standard:0 is left out: .* needs 300"):
        foreseen(ingested, target, "self-training")


def test_a_table_of_what_was_measured_needs_a_probe_with_a_match(ingested: Ingested, market: Path) -> None:
    for image in (market / "query").iterdir():
        image.rename(image.with_name(f"-1{image.name[4:]}"))
    target = DataSet.parse(f"market1501:{market}", "--target")
    assert foreseen(ingested, target, "simpgan")[1] == []
    with pytest.raises(UserError, match="no probe in standard, fold 0 shows a person who is known"):
        foreseen(ingested, target, "simpgan", needs_rows=True)


def test_a_folder_of_another_layout_is_named(ingested: Ingested, market: Path) -> None:
    target = DataSet.parse(f"grid:{market}", "--target")
    with pytest.raises(UserError, match=f"no grid data set in .*; it looks like market1501: write market1501:{market}"):
        foreseen(ingested, target, "simpgan")


def test_a_source_without_labels_is_refused_by_its_layout(ingested: Ingested) -> None:
    cameras = DataSet("cameras", "s3://nowhere/yet", "cameras")
    with pytest.raises(UserError, match="--source cameras: the layout has no labels"):
        foresee(
            combined([cameras], None), cameras, SETTINGS, plan(SETTINGS.train_gan, ["gan"], [], cameras), scheduled=True
        )


def test_sources_are_foreseen_as_the_one_that_they_are_joined_to(ingested: Ingested, market: Path) -> None:
    for image in sorted((market / "bounding_box_train").iterdir())[1:]:
        image.unlink()
    mine = DataSet.parse(f"market1501:{market}", "--source", "mine")
    grid = DataSet.parse(f"grid:{ingested.folder / 'underground_reid'}", "--source")
    target = DataSet.parse(f"market1501:{ingested.folder / 'market1501'}", "--target")
    planned = plan(SETTINGS.train_gan, ["gan"], ["standard"], target)
    with pytest.raises(UserError, match="the source has 1 identity"):
        foresee(combined([mine], None), target, SETTINGS, planned)
    assert foresee(combined([mine, grid], Combination.DATA), target, SETTINGS, planned) == (planned, [])


@pytest.mark.parametrize("layout", NAMES)
def test_every_data_set_of_the_field_is_a_source_and_a_target(ingested: Ingested, layout: str, tmp_path: Path) -> None:
    mine = DataSet.parse(f"{layout}:{write(files_of(layout), tmp_path)}", "--source", "mine")
    grid = DataSet.parse(f"grid:{ingested.folder / 'underground_reid'}", "--target")
    [*_, split] = every_split(mine)
    for source, target, protocol in ((grid, mine, split.partition(":")[0]), (mine, grid, "folds10")):
        planned = plan(SETTINGS.train_gan, ["simpgan"], [protocol], target)
        assert foresee(combined([source], None), target, SETTINGS, planned) == (planned, [])
