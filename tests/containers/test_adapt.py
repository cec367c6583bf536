"""The pipeline `adapt` in containers, with data on an S3 server and runs on an MLflow server; and what goes wrong."""

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from docker.types import Mount
from mlflow.tracking import MlflowClient

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cli.run import adapt
from simpgan.pipelines.config.defaults import Runner
from simpgan.pipelines.demo_data import SOURCE_FOLDER, TARGET_FOLDER, generate
from simpgan.pipelines.requests.adapt import AdaptRequest
from simpgan.pipelines.runner import stage_container
from simpgan.pipelines.runner.docker_engine import connect
from simpgan.pipelines.runner.folder_lock import container_of

# The first test waits for two whole runs, the images and the servers.
pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]
TINY = str(Path(__file__).parents[1] / "pipelines" / "tiny.yaml")
# Every step is saved, so that wherever the training is killed there is something to go on from.
LONGER = ["--set", "train_gan.steps=40", "--set", "train_gan.checkpoint_seconds=0"]


@dataclass(frozen=True)
class Run:
    """A finished run."""

    out: Path
    stdout: str
    stderr: str

    def rows(self) -> list[dict[str, object]]:
        """The results, but for the commit: an image has its own."""
        rows = json.loads((self.out / "results.json").read_text())["rows"]
        return [{name: value for name, value in row.items() if name != "commit"} for row in rows]


@dataclass(frozen=True)
class KilledRun(Run):
    """A run that had a training killed, and the history of its metrics at that moment and at the end."""

    history_before: list[str]
    history: list[str]


@pytest.fixture(scope="module")
def cameras(tmp_path_factory):
    """Folders of the two generated camera networks."""
    folder = tmp_path_factory.mktemp("cameras")
    generate(folder, 0, source_identities=6, target_identities=4)
    return folder / SOURCE_FOLDER, folder / TARGET_FOLDER


@pytest.fixture(scope="module")
def command(cameras):
    """What a Python is told to run the pipeline."""
    source, target = cameras
    options = ["--source", f"market1501:{source}", "--target", f"grid:{target}", "--preset", TINY, *LONGER]
    return ["-m", "simpgan.pipelines.cli", "run", "adapt", *options, "--protocol", "all250", "--seed", "5"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """What a run finds, without any server."""
    folder = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MLFLOW_", "SIMPGAN_"))}
    return {
        **kept,
        "SIMPGAN_CACHE": str(folder / "cache"),
        "TORCH_HOME": str(folder / "torch"),
        "MLFLOW_TRACKING_URI": "",
    }


@pytest.fixture(scope="module")
def undisturbed(command, environment, tmp_path_factory):
    """The run in processes, with data in a folder."""
    out = tmp_path_factory.mktemp("processes")
    here = [sys.executable, *command, "--out", out]
    ran = subprocess.run(here, capture_output=True, text=True, env=environment, check=True)
    return Run(out, ran.stdout, ran.stderr)


@pytest.fixture(scope="module")
def with_servers(environment, s3_server, mlflow_server):
    """What a run finds that records on the MLflow server, and has the keys of the S3 server."""
    experiment = f"containers-{uuid4().hex[:8]}"
    return {**environment, **s3_server.environment, **mlflow_server.environment, "MLFLOW_EXPERIMENT_NAME": experiment}


@pytest.fixture(scope="module")
def in_containers(python, command, with_servers, s3_server, tmp_path_factory):
    """The command and the environment of the run in containers, with data on the S3 server, and its bucket."""
    bucket = f"containers-{uuid4().hex[:8]}"
    where = ["--runner", "docker", "--data-root", f"{s3_server.bucket(bucket)}/data"]
    return [python, *command, *where, "--out", tmp_path_factory.mktemp("containers")], with_servers, bucket


@pytest.fixture(scope="module")
def killed_once(in_containers, stage_images, s3_server):
    """The run in containers, whose GAN was killed in the middle of its training."""
    command, environment, bucket = in_containers
    out = command[-1]

    def history() -> list[str]:
        (key,) = [key for key in s3_server.keys(bucket) if "/train_gan-" in key and key.endswith(".jsonl")]
        return s3_server.client().get_object(Bucket=bucket, Key=key)["Body"].read().decode().splitlines()

    with (out / "stderr").open("w") as stderr:
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment)
    try:
        while not any("/train_gan-" in key and key.endswith(".safetensors") for key in s3_server.keys(bucket)):
            assert run.poll() is None, (out / "stderr").read_text()
            time.sleep(0.05)
        with closing(connect()) as client:
            client.containers.get(container_of(out)).kill()
        before = history()
        stdout, _ = run.communicate()
    finally:
        run.terminate()  # which also ends its container
        run.wait()
    assert run.returncode == 0, (out / "stderr").read_text()
    return KilledRun(out, stdout, (out / "stderr").read_text(), before, history())


def test_a_killed_training_goes_on_from_its_checkpoint(killed_once):
    assert "train_gan simpgan all250:0 (market1501, seed 5): killed, trying again in 5 s (1 of 2)" in killed_once.stderr
    first_step = next(line for line in killed_once.history_before if '"step": 0' in line)
    assert first_step in killed_once.history, "the training began anew"
    assert len(killed_once.history_before) < len(killed_once.history)


def test_containers_find_the_same_numbers_as_processes(killed_once, undisturbed):
    assert killed_once.rows() == undisturbed.rows()
    assert killed_once.stdout.replace(str(killed_once.out), "") == undisturbed.stdout.replace(str(undisturbed.out), "")


def test_what_a_run_writes_belongs_to_the_caller_and_its_images_are_in_the_bucket(
    killed_once, in_containers, s3_server
):
    assert {path.stat().st_uid for path in killed_once.out.rglob("*")} == {os.getuid()}
    assert not (killed_once.out / "data").exists()
    assert [key for key in s3_server.keys(in_containers[2]) if key.endswith(".parquet")]


def test_the_same_command_again_takes_every_stage_from_the_cache(killed_once, in_containers):
    command, environment, _ = in_containers
    again = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert again.returncode == 0
    lines = [line.partition(" (")[0].removesuffix(": from cache") for line in again.stderr.splitlines()]
    assert sorted(lines[:2]) == ["ingest grid", "ingest market1501"]  # in kfp's order
    assert lines[2:] == [
        "check",
        "pretrain",
        "train_gan simpgan all250:0",
        "translate simpgan all250:0",
        "evaluate",
    ]
    assert again.stderr.count("from cache") == 7
    assert again.stdout == killed_once.stdout


def test_every_stage_has_a_finished_run_on_the_server_that_names_its_image(killed_once, in_containers, monkeypatch):
    _, environment, _ = in_containers
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client = MlflowClient()
    experiment = client.get_experiment_by_name(environment["MLFLOW_EXPERIMENT_NAME"])
    runs = client.search_runs([experiment.experiment_id])
    stages = [run for run in runs if "simpgan.stage" in run.data.tags]
    assert len(stages) == 6
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert all("sha256:" in run.data.tags["simpgan.image"] for run in stages)


def test_a_stage_runs_again_in_its_container_from_what_the_server_knows(
    python, killed_once, in_containers, monkeypatch, tmp_path
):
    _, environment, _ = in_containers
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    client = MlflowClient()
    experiment = client.get_experiment_by_name(environment["MLFLOW_EXPERIMENT_NAME"])
    (stage,) = client.search_runs([experiment.experiment_id], "tags.`simpgan.stage` = 'evaluate'")
    pipeline = parent_of(stage)
    rerun = [python, "-m", "simpgan.pipelines.cli", "rerun", pipeline, "evaluate", "--runner", "docker"]
    out = tmp_path / "again"
    ran = subprocess.run([*rerun, "--out", out], capture_output=True, text=True, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "again; no change" in ran.stdout, "image and code are told where they differ"
    found = Run(next(out.rglob("results.json")).parent, ran.stdout, ran.stderr).rows()
    assert found == killed_once.rows()
    runs = client.search_runs([experiment.experiment_id], "tags.`simpgan.stage` = 'evaluate'")
    assert {parent_of(run) for run in runs} == {pipeline, stage.info.run_id}


def parent_of(run) -> str:
    """The id of the run that a run names as its parent."""
    return run.data.tags["mlflow.parentRunId"]


@pytest.mark.parametrize(
    ("change", "data_root", "message"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "{bucket}/data", "wrong secret for {bucket}/data"),
        ({}, "s3://nobodys/data", "no such bucket: s3://nobodys/data"),
    ],
)
def test_a_store_that_refuses_is_one_line(in_containers, stage_images, tmp_path, change, data_root, message):
    command, environment, bucket = in_containers
    place = {"bucket": f"s3://{bucket}"}
    options = ["--data-root", data_root.format(**place), "--out", str(tmp_path)]
    here = {**environment, **change, "MLFLOW_TRACKING_URI": ""}
    ran = subprocess.run([*command, *options], capture_output=True, text=True, env=here, check=False)
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1].startswith(f"simpgan: {message.format(**place)}")
    assert "Traceback" not in ran.stderr
    assert "again" not in ran.stderr


def test_a_full_disk_is_one_line(cameras, stage_images, tmp_path, monkeypatch):
    place = str(tmp_path / "data")
    full = Mount(place, None, type="tmpfs", tmpfs_size=4096)
    mounts = stage_container.mounts

    def with_a_small_disk(writes, reads):
        return [*(mount for mount in mounts(writes, reads) if mount["Target"] != place), full]

    monkeypatch.setattr(stage_container, "mounts", with_a_small_disk)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    source, target = cameras
    request = AdaptRequest(source=f"market1501:{source}", target=f"grid:{target}", preset=TINY, seed=5)
    with pytest.raises(UserError, match=r"No space left on device") as refused:
        adapt(request, tmp_path, place, Runner.DOCKER)
    assert "\n" not in str(refused.value)
