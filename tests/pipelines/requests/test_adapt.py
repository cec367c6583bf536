"""The requests of `adapt` and `table1`: the same options are the same arguments here and on a cluster."""

import json
from typing import Any

import pytest

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


def test_the_same_options_are_the_same_request_here_and_on_a_cluster(ingested: Ingested, options: dict[str, Any]):
    source = f"market1501:{ingested.folder / 'market1501'}"
    for request in (
        AdaptRequest(source=source, method="simpgan,umdl", seed=3, **options),
        Table1Request(source=[source, source], source_name=["one", "two"], seed=[3, 4], **options),
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
