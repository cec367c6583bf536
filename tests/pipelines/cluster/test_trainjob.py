"""The TrainJob: what Kubeflow Trainer's own models of its API take, and what it would refuse."""

import pytest
import yaml
from kubeflow_trainer_api.models import TrainerV1alpha1TrainJob

from simpgan.components.core.errors import UserError
from simpgan.components.core.images import StageImages
from simpgan.pipelines.cluster.trainjob import train_job
from simpgan.pipelines.config.profiles import names, read_profile

ARGUMENTS = ["--source", "/shared/market", "--data-root", "s3://bucket/data", "--out", "/shared/classifier"]
IMAGES = StageImages(registry="registry.example/simpgan", digests={"pretrain": f"sha256:{'a' * 64}"})
PROFILE = """
extends: one-gpu
image_pull_secrets: [registry-login]
every_stage:
  environment: {AWS_REGION: here}
stages:
  pretrain:
    gpus: 4
    cpu_limit: "16"
    node_selector: {gpu: h200}
    tolerations: [{key: team, operator: Equal, value: reid, effect: NoExecute}]
"""
RESERVED = {"PET_NNODES", "PET_NPROC_PER_NODE", "PET_NODE_RANK", "PET_MASTER_ADDR", "PET_MASTER_PORT"}
"""What Trainer sets itself, and refuses from others."""


def manifest(profile, stage="pretrain", name="pretrain-market", nodes=2):
    return train_job(
        stage, ARGUMENTS, name=name, nodes=nodes, claim="reid", mount="/shared", profile=profile, images=IMAGES
    )


@pytest.fixture
def profile(tmp_path):
    path = tmp_path / "four-gpus.yaml"
    path.write_text(PROFILE)
    return read_profile(str(path))


def as_trainer_reads(written):
    """The manifest after Trainer's models have read it: they leave out what they do not know."""
    return TrainerV1alpha1TrainJob.from_dict(yaml.safe_load(yaml.safe_dump(written))).to_dict()


@pytest.mark.parametrize("stage", ["pretrain", "train_gan"])
@pytest.mark.parametrize("name", names())
def test_trainer_knows_every_field_for_each_profile(name, stage):
    written = manifest(read_profile(name), stage)
    assert as_trainer_reads(written) == written


def test_trainer_knows_every_field_of_a_profile_that_uses_all(profile):
    written = manifest(profile)
    assert as_trainer_reads(written) == written


def test_the_models_would_notice_an_unknown_field(profile):
    written = manifest(profile)
    written["spec"]["trainer"]["numProcesses"] = 4
    assert as_trainer_reads(written) != written


def test_torchrun_starts_a_process_a_gpu_of_the_stage_command_on_every_node(profile):
    trainer = manifest(profile, nodes=3)["spec"]["trainer"]
    assert trainer["image"] == f"registry.example/simpgan/pretrain@sha256:{'a' * 64}"
    assert trainer["command"] == ["torchrun", "--no-python", "simpgan", "pretrain", *ARGUMENTS]
    assert (trainer["numNodes"], trainer["numProcPerNode"]) == (3, 4)
    assert trainer["resourcesPerNode"] == {
        "requests": {"cpu": "4", "memory": "16Gi"},
        "limits": {"cpu": "16", "memory": "32Gi", "nvidia.com/gpu": "4"},
    }
    variables = {each["name"]: each for each in trainer["env"]}
    assert variables["AWS_REGION"] == {"name": "AWS_REGION", "value": "here"}
    secret = {"name": "simpgan-s3", "key": "secret-key", "optional": False}
    assert variables["AWS_SECRET_ACCESS_KEY"]["valueFrom"] == {"secretKeyRef": secret}
    assert RESERVED.isdisjoint(variables)


def test_nodes_share_a_folder_and_go_where_the_profile_says(profile):
    (patch,) = manifest(profile)["spec"]["runtimePatches"]
    (job,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    pod = job["template"]["spec"]["template"]["spec"]
    claim = {"claimName": "reid"}
    memory = {"medium": "Memory", "sizeLimit": "8Gi"}
    assert [volume.get("persistentVolumeClaim") or volume["emptyDir"] for volume in pod["volumes"]] == [claim, memory]
    assert [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]] == ["/shared", "/dev/shm"]
    assert pod["nodeSelector"] == {"gpu": "h200"}
    assert pod["tolerations"] == [{"key": "team", "operator": "Equal", "value": "reid", "effect": "NoExecute"}]
    assert pod["imagePullSecrets"] == [{"name": "registry-login"}]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"stage": "evaluate"},
            "evaluate runs in one process: several nodes are for pretrain, train_gan or self_train",
        ),
        ({"name": "Pretrain"}, "--name 'Pretrain' names no TrainJob: use at most 63 of a-z, 0-9 and -, a letter first"),
        ({"name": "a" * 64}, "--name 'aaaa"),
    ],
)
def test_what_cannot_be_a_train_job_is_refused(profile, changed, message):
    with pytest.raises(UserError) as refused:
        manifest(profile, **changed)
    assert str(refused.value).startswith(message)
