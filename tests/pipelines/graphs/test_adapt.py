"""The pipeline `adapt` as Kubeflow gets it."""

import pytest
import yaml
from kfp.compiler import Compiler
from kfp.components import load_component_from_file

from simpgan.pipelines.graphs.adapt import adapt_pipeline
from tests.pipelines.graphs.compiled_tasks import dags, images


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Compiles the pipeline for some methods."""

    def compiled(*methods, **options):
        path = tmp_path_factory.mktemp("compiled") / "adapt.yaml"
        Compiler().compile(adapt_pipeline(methods, **options), str(path))
        load_component_from_file(str(path))  # refuses what is not a valid pipeline
        return yaml.safe_load(path.read_text())

    return compiled


@pytest.fixture(scope="module")
def document(compiled):
    """The compiled pipeline with every loop."""
    return compiled("simpgan", "source-to-target", "umdl")


def test_what_is_trained_for_a_split_is_in_loops_whose_outputs_are_evaluated_together(document):
    root, *loops = dags(document)
    assert sorted(root) == [
        "check",
        "evaluate",
        "for-loop-1",
        "for-loop-2",
        "for-loop-3",
        "ingest",
        "ingest-2",
        "pretrain",
    ]
    assert [sorted(loop) for loop in loops] == [
        ["train-gan", "translate"],
        ["pretrain-2", "train-gan-2", "translate-2"],
        ["umdl"],
    ]
    artifacts = root["evaluate"]["inputs"]["artifacts"]
    producers = {name: artifact["taskOutputArtifact"]["producerTask"] for name, artifact in artifacts.items()}
    assert producers == {
        "source": "ingest",
        "target": "ingest-2",
        "classifier": "pretrain",
        "translated": "for-loop-1",
        "translators": "for-loop-1",
        "counterparts": "for-loop-2",
        "features": "for-loop-3",
    }


def test_loops_that_no_method_needs_are_left_out(compiled):
    for methods, stages in (
        (["gan", "simpgan"], ["train-gan", "translate"]),
        (["source-to-target"], ["pretrain-2", "train-gan", "translate"]),
        (["umdl"], ["umdl"]),
    ):
        _, loop = dags(compiled(*methods))
        assert sorted(loop) == stages


def test_self_training_starts_from_the_classifier_of_the_source_as_recorded_or_as_translated(compiled):
    root, plain, translated = dags(compiled("self-training", "simpgan+self-training"))
    assert sorted(plain) == ["self-train"]
    assert sorted(translated) == ["pretrain-2", "self-train-2", "train-gan", "translate"]
    starts = plain["self-train"]["inputs"]["artifacts"], translated["self-train-2"]["inputs"]["artifacts"]
    assert starts[0]["initial"]["componentInputArtifact"] == "pipelinechannel--pretrain-classifier"
    assert starts[1]["initial"]["taskOutputArtifact"]["producerTask"] == "pretrain-2"
    artifacts = root["evaluate"]["inputs"]["artifacts"]
    producers = {name: artifact["taskOutputArtifact"]["producerTask"] for name, artifact in artifacts.items()}
    assert (producers["self_trained"], producers["simpgan_self_trained"]) == ("for-loop-1", "for-loop-2")


def test_a_counterpart_trains_its_gan_with_the_arguments_of_an_adaptation(document):
    _, adaptations, counterparts, _ = dags(document)
    ours, theirs = adaptations["train-gan"]["inputs"], counterparts["train-gan-2"]["inputs"]
    assert theirs["artifacts"] == ours["artifacts"]
    same = {name for name, value in ours["parameters"].items() if theirs["parameters"][name] == value}
    assert set(ours["parameters"]) - same == {"method", "protocol", "fold", "changes"}
    assert theirs["parameters"]["method"]["runtimeValue"]["constant"] == "simpgan"
    assert theirs["parameters"]["changes"]["runtimeValue"]["constant"] == "{}"


def test_both_data_sets_are_read_and_checked_before_anything_is_trained(document):
    tasks = document["root"]["dag"]["tasks"]
    assert sorted(tasks["pretrain"]["dependentTasks"]) == ["check", "ingest"]
    assert sorted(tasks["check"]["dependentTasks"]) == ["ingest", "ingest-2"]


def test_every_task_gets_every_parameter_of_its_component(document):
    for tasks in dags(document):
        for task in tasks.values():
            component = document["components"][task["componentRef"]["name"]]
            if "executorLabel" in component:
                assert set(task["inputs"]["parameters"]) == set(component["inputDefinitions"]["parameters"])


def test_every_stage_runs_in_its_own_image_and_installs_nothing(document):
    assert images(document) == {
        "simpgan/ingest:latest",
        "simpgan/pretrain:latest",
        "simpgan/train-gan:latest",
        "simpgan/translate:latest",
        "simpgan/umdl:latest",
        "simpgan/evaluate:latest",
    }
    assert "pip install" not in yaml.safe_dump(document)


def test_parameters_are_text_since_numbers_would_arrive_as_floats(document):
    parameters = document["root"]["inputDefinitions"]["parameters"]
    lists = {name for name, parameter in parameters.items() if parameter["parameterType"] != "STRING"}
    assert lists == {"adaptations", "counterparts", "umdl_splits", "self_trainings", "simpgan_self_trainings"}


def test_only_the_local_pipeline_limits_how_many_adaptations_run_at_a_time(document, compiled):
    assert "iteratorPolicy" not in document["root"]["dag"]["tasks"]["for-loop-1"]
    local = compiled("simpgan", parallelism=1)
    assert local["root"]["dag"]["tasks"]["for-loop-1"]["iteratorPolicy"] == {"parallelismLimit": 1}


def test_several_sources_are_read_one_by_one_and_joined_to_the_source_of_every_stage(compiled):
    root, sources, *_ = dags(compiled("simpgan", "umdl", joint=True))
    assert sorted(sources) == ["ingest"]
    assert root["join"]["inputs"]["artifacts"]["sources"]["taskOutputArtifact"]["producerTask"] == "for-loop-1"
    for task in ("check", "pretrain", "evaluate"):
        assert root[task]["inputs"]["artifacts"]["source"]["taskOutputArtifact"]["producerTask"] == "join"
    for loop in ("for-loop-2", "for-loop-3"):
        producers = {each["taskOutputArtifact"]["producerTask"] for each in root[loop]["inputs"]["artifacts"].values()}
        assert "join" in producers
    local = compiled("gan", joint=True, parallelism=1)["root"]["dag"]["tasks"]["for-loop-1"]
    assert local["iteratorPolicy"] == {"parallelismLimit": 1}


def test_a_classifier_is_trained_on_each_further_source_after_its_own_check(compiled):
    document = compiled("simpgan", with_companions=True)
    root, *loops = dags(document)
    assert {"source_location", "companions"} <= set(document["root"]["inputDefinitions"]["parameters"])
    [(name, companions)] = [
        (key, loop) for key, loop in zip(loop_names(root), loops, strict=True) if "train-gan" not in loop
    ]
    assert sorted(companions) == ["check-2", "ingest-3", "pretrain-2"]
    assert "check" in root[name]["dependentTasks"]
    assert sorted(companions["pretrain-2"]["dependentTasks"]) == ["check-2", "ingest-3"]
    assert companions["check-2"]["dependentTasks"] == ["ingest-3"]
    artifacts = root["evaluate"]["inputs"]["artifacts"]
    for each in ("companions", "companion_sources"):
        assert artifacts[each]["taskOutputArtifact"]["producerTask"] == name
    assert artifacts["classifier"]["taskOutputArtifact"]["producerTask"] == "pretrain"


def test_the_companions_of_a_joint_source_are_trained_on_its_parts(compiled):
    document = compiled("gan", joint=True, with_companions=True)
    root, *_ = dags(document)
    assert "companions" not in document["root"]["inputDefinitions"]["parameters"]
    items = [root[name]["parameterIterator"]["items"]["inputParameter"] for name in loop_names(root)]
    assert [each.removeprefix("pipelinechannel--") for each in items] == ["sources", "adaptations", "sources"]


def loop_names(tasks):
    """The loops among tasks, in their order."""
    return sorted(name for name in tasks if name.startswith("for-loop"))
