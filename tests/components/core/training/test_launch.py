"""A component's call, made in one process or in several that meet."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.core.training.launch import PROCESSES, together
from tests.components.core.training.processes import meet, note, work

ROOT = Path(__file__).parents[4]


def test_without_a_number_of_processes_the_call_is_made_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROCESSES, raising=False)
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
