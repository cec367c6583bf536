"""The server for a team as `mlflow/server.sh` starts it, with PostgreSQL and S3 behind it."""

from pathlib import Path

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.server import get_app_client
from mlflow.tracking import MlflowClient

from tests.servers.mlflow import MlflowServer
from tests.servers.postgresql import PostgreSQL
from tests.servers.seaweedfs import S3

FOLDER = Path(__file__).parents[2] / "mlflow"


def test_the_folder_does_not_hide_the_package():
    """`import mlflow` in the repository's root must find the installed one."""
    assert not list(FOLDER.rglob("*.py"))


@pytest.mark.servers
def test_runs_go_to_postgresql_and_artifacts_through_the_server_to_s3(
    tracking_server: MlflowClient, postgresql_server: PostgreSQL, s3_server: S3, monkeypatch: pytest.MonkeyPatch
):
    for name in s3_server.environment:
        monkeypatch.delenv(name, raising=False)
    experiment = tracking_server.create_experiment("server")
    run = tracking_server.create_run(experiment)
    tracking_server.log_text(run.info.run_id, "better", "notes/summary.md")
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
    key = f"{experiment}/{run.info.run_id}/artifacts/notes/summary.md"
    assert s3_server.client().get_object(Bucket="mlflow", Key=key)["Body"].read() == b"better"
    count = f"SELECT count(*) FROM runs WHERE run_uuid = '{run.info.run_id}'"
    assert postgresql_server.sql(count, "mlflow") == "1"


@pytest.mark.servers
@pytest.mark.parametrize("password", ["password1234", "password", "admin", ""])
def test_nobody_gets_in_with_a_password_that_is_known(
    tracking_server: MlflowClient, password: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    with pytest.raises(MlflowException, match="401"):
        tracking_server.search_experiments()


@pytest.mark.servers
def test_health_needs_no_password_and_everything_else_does(mlflow_server: MlflowServer):
    assert requests.get(f"{mlflow_server.url}/health").text == "OK"
    for page in ("", "/metrics", "/api/2.0/mlflow/experiments/search?max_results=1", "/graphql"):
        assert requests.get(f"{mlflow_server.url}{page}").status_code == 401
    figures = requests.get(f"{mlflow_server.url}/metrics", auth=(mlflow_server.user, mlflow_server.password))
    assert "mlflow_http_request_total" in figures.text


@pytest.mark.servers
def test_users_write_to_the_experiments_of_others_and_do_not_delete_them(
    tracking_server: MlflowClient, mlflow_server: MlflowServer, monkeypatch: pytest.MonkeyPatch
):
    users = get_app_client("basic-auth", mlflow_server.url)
    users.create_user("somebody", "a-first-password")
    users.update_user_password("somebody", "another-password")
    experiment = tracking_server.create_experiment("of the administrator")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "somebody")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "another-password")
    run = tracking_server.create_run(experiment)
    tracking_server.log_metric(run.info.run_id, "loss", 1.0)
    for forbidden in (
        lambda: tracking_server.delete_experiment(experiment),
        lambda: users.create_user("more", "a-long-password"),
    ):
        with pytest.raises(MlflowException, match="Permission denied"):
            forbidden()
