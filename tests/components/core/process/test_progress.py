"""How far a piece of work is: what a terminal shows, and what a log gets."""

import io
import os
import re
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from simpgan.components.core.process import progress
from simpgan.components.core.process.progress import Progress, with_progress
from simpgan.components.core.process.task import TASK
from simpgan.pipelines.runner.stage_log import StageOutput
from simpgan.pipelines.runner.stage_process import read


def work(steps: int = 3) -> None:
    """Some work whose losses are known."""
    with Progress("train_gan simpgan", 100, "step", done=10) as shown:
        for step in range(steps):
            shown.losses({"loss/cycle": 0.25 / (step + 1), "gradient/cycle": 7})
            shown.update()


@pytest.fixture
def every_line(monkeypatch):
    """A line is due after each step."""
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Standard error is a terminal, of which all is kept that it is sent."""
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24, 100))
    sent = io.StringIO()
    with os.fdopen(slave, "w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        yield sent
    # The kernel hands over what was written in pieces, so a single read may return only the first of them.
    sent.write(b"".join(iter(lambda: read(master), b"")).decode())
    os.close(master)


@pytest.mark.usefixtures("every_line")
def test_a_log_gets_lines_with_steps_rate_time_left_and_losses(capsys):
    work()
    said = capsys.readouterr().err
    assert "\r" not in said
    lines = said.splitlines()
    line = r"train_gan simpgan: 11/100 steps, +[\d.?]+(step/s|s/step), 00:00 gone, [\d:?]+ left, cycle=0\.25"
    assert re.fullmatch(line, lines[1])
    assert lines[-1].startswith("train_gan simpgan: 13/100 steps")
    assert lines[-1].endswith("cycle=0.08333")


def test_short_work_leaves_a_log_alone(capsys):
    work()
    assert list(with_progress("abc", "read", 3, "letter")) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""


def test_a_process_that_leaves_it_to_another_shows_nothing(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    with Progress("train", 10, "step", shown=False) as shown:
        shown.update(10)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(monkeypatch):
    with terminal(monkeypatch) as sent:
        work()
    states = [state for state in sent.getvalue().split("\r") if state.strip()]
    assert states[0].startswith("train_gan simpgan:  10%|█")
    assert states[-1].startswith("train_gan simpgan:  13%|█")


@pytest.mark.usefixtures("every_line")
def test_the_log_of_a_stage_has_lines_where_its_reader_has_a_bar(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv(TASK, "train_gan")
    with terminal(monkeypatch) as sent:
        work()
    monkeypatch.undo()
    log = tmp_path / "stage.log"
    StageOutput(log).follow([sent.getvalue().encode()])
    of_log = log.read_text()
    assert "train_gan simpgan: 13/100 steps" in of_log
    assert "cycle=0.08333" in of_log
    assert "\r" not in of_log
    assert progress.FOR_LOG not in of_log
    seen = capsys.readouterr().err
    assert "13%|" in seen
    assert "steps," not in seen
