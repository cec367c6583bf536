"""The requests of `adapt` and `table1`: the same options are the same arguments here and on a cluster."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cluster.data_checks import ClusterPlaces
from simpgan.pipelines.requests.adapt import AdaptRequest
from simpgan.pipelines.requests.places import Places
from simpgan.pipelines.requests.table1 import Table1Request
from tests.conftest import Ingested


@pytest.fixture
def options(ingested: Ingested) -> dict[str, Any]:
    """Options of both pipelines."""
    return {
        "target": f"grid:{ingested.folder / 'underground_reid'}",
        "target_name": "station",
        "protocol": "all250",
        "preset": "small",
        "set": ["train_gan.steps=7"],
    }


def test_the_same_options_are_the_same_request_here_and_on_a_cluster(
    ingested: Ingested, options: dict[str, Any], tmp_path: Path
):
    source = f"market1501:{ingested.folder / 'market1501'}"
    copy = f"market1501:{shutil.copytree(ingested.folder / 'market1501', tmp_path / 'copy')}"
    for request in (
        AdaptRequest(source=source, method="simpgan,umdl", seed=3, **options),
        Table1Request(source=[source, source], source_name=["one", "two"], seed=[3, 4], **options),
        AdaptRequest(source=[source, copy], source_name=["one", "two"], **options),
        Table1Request(source=[source, copy], source_name=["one", "two"], combine="data", **options),
        Table1Request(source=[source, copy], source_name=["one", "two"], combine="features", **options),
    ):
        here, there = request.check(Places()), request.check(ClusterPlaces())
        assert here.arguments == there.arguments
        assert (here.settings, here.reads, here.tags) == (there.settings, there.reads, there.tags)
        assert (here.title, here.notes) == (there.title, there.notes)


def test_options_become_arguments_tags_and_a_title(ingested: Ingested, options: dict[str, Any]):
    source = f"market1501:{ingested.folder / 'market1501'}"
    sweep = ["train_gan.lambda_similarity=0.1,1"]
    request = AdaptRequest(source=source, seed=3, sweep=sweep, **options).check(Places())
    assert json.loads(request.arguments["train_gan_settings"])["steps"] == 7
    assert [json.loads(each["changes"]) for each in request.arguments["adaptations"]] == [
        {"lambda_similarity": 0.1},
        {"lambda_similarity": 1},
    ]
    assert request.tags == {"source": "market1501", "target": "station", "method": "simpgan", "preset": "small"}
    assert request.title == (
        "adapt market1501 to station, simpgan, all250:0, small, seed 3, train_gan.lambda_similarity=0.1,1, "
        "train_gan.steps=7"
    )
    assert "data_root" not in request.arguments


@pytest.fixture
def two_sources(ingested: Ingested, tmp_path: Path) -> list[str]:
    """Two labelled data sets in different layouts at different places."""
    one = shutil.copytree(ingested.folder / "market1501", tmp_path / "one")
    other = shutil.copytree(ingested.folder / "underground_reid", tmp_path / "other")
    return [f"market1501:{one}", f"grid:{other}"]


def test_several_sources_are_one_for_adapt_and_for_table1_if_asked(two_sources: list[str], options: dict[str, Any]):
    adapt = AdaptRequest(source=two_sources, **options).check(Places())
    table1 = Table1Request(source=two_sources, combine="data", **options).check(Places())
    for request in (adapt, table1):
        assert request.arguments["source_name"] == "grid+market1501"
        assert [each["source_name"] for each in request.arguments["sources"]] == ["market1501", "grid"]
        assert request.tags["source"] == "grid+market1501"
        assert f"{request.pipeline} grid+market1501 to station" in request.title
        parameters = request.build().pipeline_spec.root.input_definitions.parameters
        assert set(parameters) == {*request.arguments, "data_root"}
        assert all(text.partition(":")[2] in request.reads for text in two_sources)
    one_by_one = Table1Request(source=two_sources, **options).check(Places())
    assert "source_name" not in one_by_one.arguments
    assert one_by_one.tags["source"] == "market1501,grid"


@pytest.mark.parametrize("kind", [AdaptRequest, Table1Request])
def test_a_classifier_for_each_source_has_the_first_as_the_source_of_the_results(
    two_sources: list[str], options: dict[str, Any], kind: type[AdaptRequest | Table1Request]
):
    request = kind(source=two_sources, combine="features", **options).check(Places())
    assert request.arguments["source_name"] == "market1501"
    assert [each["source_name"] for each in request.arguments["companions"]] == ["grid"]
    assert request.tags["source"] == "market1501 with grid"
    assert set(request.build().pipeline_spec.root.input_definitions.parameters) == {*request.arguments, "data_root"}
    assert all(text.partition(":")[2] in request.reads for text in two_sources)
    with pytest.raises(UserError, match="2 --source and 1 --source-name: name all of them or none"):
        kind(source=two_sources, combine="features", source_name="both", **options).check(Places())


@pytest.mark.parametrize("kind", [AdaptRequest, Table1Request])
def test_a_classifier_for_all_sources_can_be_joined_with_one_for_each(
    two_sources: list[str], options: dict[str, Any], kind: type[AdaptRequest | Table1Request]
):
    request = kind(source=two_sources, combine="both", **options).check(Places())
    assert request.arguments["source_name"] == "grid+market1501"
    assert "companions" not in request.arguments
    assert request.tags["source"] == "grid+market1501 with market1501 and grid"
    assert set(request.build().pipeline_spec.root.input_definitions.parameters) == {*request.arguments, "data_root"}


@pytest.mark.parametrize(
    ("names", "parts", "joint"),
    [
        ([], ["market1501", "grid"], "grid+market1501"),
        (["both"], ["market1501", "grid"], "both"),
        (["mine", "theirs"], ["mine", "theirs"], "mine+theirs"),
    ],
)
def test_a_joint_source_is_named_itself_or_by_its_parts(
    two_sources: list[str], options: dict[str, Any], names: list[str], parts: list[str], joint: str
):
    arguments = AdaptRequest(source=two_sources, source_name=names, **options).check(Places()).arguments
    assert [each["source_name"] for each in arguments["sources"]] == parts
    assert arguments["source_name"] == joint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"source_name": ["a", "b", "c"]},
            "2 --source and 3 --source-name: name all of them, all together by one name",
        ),
        ({"source_name": ["a/b", "c"]}, "--source-name 'a/b': sources that are joined have names without '/'"),
        ({"source_name": ["a", "a"]}, "two sources are called 'a'"),
        ({"source_name": ["station", "a"]}, "source and target are both called station"),
    ],
)
def test_sources_that_cannot_be_one_are_refused(
    two_sources: list[str], options: dict[str, Any], changes: dict[str, Any], message: str
):
    with pytest.raises(UserError, match=message):
        AdaptRequest(source=two_sources, **changes, **options).check(Places())


def test_one_source_twice_is_no_joint_source(two_sources: list[str], options: dict[str, Any]):
    again = [two_sources[0], f"{two_sources[0]}/"]
    with pytest.raises(UserError, match="two of the sources are at"):
        AdaptRequest(source=again, source_name=["one", "two"], **options).check(Places())
    with pytest.raises(UserError, match="--combine data: there is one --source only"):
        Table1Request(source=again[0], combine="data", **options).check(Places())
