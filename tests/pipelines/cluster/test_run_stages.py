"""Stages of a run: told from the workflow's nodes, of which a server lists many more."""

import json

import kfp_server_api as api
import pytest

from simpgan.pipelines.cluster.run_stages import stages_of
from simpgan.pipelines.cluster.workflow_nodes import fnv_1a
from simpgan.pipelines.graphs.adapt import adapt_pipeline
from simpgan.pipelines.graphs.retrain import retrain_pipeline
from simpgan.pipelines.graphs.table1 import table1_pipeline
from tests.pipelines.cluster.compiling import compiled
from tests.pipelines.kubeflow_tasks import Workflow


@pytest.fixture(scope="module")
def adapt():
    return compiled(adapt_pipeline(["simpgan"])).pipeline


@pytest.fixture(scope="module")
def table1():
    return compiled(table1_pipeline(["simpgan"])).pipeline


FOLDS = [
    {"method": "simpgan", "protocol": "folds10", "fold": fold, "changes": changes}
    for fold, changes in [("0", "{}"), ("1", '{"lambda_similarity": 0.1}')]
]


def run_of(workflow, arguments, with_children=True):
    return api.V2beta1Run(
        run_details=api.V2beta1RunDetails(task_details=workflow.tasks(with_children)),
        runtime_config=api.V2beta1RuntimeConfig(parameters=arguments),
    )


def titles(pipeline, run):
    return [f"{stage.title}: {stage.state}" for stage in stages_of(pipeline, run)]


def loops(group):
    """The names of a group's loops."""
    return sorted(name for name, task in group["dag"]["tasks"].items() if "parameterIterator" in task)


@pytest.mark.parametrize(("text", "expected"), [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)])
def test_the_hash_of_a_node_is_fnv_1a_with_32_bits(text, expected):
    assert fnv_1a(text) == expected


def test_every_task_is_one_stage_and_nothing_else_is(adapt):
    workflow = Workflow()
    workflow.stage("ingest", state="SUCCEEDED", seconds=34, attempts=3)
    workflow.stage("ingest-2")
    assert titles(adapt, run_of(workflow, {})) == ["ingest source: SUCCEEDED", "ingest target: RUNNING"]
    first, second = stages_of(adapt, run_of(workflow, {}))
    assert (first.seconds, first.component, first.cached) == (34, "ingest", False)
    assert second.seconds is None


def test_stages_in_a_loop_have_method_fold_and_changes(adapt):
    workflow = Workflow()
    (loop,) = loops(adapt["root"])
    workflow.stage(loop, 0, "train-gan", state="SUCCEEDED", seconds=60)
    workflow.stage(loop, 0, "translate")
    workflow.stage(loop, 1, "train-gan", state="FAILED", seconds=9)
    assert titles(adapt, run_of(workflow, {"adaptations": FOLDS})) == [
        "train-gan simpgan folds10:0: SUCCEEDED",
        "translate simpgan folds10:0: RUNNING",
        "train-gan simpgan folds10:1 lambda_similarity=0.1: FAILED",
    ]


def test_stages_in_nested_loops_have_source_and_seed_too(table1):
    outer, *_ = loops(table1["root"])
    per_source = table1["components"][table1["root"]["dag"]["tasks"][outer]["componentRef"]["name"]]
    inner, *_ = loops(per_source)
    per_seed = table1["components"][per_source["dag"]["tasks"][inner]["componentRef"]["name"]]
    adaptations, *_ = loops(per_seed)
    seeds = [
        {"pretrain_settings": json.dumps({"seed": seed}), "umdl_settings": json.dumps({"seed": seed})}
        for seed in (0, 7)
    ]
    arguments = {"sources": [{"source_name": "one"}, {"source_name": "two"}], "seeds": seeds, "adaptations": FOLDS}
    workflow = Workflow()
    workflow.stage(outer, 1, inner, 1, "pretrain", state="SUCCEEDED", seconds=5)
    workflow.stage(outer, 1, inner, 1, adaptations, 0, "train-gan")
    for source in (0, 1):
        workflow.stage(outer, source, inner, 0, "pretrain", state="SUCCEEDED", seconds=5)
    assert sorted(titles(table1, run_of(workflow, arguments))) == [
        "pretrain one seed 0: SUCCEEDED",
        "pretrain two seed 0: SUCCEEDED",
        "pretrain two seed 7: SUCCEEDED",
        "train-gan two seed 7 simpgan folds10:0: RUNNING",
    ]


def test_items_that_only_the_run_knows_are_numbered():
    retrain = compiled(retrain_pipeline("simpgan")).pipeline
    (condition,) = (name for name in retrain["root"]["dag"]["tasks"] if name.startswith("condition"))
    enough = retrain["components"][retrain["root"]["dag"]["tasks"][condition]["componentRef"]["name"]]
    (loop,) = loops(enough)
    workflow = Workflow()
    workflow.stage(condition, loop, 0, "ingest-part", state="SUCCEEDED", seconds=5)
    workflow.stage(condition, loop, 1, "ingest-part")
    assert titles(retrain, run_of(workflow, {})) == ["ingest-part item 1: SUCCEEDED", "ingest-part item 2: RUNNING"]


def test_a_stage_whose_outputs_were_cached_is_told_from_one_that_ran(adapt):
    workflow = Workflow()
    workflow.stage("ingest", state="SUCCEEDED", seconds=0, cached=True)
    workflow.stage("ingest-2", state="SUCCEEDED", seconds=34)
    assert [stage.cached for stage in stages_of(adapt, run_of(workflow, {}))] == [True, False]


def test_a_server_that_does_not_list_children_shows_each_task_of_a_loop_once(adapt):
    workflow = Workflow()
    (loop,) = loops(adapt["root"])
    workflow.stage(loop, 0, "train-gan")
    workflow.stage(loop, 1, "train-gan")
    assert titles(adapt, run_of(workflow, {"adaptations": FOLDS}, with_children=False)) == ["train-gan: RUNNING"]


def test_a_run_without_tasks_has_no_stages(adapt):
    run = api.V2beta1Run(runtime_config=api.V2beta1RuntimeConfig(parameters={}))
    assert stages_of(adapt, run) == []
