"""The pipeline `retrain` as Kubeflow gets it."""

import pytest
import yaml
from kfp.compiler import Compiler
from kfp.components import load_component_from_file

from simpgan.pipelines.graphs.retrain import PARTS_AT_A_TIME, retrain_pipeline
from tests.pipelines.graphs.compiled_tasks import dags


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Compiles the pipeline for a method."""

    def compiled(method="simpgan", **how):
        path = tmp_path_factory.mktemp("compiled") / "retrain.yaml"
        Compiler().compile(retrain_pipeline(method, **how), str(path))
        load_component_from_file(str(path))  # refuses what is not a valid pipeline
        return yaml.safe_load(path.read_text())

    return compiled


@pytest.fixture(scope="module")
def document(compiled):
    return compiled()


def test_only_a_look_is_taken_before_there_is_enough(document):
    root, enough_files, enough_images, parts = dags(document)
    assert sorted(root) == ["condition-1", "watch"]
    assert "pipelinechannel--watch-Output'] == 'yes'" in root["condition-1"]["triggerPolicy"]["condition"]
    assert sorted(enough_files) == ["champion", "condition-3", "for-loop-2", "merge"]
    assert "pipelinechannel--merge-Output'] == 'yes'" in enough_files["condition-3"]["triggerPolicy"]["condition"]
    trained = ["drift", "evaluate", "evaluate-2", "propose", "train-gan", "translate", "translate-2"]
    assert sorted(enough_images) == trained
    assert sorted(parts) == ["ingest-part"]


def test_training_goes_on_from_the_champion_on_the_merged_images(document):
    _, enough_files, enough_images, _ = dags(document)
    inputs = enough_images["train-gan"]["inputs"]["artifacts"]
    assert {name: each["componentInputArtifact"] for name, each in inputs.items()} == {
        "initial": "pipelinechannel--champion-translator",
        "classifier": "pipelinechannel--champion-classifier",
        "source": "pipelinechannel--champion-source",
        "target": "pipelinechannel--merge-manifest",
    }
    former = enough_files["merge"]["inputs"]["artifacts"]["former"]["componentInputArtifact"]
    assert former == "pipelinechannel--watch-known"


def test_candidate_and_champion_are_measured_on_the_same_images_and_held_against_each_other(document):
    tasks = dags(document)[2]
    measured = {
        name: {key: each for key, each in tasks[name]["inputs"]["artifacts"].items() if key != "translation"}
        for name in ("evaluate", "evaluate-2")
    }
    translators = [each.pop("translator") for each in measured.values()]
    assert measured["evaluate"] == measured["evaluate-2"]
    assert translators[0]["taskOutputArtifact"]["producerTask"] == "train-gan"
    assert translators[1]["componentInputArtifact"] == "pipelinechannel--champion-translator"
    held = tasks["propose"]["inputs"]["artifacts"]
    assert held["results"]["taskOutputArtifact"]["producerTask"] == "evaluate"
    assert held["results_of_champion"]["taskOutputArtifact"]["producerTask"] == "evaluate-2"
    assert held["translator"] == translators[0]


def test_what_looks_at_files_and_at_the_registry_never_comes_from_the_cache(document):
    every = {name: task for tasks in dags(document) for name, task in tasks.items()}
    cached = {name for name, task in every.items() if task.get("cachingOptions", {}).get("enableCache")}
    stages = {name for name in every if not name.startswith(("condition", "for-loop"))}
    assert stages - cached == {"watch", "champion", "propose"}


@pytest.mark.parametrize("method", ["adabn", "camera-adabn"])
def test_adabn_trains_and_translates_nothing(compiled, method):
    tasks = dags(compiled(method))[2]
    assert sorted(tasks) == ["drift", "evaluate", "propose"]
    assert "translator" not in tasks["propose"]["inputs"]["artifacts"]


def test_every_task_gets_every_parameter_of_its_component(document):
    for tasks in dags(document):
        for task in tasks.values():
            component = document["components"][task["componentRef"]["name"]]
            if "executorLabel" in component:
                assert set(task["inputs"]["parameters"]) == set(component["inputDefinitions"]["parameters"])


def test_all_parameters_are_text_since_numbers_would_arrive_as_floats(document):
    parameters = document["root"]["inputDefinitions"]["parameters"]
    assert {parameter["parameterType"] for parameter in parameters.values()} == {"STRING"}


def test_as_many_parts_are_read_at_a_time_as_is_said(document, compiled):
    def limit(pipeline):
        return dags(pipeline)[1]["for-loop-2"]["iteratorPolicy"]["parallelismLimit"]

    assert limit(document) == PARTS_AT_A_TIME
    assert limit(compiled(parallelism=1)) == 1


def test_self_training_goes_on_from_the_champion_and_both_are_measured_beside_its_classifier(compiled):
    tasks = dags(compiled("self-training+camera-adabn"))[2]
    assert sorted(tasks) == ["drift", "evaluate", "evaluate-2", "propose", "self-train"]
    artifacts = {name: tasks[name]["inputs"]["artifacts"] for name in tasks}
    champion = {"componentInputArtifact": "pipelinechannel--champion-classifier"}
    assert artifacts["self-train"]["initial"] == champion
    learned = artifacts["evaluate"]["counterpart"]
    assert learned["taskOutputArtifact"]["producerTask"] == "self-train"
    assert artifacts["evaluate-2"]["counterpart"] == champion
    assert artifacts["evaluate"]["classifier"] == artifacts["evaluate-2"]["classifier"] == champion
    assert artifacts["propose"]["classifier"] == learned
    assert artifacts["propose"]["results_of_champion"]["taskOutputArtifact"]["producerTask"] == "evaluate-2"
