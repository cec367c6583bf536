"""The profile `laptop`: several of its pods fit a node with 2 cores and 8 GB, beside all else that runs there."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import validate

from simpgan.pipelines.config.profiles import read_profile
from simpgan.pipelines.config.profiles.settings import quantity

OVERLAY = Path(__file__).parents[3] / "mlflow" / "laptop"
NODE = (2.0, 8e9)
KUBERNETES = (0.95, 290 * 2**20)
"""Cores and bytes that the pods of kube-system request on a node of kind."""
KUBEFLOW = (0.674, 3126 * 2**20)
"""Cores and bytes that the deployments of Kubeflow Pipelines 2.17.0 request, as its manifests have them."""
LAUNCHER = 0.1
"""Cores that the container which Kubeflow adds to a stage's pod requests. A pod gets the larger of the two."""
AT_ONCE = 3
"""Pods side by side: two ingests and the driver of a task, or drift beside a training and a translation."""


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    """MLflow on a laptop, as it would be applied."""
    kubectl = shutil.which("kubectl", path=str(Path(sys.executable).parent))
    assert kubectl, "kubectl is missing: make .venv/test.installed"
    built = subprocess.run([kubectl, "kustomize", OVERLAY], check=True, capture_output=True, text=True)
    return list(yaml.safe_load_all(built.stdout))


def test_pods_fit_beside_kubernetes_kubeflow_and_mlflow(manifests: list[dict[str, Any]]):
    running = [each["spec"]["template"]["spec"] for each in manifests if each["kind"] in ("Deployment", "StatefulSet")]
    requests = [container["resources"]["requests"] for pod in running for container in pod["containers"]]
    assert len(requests) == 2
    mlflow = [sum(quantity(request[name]) for request in requests) for name in ("cpu", "memory")]
    pods = read_profile("laptop").stages.values()
    stage = [max(LAUNCHER, *(quantity(pod.cpu) for pod in pods)), max(quantity(pod.memory) for pod in pods)]
    for node, *taken, needed in zip(NODE, KUBERNETES, KUBEFLOW, mlflow, stage, strict=True):
        assert sum(taken) + AT_ONCE * needed <= node


def test_no_pod_may_take_more_memory_than_kubeflow_and_mlflow_leave():
    limits = [quantity(pod.memory_limit) for pod in read_profile("laptop").stages.values()]
    assert max(limits) <= NODE[1] - KUBERNETES[1] - KUBEFLOW[1]


def test_the_manifests_are_valid_and_nothing_runs_at_night(manifests: list[dict[str, Any]]):
    for manifest in manifests:
        validate(manifest, "1.34", strict=True)
    jobs = [each["spec"] for each in manifests if each["kind"] == "CronJob"]
    assert jobs
    assert all(job["suspend"] for job in jobs)


def test_mlflow_is_let_in_by_the_s3_server_of_kubeflow(manifests: list[dict[str, Any]]):
    (namespace,) = [each for each in manifests if each["kind"] == "Namespace"]
    assert namespace["metadata"]["labels"]["app.kubernetes.io/part-of"] == "kubeflow-profile"
