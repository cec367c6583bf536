"""Servers and stores that take no run: the reason is said, nobody waits, and the advice can be followed."""

import shutil
import socket
import sqlite3
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.tracking import MlflowClient
from sqlalchemy.engine import make_url

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking import stage_run
from simpgan.components.core.tracking.client import find_experiment
from simpgan.components.core.tracking.store_address import sqlite_file, store_address
from simpgan.components.core.tracking.sync import Synced, sync
from simpgan.components.core.tracking.ui_view import save_view
from tests.components.core.tracking.stages import runs_of
from tests.servers.foreign import ANSWERS, answering


@pytest.fixture
def unsent(set_up_store: Path, tmp_path: Path) -> Path:
    """The folder that keeps what is not taken, with a store that is set up: that takes seconds."""
    folder = tmp_path / "cache" / "unsent"
    folder.mkdir(parents=True)
    shutil.copy(set_up_store, folder / "mlflow.db")
    return folder


def refusal(caplog: pytest.LogCaptureFixture, unsent: Path) -> str:
    """Record a run that is not taken; returns why, which is said in one line. Another one says where it is kept."""
    with stage_run("ingest", settings={"layout": "cameras"}) as run:
        run.log_summary({"images": 3})
    why, kept = (record.message for record in caplog.records)
    assert kept == f"what MLflow lacks is kept: simpgan sync {unsent} uploads it"
    assert why.startswith("MLflow left out the run: ")
    assert "\n" not in why
    caplog.clear()
    return why.removeprefix("MLflow left out the run: ")


def test_a_deleted_experiment_is_said_and_restored_as_the_advice_says(
    client: MlflowClient, unsent: Path, caplog: pytest.LogCaptureFixture
) -> None:
    number = find_experiment(client)
    client.delete_experiment(number)
    said = (
        f"the experiment 'simpgan' is deleted: restore it by mlflow experiments restore --experiment-id {number}, or "
        "name another by MLFLOW_EXPERIMENT_NAME"
    )
    assert refusal(caplog, unsent) == said
    for command in (save_view, lambda: sync(unsent)):
        with pytest.raises(UserError, match=f"^{said}$"):
            command()
    client.restore_experiment(number)
    assert sync(unsent) == Synced(uploaded=1, there=0, running=0)
    (run,) = runs_of(client).values()
    assert (run.info.status, run.data.metrics["images"]) == ("FINISHED", 3.0)


def test_a_run_may_go_to_another_experiment_than_a_deleted_one(
    client: MlflowClient, unsent: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client.delete_experiment(find_experiment(client))
    refusal(caplog, unsent)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "another")
    assert sync(unsent).uploaded == 1
    assert set(runs_of(client)) == {"ingest"}


@pytest.mark.parametrize("number", ["77", "abc"])
def test_the_number_of_no_experiment_is_named(
    client: MlflowClient, unsent: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: str
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", number)
    assert refusal(caplog, unsent).startswith(f"MLFLOW_EXPERIMENT_ID={number}: MLflow has no such experiment")


def test_a_store_of_another_version_is_not_waited_for(
    set_up_store: Path,
    unsent: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shutil.copy(set_up_store, tmp_path / 'mlflow.db')}")
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        store.execute("UPDATE alembic_version SET version_num = 'of another version'")
    said = refusal(caplog, unsent)
    assert said.startswith("its database is of another version of MLflow: make a copy of it, then mlflow db upgrade ")
    assert f"sqlite:///{tmp_path}/mlflow.db; or install the version" in said
    with pytest.raises(UserError, match="its database is of another version of MLflow"):
        save_view()


def test_a_store_that_is_no_database_is_not_waited_for(
    client: MlflowClient, unsent: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mlflow.db").write_text("a page, and not what MLflow writes")
    assert "file is not a database" in refusal(caplog, unsent)
    with pytest.raises(UserError, match="file is not a database"):
        save_view()


def test_a_store_where_no_folder_can_be_made_is_not_waited_for(
    unsent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/file/below/mlflow.db")
    assert "Not a directory" in refusal(caplog, unsent)


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_server_of_another_kind_is_not_waited_for(
    unsent: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    with answering(*ANSWERS[kind]) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        assert "it answers, but not as MLflow does: correct MLFLOW_TRACKING_URI" in refusal(caplog, unsent)
        with pytest.raises(UserError, match=f"MLflow at {address}: it answers, but not as MLflow does"):
            save_view()


def test_a_host_that_is_not_there_is_not_waited_for(
    unsent: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unknown(*_: object, **__: object) -> None:  # what the network of the machine says differs
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somebody:secret@nohost:5000")
    assert refusal(caplog, unsent) == "there is no such host: correct MLFLOW_TRACKING_URI"
    with pytest.raises(UserError, match=r"^MLflow at http://nohost:5000: there is no such host"):
        save_view()


@pytest.mark.parametrize("address", ["localhost:5000", "minio://bucket", "http://[bad"])
def test_what_is_no_address_is_named(
    unsent: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert refusal(caplog, unsent).startswith("MLFLOW_TRACKING_URI takes an address such as http://localhost:5000")
    with pytest.raises(UserError, match="MLFLOW_TRACKING_URI takes an address such as http://localhost:5000"):
        save_view()


def test_a_number_in_a_variable_of_mlflow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    for variable in ("MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        with monkeypatch.context() as context:
            context.setenv(variable, "abc")
            with pytest.raises(UserError, match=f"'abc' for {variable}"):
                save_view()


# Addresses of stores


@given(st.text(st.sampled_from("ab1 %?#&=ü@+;4F:"), min_size=1, max_size=12))
def test_a_store_is_opened_where_its_address_was_made_for_or_refused(name: str) -> None:
    file = Path("/runs", name, "mlflow.db").resolve()
    if "?" in name or unquote(name) != name:
        with pytest.raises(UserError, match="choose or rename the folder"):
            store_address(file)
    else:
        address = store_address(file)
        assert sqlite_file(address) == file
        assert make_url(address).database == str(file)


def test_a_question_mark_in_an_address_begins_options(tmp_path: Path) -> None:
    assert sqlite_file(f"sqlite:///{tmp_path}/mlflow.db?timeout=5") == tmp_path / "mlflow.db"
    with pytest.raises(UserError, match=r"MLFLOW_TRACKING_URI=.*: a '\?' begins options of the database"):
        sqlite_file(f"sqlite:///{tmp_path}?x/mlflow.db")
