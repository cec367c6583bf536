"""What Kubeflow Pipelines 2.17 does not take, or takes and fails later, is in no compiled pipeline."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from simpgan.pipelines.cluster.compilation import compile_for_cluster
from simpgan.pipelines.config.profiles import names, read_profile
from tests.pipelines.cluster.outline import container, programs
from tests.pipelines.cluster.test_golden import IMAGES, PIPELINES
from tests.pipelines.graphs.compiled_tasks import dags, images

LOOKING_OUTSIDE = {"watch", "champion", "propose", "finish"}
OUTPUTS = {"taskOutputArtifact", "taskOutputParameter"}
RUN_LABEL = "metadata.labels['pipeline/runid']"

Document = dict[str, Any]


@pytest.fixture(scope="module", params=PIPELINES)
def compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    """A pipeline, and its part for Kubernetes."""
    path = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    compile_for_cluster(PIPELINES[request.param], read_profile("laptop"), IMAGES, str(path))
    return list(yaml.safe_load_all(path.read_text()))


def test_every_task_passes_every_parameter(compiled: list[Document]):
    """The server does not fill in the default of a component's parameter."""
    for _, component, task in programs(compiled[0]):
        expected = component["inputDefinitions"].get("parameters", {})
        assert task["inputs"].get("parameters", {}).keys() == expected.keys()


def test_an_artifact_that_is_not_passed_is_optional(compiled: list[Document]):
    for _, component, task in programs(compiled[0]):
        defined = component["inputDefinitions"].get("artifacts", {})
        missing = defined.keys() - task["inputs"].get("artifacts", {}).keys()
        assert all(defined[name]["isOptional"] for name in missing)


def test_no_parameter_is_a_number(compiled: list[Document]):
    """Numbers arrive as floats: integers of lists change their form, and those above 2^53 their value."""
    components = [compiled[0]["root"], *compiled[0]["components"].values()]
    parameters = [each.get("inputDefinitions", {}).get("parameters", {}) for each in components]
    kinds = {parameter["parameterType"] for each in parameters for parameter in each.values()}
    assert kinds <= {"STRING", "LIST", "STRUCT", "TASK_FINAL_STATUS"}


def test_images_are_named_by_digest(compiled: list[Document]):
    """The cache knows an image by its name alone."""
    assert all("@sha256:" in image for image in images(compiled[0]))


def test_only_tasks_that_look_outside_are_not_cached(compiled: list[Document]):
    for program, _, task in programs(compiled[0]):
        assert task["cachingOptions"].get("enableCache", False) == (program not in LOOKING_OUTSIDE)


def test_the_run_is_known_from_the_label_and_not_from_a_parameter(compiled: list[Document]):
    """A run's id as a parameter would change every key of the cache."""
    document, platform = compiled
    assert "{{$.pipeline_job" not in json.dumps(document)
    for pod in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
        assert {"name": "KFP_RUN_ID", "fieldPath": RUN_LABEL} in pod["fieldPathAsEnv"]


def test_nothing_is_installed_in_a_pod(compiled: list[Document]):
    for _, component, _ in programs(compiled[0]):
        assert "pip install" not in json.dumps(container(compiled[0], component)["command"])


def test_no_output_leaves_the_exit_handler(compiled: list[Document]):
    document = compiled[0]
    handled = document["components"][document["root"]["dag"]["tasks"]["exit-handler-1"]["componentRef"]["name"]]
    assert "outputDefinitions" not in document["root"]
    assert "outputs" not in handled["dag"]


def test_inputs_come_from_tasks_of_the_same_group(compiled: list[Document]):
    """A driver finds a producer in its own group: anything else must come in as the group's input."""
    for tasks in dags(compiled[0]):
        for task in tasks.values():
            for inputs in task.get("inputs", {}).values():
                produced = [value[key] for value in inputs.values() for key in value.keys() & OUTPUTS]
                assert {each["producerTask"] for each in produced} <= tasks.keys()


@pytest.mark.parametrize("profile", names())
def test_every_profile_compiles_with_a_memory_limit_for_every_pod(profile: str, tmp_path: Path):
    compile_for_cluster(PIPELINES["adapt"], read_profile(profile), IMAGES, str(tmp_path / "pipeline.yaml"))
    document, _ = yaml.safe_load_all((tmp_path / "pipeline.yaml").read_text())
    for executor in document["deploymentSpec"]["executors"].values():
        assert executor["container"]["resources"]["resourceMemoryLimit"]
