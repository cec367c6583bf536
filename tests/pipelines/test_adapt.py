"""The pipeline `adapt` as Kubeflow gets it."""

import pytest
import yaml
from kfp.compiler import Compiler
from kfp.components import load_component_from_file

from pipelines.adapt import adapt_pipeline


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """The compiled pipeline."""
    path = tmp_path_factory.mktemp("compiled") / "adapt.yaml"
    Compiler().compile(adapt_pipeline(), str(path))
    load_component_from_file(str(path))  # refuses what is not a valid pipeline
    return yaml.safe_load(path.read_text())


def test_the_stages_of_an_adaptation_are_in_a_loop_whose_outputs_are_evaluated_together(document):
    tasks = document["root"]["dag"]["tasks"]
    assert sorted(tasks) == ["evaluate", "for-loop-1", "ingest", "ingest-2", "pretrain"]
    loop = document["components"][tasks["for-loop-1"]["componentRef"]["name"]]
    assert sorted(loop["dag"]["tasks"]) == ["train-gan", "translate"]
    translated = tasks["evaluate"]["inputs"]["artifacts"]["translated"]["taskOutputArtifact"]
    assert translated["producerTask"] == "for-loop-1"


def test_both_data_sets_are_read_before_anything_is_trained(document):
    assert sorted(document["root"]["dag"]["tasks"]["pretrain"]["dependentTasks"]) == ["ingest", "ingest-2"]


def test_every_task_gets_every_parameter_of_its_component(document):
    loop = next(each for each in document["components"].values() if "dag" in each)
    for task in [*document["root"]["dag"]["tasks"].values(), *loop["dag"]["tasks"].values()]:
        component = document["components"][task["componentRef"]["name"]]
        if "executorLabel" in component:
            assert set(task["inputs"]["parameters"]) == set(component["inputDefinitions"]["parameters"])


def test_every_stage_runs_in_its_own_image_and_installs_nothing(document):
    executors = document["deploymentSpec"]["executors"]
    images = {name: executor["container"]["image"] for name, executor in executors.items()}
    assert images == {
        "exec-ingest": "simpgan/ingest:latest",
        "exec-ingest-2": "simpgan/ingest:latest",
        "exec-pretrain": "simpgan/pretrain:latest",
        "exec-train-gan": "simpgan/train-gan:latest",
        "exec-translate": "simpgan/translate:latest",
        "exec-evaluate": "simpgan/evaluate:latest",
    }
    assert "pip install" not in yaml.safe_dump(document)


def test_parameters_are_text_since_numbers_would_arrive_as_floats(document):
    parameters = document["root"]["inputDefinitions"]["parameters"]
    assert {name for name, parameter in parameters.items() if parameter["parameterType"] != "STRING"} == {"adaptations"}


def test_only_the_local_pipeline_limits_how_many_adaptations_run_at_a_time(document, tmp_path):
    assert "iteratorPolicy" not in document["root"]["dag"]["tasks"]["for-loop-1"]
    Compiler().compile(adapt_pipeline(parallelism=1), str(tmp_path / "local.yaml"))
    local = yaml.safe_load((tmp_path / "local.yaml").read_text())
    assert local["root"]["dag"]["tasks"]["for-loop-1"]["iteratorPolicy"] == {"parallelismLimit": 1}
