"""A component's call, made in one process or in several that meet."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.core.training.launch import PROCESSES, RESTARTS, together
from tests.components.core.training.processes import KILLED_AT, STEPS, count, end_by, meet, note, work

ROOT = Path(__file__).parents[4]


def test_without_a_number_of_processes_the_call_is_made_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROCESSES, raising=False)
    monkeypatch.delenv(RESTARTS, raising=False)
    together(note, tmp_path)
    assert (tmp_path / "process").read_text() == str(os.getpid())


@pytest.mark.parametrize("number", ["abc", "0", "-2"])
def test_a_number_of_processes_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    monkeypatch.setenv(PROCESSES, number)
    with pytest.raises(UserError, match=f"^{PROCESSES}={number}: give a whole number from 1, or unset it$"):
        together(note, tmp_path)


@pytest.mark.local
def test_two_processes_meet_and_end_before_the_call_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROCESSES, "2")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    together(meet, tmp_path)
    assert [(tmp_path / rank).read_text() for rank in "01"] == ["0 of 2 was told 7", "1 of 2 was told 7"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]


@pytest.mark.local
def test_what_a_process_refuses_is_said_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROCESSES, "2")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with pytest.raises(UserError, match=r"^the number is odd: choose an even one$"):
        together(meet, tmp_path, True)


@pytest.mark.local
def test_the_processes_end_in_order_when_the_pod_is_told_to_end(tmp_path: Path) -> None:
    call = "import sys, pathlib; together(work, pathlib.Path(sys.argv[1]))"
    code = f"from {together.__module__} import together; from {work.__module__} import work; {call}"
    environment = os.environ | {PROCESSES: "2", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    pod = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment, stderr=subprocess.PIPE)
    notes = [tmp_path / rank / "process" for rank in "01"]
    while not all(path.exists() and path.read_text() for path in notes):
        assert pod.poll() is None, pod.stderr.read().decode()
        time.sleep(0.1)
    pod.send_signal(signal.SIGTERM)
    assert pod.wait(timeout=120) != 0
    assert all((tmp_path / rank / "ended").exists() for rank in "01")
    assert not any(Path("/proc", path.read_text()).exists() for path in notes)


def steps(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()]


KILLED_ONCE = [*range(KILLED_AT + 1), *range(KILLED_AT, STEPS)]


@pytest.mark.local
@pytest.mark.parametrize("processes", [1, 2])
def test_a_killed_training_is_started_again_and_goes_on_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, processes: int
) -> None:
    monkeypatch.setenv(PROCESSES, str(processes))
    monkeypatch.setenv(RESTARTS, "2")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    together(count, tmp_path)
    assert steps(tmp_path / f"steps-{processes - 1}") == KILLED_ONCE
    assert caplog.messages.count("a process was killed by SIGKILL: restart 1 of 2") == 1


@pytest.mark.local
@pytest.mark.parametrize(
    ("how", "error", "starts"), [("refusal", UserError, 1), ("error", Exception, 1), ("SIGKILL", Exception, 3)]
)
def test_only_a_process_that_was_killed_is_started_again_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, error: type[Exception], starts: int
) -> None:
    monkeypatch.delenv(PROCESSES, raising=False)
    monkeypatch.setenv(RESTARTS, "2")
    with pytest.raises(error) as raised:
        together(end_by, tmp_path, how)
    assert isinstance(raised.value, UserError) == (how == "refusal")
    assert len(steps(tmp_path / "starts")) == starts


@pytest.mark.local
def test_the_next_run_of_a_schedule_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    code = f"import sys, pathlib; from {count.__module__} import count; count(pathlib.Path(sys.argv[1]))"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    runs = [
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment | {"KFP_RUN_ID": run}, check=False)
        for run in ("monday", "tuesday")
    ]
    assert [run.returncode for run in runs] == [-signal.SIGKILL, 0]
    assert steps(tmp_path / "steps-0") == KILLED_ONCE
