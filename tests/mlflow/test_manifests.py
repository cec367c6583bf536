"""The compose file and the Kubernetes manifests: well formed, without passwords, and nothing runs with more rights."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kubernetes_validate import validate

FOLDER = Path(__file__).parents[2] / "mlflow"


@pytest.fixture(scope="module")
def manifests() -> list[dict]:
    """What would be applied to a cluster."""
    kubectl = shutil.which("kubectl", path=str(Path(sys.executable).parent))
    assert kubectl, "kubectl is missing: make .venv/test.installed"
    built = subprocess.run([kubectl, "kustomize", FOLDER / "kubernetes"], check=True, capture_output=True, text=True)
    return list(yaml.safe_load_all(built.stdout))


def pods(manifests: list[dict]) -> dict[str, dict]:
    """The pods by the names of what makes them."""
    found = {}
    for manifest in manifests:
        spec = manifest.get("spec", {})
        template = spec.get("template") or spec.get("jobTemplate", {}).get("spec", {}).get("template")
        if template:
            found[manifest["metadata"]["name"]] = template["spec"]
    return found


def test_manifests_are_what_kubernetes_takes(manifests: list[dict]):
    example = yaml.safe_load((FOLDER / "kubernetes" / "secret.example.yaml").read_text())
    for manifest in [*manifests, example]:
        validate(manifest, "1.34", strict=True)


def test_the_folder_holds_no_secret(manifests: list[dict]):
    assert "Secret" not in {manifest["kind"] for manifest in manifests}


def test_no_pod_is_root_or_writes_to_its_image(manifests: list[dict]):
    assert set(pods(manifests)) == {"mlflow", "postgresql", "backup", "collect", "restore"}
    for pod in pods(manifests).values():
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            rights = container["securityContext"]
            assert rights["readOnlyRootFilesystem"]
            assert rights["capabilities"] == {"drop": ["ALL"]}
            assert rights["allowPrivilegeEscalation"] is False
            assert container["resources"]["limits"]["memory"]


def test_long_running_pods_are_probed(manifests: list[dict]):
    for name in ("mlflow", "postgresql"):
        (container,) = pods(manifests)[name]["containers"]
        assert {"readinessProbe", "livenessProbe"} <= container.keys()


def test_no_service_overwrites_a_setting(manifests: list[dict]):
    """Kubernetes sets MLFLOW_PORT to an address for a service called mlflow, and MLflow would take it for a port."""
    for name in ("mlflow", "backup", "collect", "restore"):
        assert pods(manifests)[name]["enableServiceLinks"] is False


def test_commands_of_the_pods_are_programs_of_the_folder(manifests: list[dict]):
    for name in ("mlflow", "backup", "collect"):
        (container,) = pods(manifests)[name]["containers"]
        assert os.access(FOLDER / container["command"][0], os.X_OK)


@pytest.mark.docker
def test_the_compose_file_is_whole_and_needs_secrets(tmp_path: Path):
    compose = ["docker-compose", "--file", str(FOLDER / "compose.yaml"), "config"]
    assert shutil.which("docker-compose"), "docker-compose is missing: apt-get install docker-compose"
    environment = {name: value for name, value in os.environ.items() if name != "SECRETS"}
    refused = subprocess.run(compose, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "the folder of mlflow/secrets.sh" in refused.stderr

    subprocess.run([FOLDER / "secrets.sh", tmp_path], check=True)
    built = subprocess.run(compose, env={**environment, "SECRETS": str(tmp_path)}, check=True, capture_output=True)
    config = yaml.safe_load(built.stdout)
    files = {Path(secret["file"]) for secret in config["secrets"].values()}
    assert files == set(tmp_path.iterdir())
    assert config["services"]["mlflow"]["ports"] == ["127.0.0.1:5000:5000/tcp"]
    for name in ("mlflow", "postgresql", "s3"):
        assert config["services"][name]["healthcheck"]
        assert config["services"][name]["restart"] == "unless-stopped"


def test_secrets_are_made_once_and_only_for_their_owner(tmp_path: Path):
    folder = tmp_path / "secrets"
    subprocess.run([FOLDER / "secrets.sh", folder], check=True)
    first = {path.name: path.read_text() for path in folder.iterdir()}
    subprocess.run([FOLDER / "secrets.sh", folder], check=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == first
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o600"}
    assert len(first["MLFLOW_AUTH_ADMIN_PASSWORD"]) == 48
    assert len(set(first.values())) == len(first)
