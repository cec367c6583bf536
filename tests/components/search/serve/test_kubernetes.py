"""The manifest of the service: valid, with settings that the service takes, secrets by name, and no rights of root."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import validate

from simpgan.components.core.images import image
from simpgan.components.search import serve
from simpgan.components.search.serve.server import SECONDS_TO_END
from simpgan.components.search.settings import ServeSettings
from simpgan.pipelines.config.profiles import read_profile
from tests.docs.blocks import ROOT

FILE = Path(serve.__file__).with_name("kubernetes.yaml")


@pytest.fixture(scope="module")
def manifests() -> dict[str, dict[str, Any]]:
    """The manifests by their kind."""
    return {each["kind"]: each for each in yaml.safe_load_all(FILE.read_text())}


@pytest.fixture(scope="module")
def pod(manifests: dict[str, Any]) -> dict[str, Any]:
    return manifests["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def container(pod: dict[str, Any]) -> dict[str, Any]:
    [container] = pod["containers"]
    return container


@pytest.fixture(scope="module")
def settings(container: dict[str, Any]) -> ServeSettings:
    """What the service makes of its arguments."""
    return ServeSettings.of_arguments(container["args"])


def test_the_manifests_are_what_kubernetes_takes_and_hold_no_secret(manifests: dict[str, Any]) -> None:
    assert set(manifests) == {"Service", "Deployment"}
    for manifest in manifests.values():
        validate(manifest, "1.34", strict=True)


def test_the_service_leads_to_the_port_that_is_listened_on(
    manifests: dict[str, Any], container: dict[str, Any], settings: ServeSettings
) -> None:
    template = manifests["Deployment"]["spec"]["template"]
    assert manifests["Service"]["spec"]["selector"] == template["metadata"]["labels"]
    [port] = container["ports"]
    assert settings.port == port["containerPort"]
    assert manifests["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    assert settings.host == "0.0.0.0"


def test_it_starts_the_module_of_the_image(container: dict[str, Any]) -> None:
    assert f"{container['image']}:latest" == image("search")
    assert container["command"] == ["python3", "-m", serve.__name__]


def test_the_token_is_the_file_of_a_secret_that_the_page_creates(
    pod: dict[str, Any], container: dict[str, Any], settings: ServeSettings
) -> None:
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["volumes"]}
    token = Path(settings.token_file)
    secret = volumes[mounts[str(token.parent)]]["secret"]["secretName"]
    page = (ROOT / "docs" / "serving.md").read_text()
    assert re.findall(r"kubectl create secret generic (\S+) --from-literal=(\w+)=", page) == [(secret, token.name)]
    assert not any("TOKEN" in each["name"] for each in container["env"])


def test_the_other_secrets_are_those_of_the_pipelines(container: dict[str, Any]) -> None:
    origins = [(each.get("valueFrom", {}), each["name"]) for each in container["env"]]
    named = [(origin["secretKeyRef"], name) for origin, name in origins if "secretKeyRef" in origin]
    stage = read_profile("cpu").stages["evaluate"]
    for secrets, optional in ((stage.secrets, False), (stage.optional_secrets, True)):
        expected = {(secret, key, name) for secret, keys in secrets.items() for key, name in keys.items()}
        found = {(ref["name"], ref["key"], name) for ref, name in named if ref.get("optional", False) is optional}
        assert found == expected


def test_probes_ask_for_the_health_that_needs_no_token(container: dict[str, Any]) -> None:
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/health", "port": "http"}


def test_the_pod_is_not_root_writes_to_no_image_and_has_limits(pod: dict[str, Any], container: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    rights = container["securityContext"]
    assert rights["readOnlyRootFilesystem"]
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert rights["allowPrivilegeEscalation"] is False
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}


def test_what_has_come_is_answered_before_kubernetes_ends_the_pod(
    pod: dict[str, Any], container: dict[str, Any]
) -> None:
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] >= pause + SECONDS_TO_END + 10
