"""A training on several machines: a TrainJob of Kubeflow Trainer v2 in which torchrun joins their processes."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from simpgan.components.core.errors import UserError
from simpgan.components.core.images import StageImages, name_of
from simpgan.pipelines.config.profiles.settings import JOINTLY, Profile, StageProfile, listed

RUNTIME = "torch-distributed"
"""The ClusterTrainingRuntime of Kubeflow Trainer, whose only job and container are called `node`."""
NODE = "node"
MANAGER = "simpgan.pipelines/trainjob"
SHARED_MEMORY = "shared-memory"
SHARED_FOLDER = "shared-folder"
JOB_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")

Manifest = dict[str, Any]


def train_job(
    stage: str,
    arguments: Sequence[str],
    *,
    name: str,
    nodes: int,
    claim: str,
    mount: str,
    profile: Profile,
    images: StageImages,
) -> Manifest:
    """Return the manifest of a TrainJob that runs `simpgan STAGE ARGUMENTS` on several nodes.

    Args:
        stage: a stage that trains in several processes.
        arguments: arguments of the stage's command; its inputs and its output are folders within `mount`.
        name: name of the job.
        nodes: number of nodes.
        claim: PersistentVolumeClaim that all nodes may mount (ReadWriteMany).
        mount: folder of its volume in every pod.
        profile: profile with the stage's pod, used for each node.
        images: the images of the stages.

    Raises:
        UserError: the stage trains in one process, or Kubernetes takes no such name.
    """
    if stage not in JOINTLY:
        raise UserError(f"{stage} runs in one process: several nodes are for {listed(JOINTLY)}")
    if not JOB_NAME.fullmatch(name):
        raise UserError(f"--name '{name}' names no TrainJob: use at most 63 of a-z, 0-9 and -, a letter first")
    pod = profile.stages[stage]
    patched = patch(pod_patch(profile, pod, claim, mount))
    deadline = {"activeDeadlineSeconds": pod.timeout_seconds} if pod.timeout_seconds else {}
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": name},
        "spec": {
            "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": "ClusterTrainingRuntime", "name": RUNTIME},
            **deadline,
            "trainer": {
                "image": images.reference(stage),
                "command": ["torchrun", "--no-python", "simpgan", name_of(stage), *arguments],
                "env": environment(pod),
                "numNodes": nodes,
                "numProcPerNode": max(1, pod.gpus),
                "resourcesPerNode": resources(pod),
            },
            "runtimePatches": [{"manager": MANAGER, "trainingRuntimeSpec": patched}],
        },
    }


def environment(pod: StageProfile) -> list[Manifest]:
    """Return the environment variables, including those from secrets."""
    plain: list[Manifest] = [{"name": name, "value": value} for name, value in pod.environment.items()]
    return plain + [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": optional}}}
        for secrets, optional in ((pod.secrets, False), (pod.optional_secrets, True))
        for secret, variables in secrets.items()
        for key, variable in variables.items()
    ]


def resources(pod: StageProfile) -> Manifest:
    """Return the resources of every node."""
    requests = {"cpu": pod.cpu, "memory": pod.memory}
    limits = {"cpu": pod.cpu_limit, "memory": pod.memory_limit, pod.gpu_type: str(pod.gpus or "")}
    return {"requests": given(requests), "limits": given(limits)}


def pod_patch(profile: Profile, pod: StageProfile, claim: str, mount: str) -> Manifest:
    """Return the changes to the pods of the runtime."""
    volumes: list[Manifest] = [{"name": SHARED_FOLDER, "persistentVolumeClaim": {"claimName": claim}}]
    mounts = [{"name": SHARED_FOLDER, "mountPath": mount}]
    if pod.shared_memory:
        volumes.append({"name": SHARED_MEMORY, "emptyDir": {"medium": "Memory", "sizeLimit": pod.shared_memory}})
        mounts.append({"name": SHARED_MEMORY, "mountPath": "/dev/shm"})
    return given(
        {
            "containers": [{"name": NODE, "volumeMounts": mounts}],
            "volumes": volumes,
            "imagePullSecrets": [{"name": secret} for secret in profile.image_pull_secrets],
            "nodeSelector": pod.node_selector,
            "tolerations": [given(each.model_dump()) for each in pod.tolerations],
        }
    )


def patch(of_pod: Manifest) -> Manifest:
    """Return the patch of the runtime: a JobSet with a Job with a pod."""
    job = {"name": NODE, "template": {"spec": {"template": {"spec": of_pod}}}}
    return {"template": {"spec": {"replicatedJobs": [job]}}}


def given(values: Mapping[str, Any]) -> Manifest:
    """Return the values that are not empty."""
    return {name: value for name, value in values.items() if value}
