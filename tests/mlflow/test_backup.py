"""Back-up, restoring and garbage collection, by the commands in `mlflow/`, on the stores of real servers."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from tests.servers.mlflow import PROGRAM, MlflowServer, plain_environment
from tests.servers.postgresql import PostgreSQL
from tests.servers.seaweedfs import S3

pytestmark = pytest.mark.servers


def command(name: str, server: MlflowServer, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command of `mlflow/` with the stores of `server`."""
    return subprocess.run(
        [PROGRAM.parent / name, *map(str, arguments)],
        env={**plain_environment(), **server.stores, **server.environment, "SECRETS": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def other_server(tmp_path: Path, postgresql_server: PostgreSQL, s3_server: S3) -> Iterator[MlflowServer]:
    """A server that has never run, with empty stores of its own."""
    postgresql_server.sql("CREATE DATABASE other")
    s3_server.bucket("other")
    server = MlflowServer(tmp_path, postgresql_server, "other", s3_server, "other")
    yield server
    server.stop()


def make_run(client: MlflowClient) -> str:
    """A run with a parameter, metrics, an artifact, and a registered version with an alias."""
    experiment = client.get_experiment_by_name(os.environ["MLFLOW_EXPERIMENT_NAME"])
    experiment_id = (
        experiment.experiment_id if experiment else client.create_experiment(os.environ["MLFLOW_EXPERIMENT_NAME"])
    )
    run_id = client.create_run(experiment_id, run_name="adapt").info.run_id
    client.log_param(run_id, "pipeline.method", "simpgan")
    for step in range(3):
        client.log_metric(run_id, "loss", step / 3, step=step)
    client.log_text(run_id, "weights", "classifier/model.txt")
    client.set_terminated(run_id)
    return run_id


def register(client: MlflowClient, name: str, run_id: str) -> None:
    client.create_registered_model(name)
    version = client.create_model_version(name, client.get_run(run_id).info.artifact_uri + "/classifier", run_id)
    client.set_registered_model_alias(name, "champion", version.version)


def test_what_was_backed_up_is_there_again_on_other_machines(
    tracking_server: MlflowClient,
    mlflow_server: MlflowServer,
    other_server: MlflowServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    run_id = make_run(tracking_server)
    register(tracking_server, "backed-up", run_id)

    made = command("backup.sh", mlflow_server, tmp_path / "copies")
    assert made.returncode == 0, made.stderr
    (copy,) = (tmp_path / "copies").iterdir()
    assert made.stdout.strip() == str(copy)
    later = make_run(tracking_server)

    restored = command("restore.sh", other_server, copy)
    assert restored.returncode == 0, restored.stderr
    again = command("restore.sh", other_server, copy)
    assert (again.returncode, again.stderr) == (
        2,
        "the database other holds runs already: add --replace to lose them\n",
    )
    replaced = command("restore.sh", other_server, copy, "--replace")
    assert replaced.returncode == 0, replaced.stderr

    other_server.start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other_server.url)
    client = MlflowClient(other_server.url)
    run = client.get_run(run_id)
    assert run.to_dictionary() == tracking_server.get_run(run_id).to_dictionary()
    assert [metric.value for metric in client.get_metric_history(run_id, "loss")] == [0, 1 / 3, 2 / 3]
    champion = client.get_model_version_by_alias("backed-up", "champion")
    file = Path(client.download_artifacts(champion.run_id, "classifier/model.txt", str(tmp_path)))
    assert file.read_text() == "weights"
    with pytest.raises(MlflowException, match=later):
        client.get_run(later)
    assert "stop the server first" in command("restore.sh", other_server, copy, "--replace").stderr


def test_of_many_copies_the_newest_stay(mlflow_server: MlflowServer, tmp_path: Path):
    for name in ("2026-01-01T00-00-00Z", "2026-01-02T00-00-00Z", "2026-01-02T00-00-01Z", "notes"):
        (tmp_path / name).mkdir()
    made = command("backup.sh", mlflow_server, tmp_path, 2)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["2026-01-02T00-00-01Z", Path(made.stdout.strip()).name, "notes"]


def test_a_failed_backup_is_no_copy(mlflow_server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(mlflow_server.stores, "PGPASSWORD", "wrong")
    made = command("backup.sh", mlflow_server, tmp_path)
    assert made.returncode != 0
    assert "password authentication failed" in made.stderr
    assert not list(tmp_path.iterdir())
    refused = command("restore.sh", mlflow_server, tmp_path)
    assert (refused.returncode, "is no copy" in refused.stderr) == (2, True)


def test_collecting_takes_deleted_runs_with_their_files_and_leaves_what_is_registered(
    tracking_server: MlflowClient, mlflow_server: MlflowServer, postgresql_server: PostgreSQL, s3_server: S3
):
    kept, old, new, registered = (make_run(tracking_server) for _ in range(4))
    register(tracking_server, "from-a-deleted-run", registered)
    for run_id in (old, new, registered):
        tracking_server.delete_run(run_id)
    long_ago = int((time.time() - 40 * 86400) * 1000)
    postgresql_server.sql(
        f"UPDATE runs SET deleted_time = {long_ago} WHERE run_uuid IN ('{old}', '{registered}')", "mlflow"
    )

    collected = command("collect.sh", mlflow_server, 30)
    assert collected.returncode == 0, collected.stderr
    with pytest.raises(MlflowException, match=old):
        tracking_server.get_run(old)
    files = "".join(s3_server.keys("mlflow"))
    assert [run_id in files for run_id in (kept, old, new, registered)] == [True, False, True, True]
    assert tracking_server.get_run(new).info.lifecycle_stage == "deleted"
    assert tracking_server.get_run(registered).info.lifecycle_stage == "deleted"
