"""Runs in MLflow and on disk: right after retries, kills, refusals and a server that goes away."""

import ast
import importlib.util
import json
import math
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from mlflow.entities import Metric, Run
from mlflow.tracking import MlflowClient

from components.core.runtime.errors import UserError
from components.core.runtime.tracking import pipeline_run, read_history, runs, sender, stage_run
from components.core.runtime.tracking.history import Entry, History

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def set_up_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sqlite store with its tables: setting one up takes seconds, copying it none."""
    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "SIMPGAN_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def client(set_up_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """A store of its own, named by MLFLOW_TRACKING_URI as for a user."""
    shutil.copy(set_up_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")


def runs_of(client: MlflowClient) -> dict[str, Run]:
    """All runs by name; fails if two have the same."""
    experiment = client.get_experiment_by_name("simpgan")
    assert experiment
    runs = client.search_runs([experiment.experiment_id])
    by_name = {run.info.run_name: run for run in runs}
    assert len(by_name) == len(runs)
    return by_name


def steps_of(client: MlflowClient, run: Run, name: str) -> list[tuple[int, float]]:
    return sorted((metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, name))


def start(target: Callable[..., None], *arguments: object) -> BaseProcess:
    """The process of a stage, forked from one that has loaded mlflow (which takes seconds) and nothing else."""
    forkserver = multiprocessing.get_context("forkserver")
    forkserver.set_forkserver_preload(["mlflow.tracking", "sqlalchemy.dialects.sqlite"])
    process = forkserver.Process(target=in_environment, args=(dict(os.environ), target, *arguments))
    process.start()
    return process


def in_environment(environment: dict[str, str], target: Callable[..., None], *arguments: object) -> None:
    os.environ.clear()
    os.environ.update(environment)
    target(*arguments)


def exit_code(process: BaseProcess) -> int | None:
    process.join()
    return process.exitcode


def run_python(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A fresh Python that runs `script`, with `sys.argv[1:]` being `arguments`."""
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def train(folder: Path, stop_after: int = -1, label: str = "") -> None:
    """40 steps with a checkpoint every 10, going on from the last one; hangs after step `stop_after`."""
    runs.WRITE_SECONDS = 0.0
    checkpoint = folder / "checkpoint"
    with stage_run("train_gan", settings={"rate": 0.1}, history=folder / "history.jsonl", label=label) as run:
        done = -1
        if checkpoint.exists():
            done = int(checkpoint.read_text())
            run.resume(done)
        for step in range(done + 1, 40):
            run.metrics(step, {"loss/cycle": step / 3, "loss/similarity": -step / 7})
            if step % 10 == 9:
                run.flush()
                (folder / "part").write_text(str(step))
                (folder / "part").replace(checkpoint)
            if step == stop_after:
                time.sleep(60)
        run.summary({"cmc/rank-1": 31.25})


EXPECTED = {
    "loss/cycle": [(step, step / 3) for step in range(40)],
    "loss/similarity": [(step, -step / 7) for step in range(40)],
    "cmc/rank-1": [(0, 31.25)],
}


def wait_until_sent(client: MlflowClient, step: int) -> None:
    """Wait until the training of `train` is known to MLflow up to `step`."""
    for _ in range(300):
        experiment = client.get_experiment_by_name("simpgan")
        for run in client.search_runs([experiment.experiment_id]) if experiment else []:
            if "loss/cycle" in run.data.metrics and steps_of(client, run, "loss/cycle")[-1][0] >= step:
                return
        time.sleep(0.1)
    raise AssertionError(f"step {step} did not arrive")


def history_on_disk(path: Path) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for entry in read_history(path):
        for name, value in entry.values.items():
            found.setdefault(name, []).append((entry.step or 0, value))
    return found


# The history file


@given(st.dictionaries(st.text(), st.floats(), max_size=5), st.none() | st.integers(0))
def test_entry_comes_back_bit_for_bit_from_strict_json(values: dict[str, float], step: int | None) -> None:
    line = Entry(step, 1, values).to_line()
    json.loads(line, parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))
    back = Entry.from_line(line)
    assert back.step == step
    assert {name: value.hex() for name, value in back.values.items()} == {
        name: value.hex() for name, value in values.items()
    }


def test_keep_drops_later_steps_final_figures_and_a_half_written_line(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.keep(None)
    history.append([Entry(step, 1, {"loss": step / 3}) for step in range(5)])
    history.append([Entry(None, 1, {"cmc/rank-1": 1.0})])
    with history.path.open("ab") as file:
        file.write(b'{"step": 2, "time": 1, "val')

    assert [entry.step for entry in history.entries()] == [0, 1, 2, 3, 4, None]
    history.keep(2)
    assert list(history.entries()) == [Entry(step, 1, {"loss": step / 3}) for step in range(3)]


def test_history_in_a_place_that_is_no_folder_is_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match=r"cannot write the metric history .*history.jsonl"),
        stage_run("pretrain", settings={}, history=tmp_path / "file" / "history.jsonl") as run,
    ):
        run.flush()


# Without MLflow


def test_without_tracking_uri_the_file_has_everything(tmp_path: Path) -> None:
    picture = numpy.zeros((4, 4, 3), numpy.uint8)
    with (
        pipeline_run("adapt", {}, {}) as pipeline,
        stage_run("train_gan", settings={"rate": 1}, history=tmp_path / "new" / "history.jsonl") as run,
    ):
        assert os.environ["SIMPGAN_PIPELINE_RUN"] == pipeline.id
        pipeline.log_metrics({"cmc/rank-1": 1})
        run.metrics(0, {"loss/cycle": 0.1})
        run.metrics(1, {"loss/cycle": math.nan})
        run.image("translation", picture, 0)
        run.table("results", pandas.DataFrame({"rank-1": [1]}))
        run.summary({"cmc/rank-1": 50})
    assert "SIMPGAN_PIPELINE_RUN" not in os.environ
    first, second, last = read_history(tmp_path / "new" / "history.jsonl")
    assert (first.step, first.values) == (0, {"loss/cycle": 0.1})
    assert math.isnan(second.values["loss/cycle"])
    assert (last.step, last.values) == (None, {"cmc/rank-1": 50.0})


def test_a_run_that_does_not_resume_starts_its_history_anew(tmp_path: Path) -> None:
    for _ in range(2):
        with stage_run("train_gan", settings={}, history=tmp_path / "history.jsonl") as run:
            run.metrics(0, {"loss": 1.0})
    assert len(read_history(tmp_path / "history.jsonl")) == 1


def test_resume_after_measuring_is_refused(tmp_path: Path) -> None:
    with stage_run("train_gan", settings={}, history=tmp_path / "history.jsonl") as run:
        run.metrics(0, {"loss": 1.0})
        run.flush()
        with pytest.raises(RuntimeError, match="before the first metrics"):
            run.resume(0)


@pytest.mark.parametrize("name", ["rank@1", "", "/loss", "loss/../cycle", "loss//cycle"])
def test_names_that_mlflow_would_refuse_are_refused_at_once(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(ValueError, match="cannot name a metric"),
        stage_run("evaluate", settings={}, history=tmp_path / "history.jsonl") as run,
    ):
        run.metrics(0, {name: 1.0})


def test_runs_where_mlflow_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = """
import sys
sys.modules["mlflow"] = None
from pathlib import Path
from components.core.runtime.tracking import stage_run
with stage_run("train_gan", settings={}, history=Path(sys.argv[1])) as run:
    run.metrics(3, {"loss": 0.5})
"""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    finished = run_python(script, tmp_path / "history.jsonl")
    assert finished.returncode == 0
    assert finished.stderr.count("\n") == 1
    assert "mlflow cannot be imported" in finished.stderr
    assert read_history(tmp_path / "history.jsonl")[0].values == {"loss": 0.5}


def test_mlflow_is_not_loaded_unless_a_server_is_named(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from components.core.runtime.tracking import stage_run
with stage_run("ingest", settings={}, history=Path(sys.argv[1])) as run:
    run.summary({"images": 3})
sys.exit("mlflow" in sys.modules or "torch" in sys.modules)
"""
    assert run_python(script, tmp_path / "history.jsonl").returncode == 0


# What a run holds


def test_stage_nests_under_its_pipeline_and_holds_what_was_recorded(client: MlflowClient, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.html").write_text("<p>")
    settings = {"lambda": {"cycle": 10.0}, "backbone": "resnet18", "size": [128, 64], "weights": None}
    with pipeline_run("adapt", {"target": "grid"}, {"method": "simpgan"}) as pipeline:
        with stage_run(
            "train_gan",
            settings=settings,
            history=tmp_path / "history.jsonl",
            inputs={"source": "5f1c"},
            label="train_gan simpgan folds10:0",
        ) as run:
            for step in range(2500):
                run.metrics(step, {"loss/cycle": step / 3})
            run.image("translation/target", numpy.full((8, 4, 3), 7, numpy.uint8), 20)
            run.table("results", pandas.DataFrame({"method": ["direct"], "rank-1": [10.5]}))
            run.text("summary.md", "better")
            run.tag("note", "x" * 10_000)
        pipeline.log_artifact(tmp_path / "report")
        pipeline.log_metrics({"cmc/rank-1": 12.5})

    runs = runs_of(client)
    parent, child = runs["adapt"], runs["train_gan simpgan folds10:0"]
    assert (parent.info.status, child.info.status) == ("FINISHED", "FINISHED")
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.data.tags["simpgan.input.source"] == "5f1c"
    assert child.data.params == {
        "train_gan.lambda.cycle": "10.0",
        "train_gan.backbone": "resnet18",
        "train_gan.size": "[128, 64]",
        "train_gan.weights": "null",
    }
    assert parent.data.params == {"pipeline.method": "simpgan"}
    assert parent.data.tags["target"] == "grid"
    assert parent.data.metrics == {"cmc/rank-1": 12.5}
    assert steps_of(client, child, "loss/cycle") == [(step, step / 3) for step in range(2500)]

    assert {file.path for file in client.list_artifacts(child.info.run_id)} == {
        "images",
        "results.json",
        "summary.md",
    }
    table = client.load_table(child.info.experiment_id, "results.json", [child.info.run_id])
    assert table.to_dict("records") == [{"method": "direct", "rank-1": 10.5}]
    assert client.list_artifacts(parent.info.run_id, "report")[0].path == "report/report.html"
    assert (tmp_path / "mlartifacts").is_dir()
    assert not Path("mlruns").exists()


def test_figures_are_kept_as_pictures(client: MlflowClient, tmp_path: Path) -> None:
    figure = Figure()
    figure.subplots().plot([1, 2])
    (tmp_path / "ranked.svg").write_text("<svg/>")
    with stage_run("evaluate", settings={}, history=tmp_path / "history.jsonl") as run:
        run.figure("cmc", figure)
        run.figure("ranked", tmp_path / "ranked.svg")
    run_id = runs_of(client)["evaluate"].info.run_id
    png = client.download_artifacts(run_id, "figures/cmc.png", str(tmp_path))
    assert Path(png).read_bytes().startswith(b"\x89PNG")
    assert {file.path for file in client.list_artifacts(run_id, "figures")} == {
        "figures/cmc.png",
        "figures/ranked.svg",
    }


def test_stage_without_a_pipeline_has_a_run_of_its_own(client: MlflowClient, tmp_path: Path) -> None:
    for stage in ("pretrain", "evaluate"):
        with stage_run(stage, settings={}, history=tmp_path / "history.jsonl"):
            pass
    assert all("mlflow.parentRunId" not in run.data.tags for run in runs_of(client).values())


def test_run_named_by_the_cluster_is_resumed_and_not_handed_to_every_stage(
    client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = client.create_run(client.create_experiment("simpgan"), run_name="given").info.run_id
    client.log_param(given, "settings", "{}")
    monkeypatch.setenv("MLFLOW_RUN_ID", given)
    with stage_run("train_gan", settings={"rate": 0.5}, history=tmp_path / "history.jsonl") as run:
        run.metrics(4, {"loss": 2.0})
    found = runs_of(client)["given"]
    assert found.data.params == {"settings": "{}", "train_gan.rate": "0.5"}
    assert found.info.status == "FINISHED"

    with pipeline_run("adapt", {}, {}):
        assert "MLFLOW_RUN_ID" not in os.environ
        with stage_run("pretrain", settings={}, history=tmp_path / "history.jsonl"):
            pass
    assert os.environ["MLFLOW_RUN_ID"] == given
    assert runs_of(client)["pretrain"].data.tags["mlflow.parentRunId"] == given


def test_a_runner_tells_tasks_apart_that_a_stage_cannot(
    client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = ["pretrain (market1501, seed 0)", "pretrain (market1501, seed 1)"]
    with pipeline_run("table1", {}, {}):
        for task in tasks:
            monkeypatch.setenv("SIMPGAN_TASK", task)
            with stage_run("pretrain", settings={}, history=tmp_path / "history.jsonl"):
                pass
    assert set(runs_of(client)) == {"table1", *tasks}


# Retries


def test_retry_with_another_value_goes_on_in_the_same_run_and_loses_nothing(
    client: MlflowClient, tmp_path: Path
) -> None:
    picture = numpy.zeros((4, 4, 3), numpy.uint8)
    with pipeline_run("adapt", {}, {}):
        for attempt, workers in enumerate((4, 2)):
            with stage_run(
                "pretrain", settings={"workers": workers, "rate": 1}, history=tmp_path / "history.jsonl"
            ) as run:
                if attempt:
                    run.resume(0)
                run.metrics(attempt, {"loss": attempt + 0.5})
                run.image("translation/target", picture, 0)
                run.table("results", pandas.DataFrame({"rank-1": [attempt]}))
                run.summary({"cmc/rank-1": 10.0 + attempt})
    retried = runs_of(client)["pretrain"]
    assert retried.data.params == {"pretrain.workers": "4", "pretrain.rate": "1"}
    assert json.loads(retried.data.tags["simpgan.changed"]) == {"pretrain.workers": ["4", "2"]}
    assert steps_of(client, retried, "loss") == [(0, 0.5), (1, 1.5)]
    assert retried.data.metrics["cmc/rank-1"] == 11.0
    assert len(client.list_artifacts(retried.info.run_id, "images")) == 2  # one picture, full and small
    table = client.load_table(retried.info.experiment_id, "results.json", [retried.info.run_id])
    assert table["rank-1"].tolist() == [1]


@pytest.mark.parametrize("in_pipeline", [True, False])
def test_killed_training_goes_on_with_an_exact_history(client: MlflowClient, tmp_path: Path, in_pipeline: bool) -> None:
    """In a pipeline the retry writes to the same run; alone it gets a new one, with all that the file holds."""

    def killed_then_finished() -> None:
        killed = start(train, tmp_path, 25)
        wait_until_sent(client, 25)  # beyond the checkpoint, which is of step 19
        killed.kill()
        killed.join()
        (run,) = runs_of(client).values() if not in_pipeline else [runs_of(client)["train_gan"]]
        assert run.info.status == "RUNNING"
        with (tmp_path / "history.jsonl").open("ab") as file:
            file.write(b'{"step": 26, "ti')
        assert exit_code(start(train, tmp_path)) == 0

    if in_pipeline:
        with pipeline_run("adapt", {}, {}):
            killed_then_finished()
        finished = runs_of(client)["train_gan"]
    else:
        killed_then_finished()
        experiment = client.get_experiment_by_name("simpgan")
        assert experiment
        finished, left_behind = client.search_runs([experiment.experiment_id])
        assert left_behind.info.status == "KILLED"
        assert "ended without a word" in left_behind.data.tags["simpgan.reason"]

    assert finished.info.status == "FINISHED"
    assert {name: steps_of(client, finished, name) for name in EXPECTED} == EXPECTED
    assert history_on_disk(tmp_path / "history.jsonl") == EXPECTED


def test_what_mlflow_lacks_of_earlier_steps_is_sent_on_resuming(client: MlflowClient, tmp_path: Path) -> None:
    """Whatever part reached MLflow before the end, even with a gap, the retry makes it whole."""
    path = tmp_path / "history.jsonl"
    with pipeline_run("adapt", {}, {}):
        with stage_run("train_gan", settings={}, history=path):
            pass
        run = runs_of(client)["train_gan"]
        lines = [Entry(step, 1000 + step, {"loss": step / 3}) for step in range(10)]
        History(path).keep(None)
        History(path).append(lines)
        sent = [Metric("loss", step / 3, 1000 + step, step) for step in (0, 1, 4, 8, 9)]
        client.log_batch(run.info.run_id, metrics=sent)
        with stage_run("train_gan", settings={}, history=path) as resumed:
            resumed.resume(6)
            for step in range(7, 12):
                resumed.metrics(step, {"loss": step / 3})
    expected = [(step, step / 3) for step in range(12)]
    assert steps_of(client, run, "loss") == expected
    assert history_on_disk(path) == {"loss": expected}


# Endings


def test_exception_ends_as_failed_with_its_reason(client: MlflowClient, tmp_path: Path) -> None:
    with (  # noqa: PT012
        pytest.raises(ZeroDivisionError),
        pipeline_run("adapt", {}, {}),
        stage_run("translate", settings={}, history=tmp_path / "history.jsonl") as run,
    ):
        run.metrics(0, {"loss": 1.0})
        raise ZeroDivisionError("no images\nat all")
    runs = runs_of(client)
    for name in ("adapt", "translate"):
        assert runs[name].info.status == "FAILED"
        assert runs[name].data.tags["simpgan.reason"] == "ZeroDivisionError: no images"
        assert [file.path for file in client.list_artifacts(runs[name].info.run_id)] == ["failure.txt"]
    assert steps_of(client, runs["translate"], "loss") == [(0, 1.0)]


def test_users_error_is_the_reason_as_it_stands(client: MlflowClient, tmp_path: Path) -> None:
    with (
        pytest.raises(UserError),
        stage_run("ingest", settings={}, history=tmp_path / "history.jsonl"),
    ):
        raise UserError("no image in DIR: give another folder")
    failed = runs_of(client)["ingest"]
    assert failed.info.status == "FAILED"
    assert failed.data.tags["simpgan.reason"] == "no image in DIR: give another folder"
    assert not client.list_artifacts(failed.info.run_id)


def test_a_failed_stage_that_succeeds_on_retry_is_finished(client: MlflowClient, tmp_path: Path) -> None:
    with pipeline_run("adapt", {}, {}):
        with (
            pytest.raises(RuntimeError),
            stage_run("ingest", settings={}, history=tmp_path / "history.jsonl"),
        ):
            raise RuntimeError("once")
        with stage_run("ingest", settings={}, history=tmp_path / "history.jsonl"):
            pass
    retried = runs_of(client)["ingest"]
    assert retried.info.status == "FINISHED"
    assert "simpgan.reason" not in retried.data.tags


def test_sigterm_ends_as_killed_and_keeps_what_was_measured(client: MlflowClient, tmp_path: Path) -> None:
    process = start(train, tmp_path, 25)
    wait_until_sent(client, 25)
    process.terminate()
    assert exit_code(process) == 128 + signal.SIGTERM
    run = runs_of(client)["train_gan"]
    assert run.info.status == "KILLED"
    assert run.data.tags["simpgan.reason"] == "SIGTERM"
    assert steps_of(client, run, "loss/cycle") == EXPECTED["loss/cycle"][:26]


def test_handler_of_sigterm_is_restored(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pipeline_run("adapt", {}, {}), stage_run("ingest", settings={}, history=tmp_path / "history.jsonl"):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_ends_a_forked_data_loader_worker_at_once(tmp_path: Path) -> None:
    with stage_run("pretrain", settings={}, history=tmp_path / "history.jsonl"):
        worker = os.fork()
        if worker == 0:
            time.sleep(60)
            os._exit(0)
        time.sleep(0.1)
        os.kill(worker, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == -signal.SIGTERM


def test_pipeline_closes_a_stage_that_was_killed_without_a_word(client: MlflowClient, tmp_path: Path) -> None:
    with (  # noqa: PT012
        pytest.raises(RuntimeError),
        pipeline_run("adapt", {}, {}),
    ):
        process = start(train, tmp_path, 5)
        wait_until_sent(client, 5)
        process.kill()
        process.join()
        raise RuntimeError("stage train_gan failed")
    runs = runs_of(client)
    assert runs["adapt"].info.status == "FAILED"
    assert runs["train_gan"].info.status == "KILLED"
    assert "out of memory" in runs["train_gan"].data.tags["simpgan.reason"]


def test_runs_of_living_processes_are_left_alone(client: MlflowClient, tmp_path: Path) -> None:
    process = start(train, tmp_path, 5)
    wait_until_sent(client, 5)
    with pipeline_run("adapt", {}, {}):
        pass
    assert runs_of(client)["train_gan"].info.status == "RUNNING"
    process.kill()
    process.join()


# Refusals, absence, and several at once


def test_a_refused_call_costs_only_itself(
    client: MlflowClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with stage_run("evaluate", settings={}, history=tmp_path / "history.jsonl") as run:
        run.tag("not a name: \x00", "x")
        run.artifact(tmp_path / "absent.html")
        run.metrics(0, {"loss": 1.0})
    assert len(caplog.records) == 1
    assert "history.jsonl" in caplog.text
    finished = runs_of(client)["evaluate"]
    assert finished.info.status == "FINISHED"
    assert steps_of(client, finished, "loss") == [(0, 1.0)]


def test_run_id_that_does_not_exist_leaves_the_file(
    client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    with stage_run("evaluate", settings={}, history=tmp_path / "history.jsonl") as run:
        run.metrics(0, {"loss": 1.0})
    assert len(caplog.records) == 1
    assert "0" * 32 in caplog.text
    assert len(read_history(tmp_path / "history.jsonl")) == 1


def test_stages_at_the_same_time_on_a_new_sqlite_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/new/mlflow.db")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with pipeline_run("adapt", {}, {}):
        processes = [start(train, tmp_path / name, -1, name) for name in ("a", "b")]
        assert [exit_code(process) for process in processes] == [0, 0]
    client = MlflowClient(f"sqlite:///{tmp_path}/new/mlflow.db")
    for name in ("a", "b"):
        run = runs_of(client)[name]
        assert {key: steps_of(client, run, key) for key in EXPECTED} == EXPECTED


@contextmanager
def mlflow_server(port: int, folder: Path) -> Iterator[None]:
    """A real tracking server with one worker; gone at once when the block ends, as after a crash."""
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=1"),
                *(f"--backend-store-uri=sqlite:///{folder}/mlflow.db", f"--artifacts-destination={folder}/files"),
            ],
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                break
            except OSError:
                assert server.poll() is None, (folder / "server.log").read_text()
                time.sleep(0.2)
        yield
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.mark.servers
def test_server_that_goes_away_costs_no_metric_and_does_not_block(
    set_up_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(set_up_store, tmp_path / "mlflow.db")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(runs, "WRITE_SECONDS", 0.0)
    picture = numpy.full((8, 8, 3), 9, numpy.uint8)
    with stage_run("train_gan", settings={"rate": 1}, history=tmp_path / "history.jsonl") as run:
        run.metrics(0, {"loss": 0.0})  # the server is not there yet
        with mlflow_server(port, tmp_path):
            client = MlflowClient(f"http://127.0.0.1:{port}")
            for step in range(1, 50):
                run.metrics(step, {"loss": step / 3})
            for _ in range(100):
                experiment = client.get_experiment_by_name("simpgan")
                found = client.search_runs([experiment.experiment_id]) if experiment else []
                if found and found[0].data.metrics:
                    break
                time.sleep(0.2)
        for step in range(50, 100):
            run.metrics(step, {"loss": step / 3})
        run.image("translation", picture, 99)
        run.flush()
        time.sleep(1)
        server = mlflow_server(port, tmp_path)
        server.__enter__()
    try:
        finished = runs_of(client)["train_gan"]
        assert finished.info.status == "FINISHED"
        assert steps_of(client, finished, "loss") == [(step, step / 3) for step in range(100)]
        assert len(client.list_artifacts(finished.info.run_id, "images")) == 2
    finally:
        server.__exit__(None, None, None)
    assert len(caplog.records) == 1
    assert "does not answer" in caplog.text


def test_dead_server_holds_up_the_end_only_for_a_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as closed:  # bound, not listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setitem(runs.END_SECONDS, "FINISHED", 0.5)
        monkeypatch.setattr(sender, "SHORTEST_WAIT_SECONDS", 0.1)
        with stage_run("pretrain", settings={}, history=tmp_path / "history.jsonl") as run:
            run.metrics(0, {"loss": 1.0})
    assert read_history(tmp_path / "history.jsonl")[0].values == {"loss": 1.0}
    assert "did not answer in time" in caplog.text


# The place of mlflow in the software


def test_only_tracking_imports_mlflow() -> None:
    importers = set()
    for path in [*ROOT.glob("components/**/*.py"), *ROOT.glob("pipelines/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if any(name.split(".")[0] == "mlflow" for name in names):
                importers.add(str(path.parent.relative_to(ROOT)))
    assert importers == {"components/core/runtime/tracking"}


def test_folder_of_the_server_does_not_hide_the_package() -> None:
    assert not (ROOT / "mlflow" / "__init__.py").exists()
    found = importlib.util.find_spec("mlflow")
    assert found
    assert found.origin
