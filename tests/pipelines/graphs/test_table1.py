"""The pipeline `table1` as Kubeflow gets it."""

import pytest
import yaml
from kfp.compiler import Compiler
from kfp.components import load_component_from_file

from simpgan.pipelines.graphs.table1 import table1_pipeline
from tests.pipelines.graphs.compiled_tasks import dags, images


def compiled(folder, **options):
    """The compiled pipeline with every loop."""
    path = folder / "table1.yaml"
    Compiler().compile(table1_pipeline(["simpgan", "source-to-target", "umdl"], **options), str(path))
    load_component_from_file(str(path))  # refuses what is not a valid pipeline
    return yaml.safe_load(path.read_text())


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """The pipeline for sources one by one."""
    return compiled(tmp_path_factory.mktemp("compiled"))


def test_what_several_cells_share_is_outside_their_loop(document):
    root, sources, seeds, *within = dags(document)
    assert sorted(root) == ["for-loop-1", "ingest", "summarise-2"]
    assert sorted(sources) == ["for-loop-2", "ingest-2", "summarise"]
    assert sorted(seeds) == ["check", "evaluate", "for-loop-3", "for-loop-4", "for-loop-5", "pretrain"]
    assert [sorted(loop) for loop in within] == [
        ["train-gan", "translate"],
        ["pretrain-2", "train-gan-2", "translate-2"],
        ["umdl"],
    ]


def test_a_summary_collects_one_loop(document):
    root, sources, *_ = dags(document)
    for summary, loop in ((sources["summarise"], "for-loop-2"), (root["summarise-2"], "for-loop-1")):
        assert summary["inputs"]["artifacts"]["results"]["taskOutputArtifact"]["producerTask"] == loop


def test_every_task_gets_every_parameter_of_its_component(document):
    for tasks in dags(document):
        for task in tasks.values():
            component = document["components"][task["componentRef"]["name"]]
            if "executorLabel" in component:
                assert set(task["inputs"]["parameters"]) == set(component["inputDefinitions"]["parameters"])


def test_a_training_gets_the_settings_of_its_seed(document):
    _, _, seeds, adaptations, *_ = dags(document)
    for task, setting in ((seeds["pretrain"], "pretrain"), (adaptations["train-gan"], "train_gan")):
        given = task["inputs"]["parameters"]["settings"]
        assert given["componentInputParameter"] == "pipelinechannel--seeds-loop-item"
        assert given["parameterExpressionSelector"] == f'parseJson(string_value)["{setting}_settings"]'


def test_every_stage_runs_in_its_own_image_and_installs_nothing(document):
    stages = ("ingest", "pretrain", "train-gan", "translate", "umdl", "evaluate", "summarise")
    assert images(document) == {f"simpgan/{stage}:latest" for stage in stages}
    assert "pip install" not in yaml.safe_dump(document)


def test_sources_that_are_joined_have_one_summary_of_all_seeds(tmp_path):
    root, *loops = dags(compiled(tmp_path, joint=True))
    assert sorted(root) == ["for-loop-1", "for-loop-2", "ingest", "join", "summarise"]
    assert [sorted(loop) for loop in loops[:2]] == [
        ["ingest-2"],
        ["check", "evaluate", "for-loop-3", "for-loop-4", "for-loop-5", "pretrain"],
    ]
    assert root["join"]["inputs"]["artifacts"]["sources"]["taskOutputArtifact"]["producerTask"] == "for-loop-1"
    assert root["summarise"]["inputs"]["artifacts"]["results"]["taskOutputArtifact"]["producerTask"] == "for-loop-2"


def test_companions_are_trained_for_every_seed(tmp_path):
    document = compiled(tmp_path, with_companions=True)
    root, seeds, *within = dags(document)
    parameters = set(document["root"]["inputDefinitions"]["parameters"])
    assert {"source_location", "companions"} <= parameters
    assert "sources" not in parameters
    assert sorted(root) == ["for-loop-1", "ingest", "ingest-2", "summarise"]
    [companions] = [loop for loop in within if "check-2" in loop]
    assert sorted(companions) == ["check-2", "ingest-3", "pretrain-3"]
    settings = companions["pretrain-3"]["inputs"]["parameters"]["settings"]
    assert settings["parameterExpressionSelector"] == 'parseJson(string_value)["pretrain_settings"]'
    assert "companions" in seeds["evaluate"]["inputs"]["artifacts"]
