"""What docs/kubeflow.md tells people to do on a cluster fits the profiles and the images, where no cluster runs it."""

import re

import pytest
import yaml

from simpgan.components.core.images import name_of
from simpgan.pipelines.config.profiles import STAGES, read_profile
from tests.docs.blocks import FENCED, ROOT
from tests.docs.node_table import PAGE, table

SECRET = re.compile(r"kubectl create secret generic (\S+) --namespace kubeflow((?:\\\n|[^\n])*)")
KEY = re.compile(r"--from-(?:literal|file)=([\w-]+)=")


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / PAGE).read_text()


def test_the_table_of_nodes_has_what_the_profiles_request(page: str):
    assert table() in page, "after an intended change: python -m tests.docs.node_table"


def test_the_secrets_are_those_of_the_profile(page: str):
    created = {name: set(KEY.findall(keys)) for name, keys in SECRET.findall(page)}
    pods = read_profile("laptop").stages.values()
    required = {name: set(keys) for pod in pods for name, keys in pod.secrets.items()}
    optional = {name: set(keys) for pod in pods for name, keys in pod.optional_secrets.items()}
    assert created == required | {name: optional[name] for name in created.keys() - required.keys()}


def test_the_images_of_all_stages_are_loaded(page: str):
    (loaded,) = re.findall(r"simpgan/\{([^}]*)\}:latest", page)
    assert "".join(loaded.split()).replace("\\", "").split(",") == [name_of(stage) for stage in STAGES]


def test_the_image_of_mlflow_is_loaded_under_the_name_of_its_manifest(page: str):
    (image,) = yaml.safe_load((ROOT / "mlflow/laptop/kustomization.yaml").read_text())["images"]
    commands = "".join(text for language, text in FENCED.findall(page) if language == "sh")
    for command in ("docker build", "kind load docker-image"):
        (line,) = [each for each in commands.replace("\\\n", " ").splitlines() if each.startswith(command)]
        assert f"{image['name']}:{image['newTag']}" in line.split()
