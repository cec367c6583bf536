"""The history file, which is all there is where no server is named."""

import json
import math
import os
from pathlib import Path

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpgan.components.core.errors import UserError
from simpgan.components.core.tracking import pipeline_run, read_history, stage_run
from simpgan.components.core.tracking.metric_log import Entry, MetricLog
from tests.components.core.tracking.stages import (
    run_python,
)


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
    history = MetricLog(tmp_path / "history.jsonl")
    history.truncate(None)
    history.append([Entry(step, 1, {"loss": step / 3}) for step in range(5)])
    history.append([Entry(None, 1, {"cmc/rank-1": 1.0})])
    with history.path.open("ab") as file:
        file.write(b'{"step": 2, "time": 1, "val')

    assert [entry.step for entry in history.entries()] == [0, 1, 2, 3, 4, None]
    history.truncate(2)
    assert list(history.entries()) == [Entry(step, 1, {"loss": step / 3}) for step in range(3)]


def test_history_in_a_place_that_is_no_folder_is_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match=r"cannot write the metric history .*history.jsonl"),
        stage_run("pretrain", settings={}, history=tmp_path / "file" / "history.jsonl") as run,
    ):
        run.flush()


def test_without_tracking_uri_the_file_has_everything(tmp_path: Path) -> None:
    picture = numpy.zeros((4, 4, 3), numpy.uint8)
    with (
        pipeline_run("adapt", {}, {}) as pipeline,
        stage_run("train_gan", settings={"rate": 1}, history=tmp_path / "new" / "history.jsonl") as run,
    ):
        assert os.environ["SIMPGAN_PIPELINE_RUN"] == pipeline.id
        pipeline.log_metrics({"cmc/rank-1": 1})
        run.log_metrics(0, {"loss/cycle": 0.1})
        run.log_metrics(1, {"loss/cycle": math.nan})
        run.log_image("translation", picture, 0)
        run.log_table("results", pandas.DataFrame({"rank-1": [1]}))
        run.log_summary({"cmc/rank-1": 50})
    assert "SIMPGAN_PIPELINE_RUN" not in os.environ
    first, second, last = read_history(tmp_path / "new" / "history.jsonl")
    assert (first.step, first.values) == (0, {"loss/cycle": 0.1})
    assert math.isnan(second.values["loss/cycle"])
    assert (last.step, last.values) == (None, {"cmc/rank-1": 50.0})


def test_a_run_that_does_not_resume_starts_its_history_anew(tmp_path: Path) -> None:
    for _ in range(2):
        with stage_run("train_gan", settings={}, history=tmp_path / "history.jsonl") as run:
            run.log_metrics(0, {"loss": 1.0})
    assert len(read_history(tmp_path / "history.jsonl")) == 1


def test_resume_after_measuring_is_refused(tmp_path: Path) -> None:
    with stage_run("train_gan", settings={}, history=tmp_path / "history.jsonl") as run:
        run.log_metrics(0, {"loss": 1.0})
        run.flush()
        with pytest.raises(RuntimeError, match="before the first metrics"):
            run.resume(0)


@pytest.mark.parametrize("name", ["rank@1", "", "/loss", "loss/../cycle", "loss//cycle"])
def test_names_that_mlflow_would_refuse_are_refused_at_once(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(ValueError, match="cannot name a metric"),
        stage_run("evaluate", settings={}, history=tmp_path / "history.jsonl") as run,
    ):
        run.log_metrics(0, {name: 1.0})


def test_runs_where_mlflow_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = """
import sys
sys.modules["mlflow"] = None
from pathlib import Path
from simpgan.components.core.tracking import stage_run
with stage_run("train_gan", settings={}, history=Path(sys.argv[1])) as run:
    run.log_metrics(3, {"loss": 0.5})
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
from simpgan.components.core.tracking import stage_run
with stage_run("ingest", settings={}, history=Path(sys.argv[1])) as run:
    run.log_summary({"images": 3})
sys.exit("mlflow" in sys.modules or "torch" in sys.modules)
"""
    assert run_python(script, tmp_path / "history.jsonl").returncode == 0
