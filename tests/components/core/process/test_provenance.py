"""Hardware, day and commit that rows of results carry."""

import re
import subprocess
from pathlib import Path

import pytest
import torch

from simpgan.components.core.process import provenance


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in a repository with one commit."""
    monkeypatch.delenv(provenance.COMMIT, raising=False)
    file = tmp_path / "package" / "code.py"
    file.parent.mkdir()
    file.write_text("answer = 42\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return file


def test_the_commit_is_that_of_the_codes_repository(code: Path) -> None:
    assert provenance.commit(code) == git(code.parent, "rev-parse", "HEAD")[:12]


def test_a_tag_does_not_hide_the_commit(code: Path) -> None:
    git(code.parent, "tag", "--annotate", "v1", "--message", "a release")
    assert provenance.commit(code) == git(code.parent, "rev-parse", "HEAD")[:12]


def test_changed_code_is_told(code: Path) -> None:
    code.write_text("answer = 41\n")
    assert provenance.commit(code) == git(code.parent, "rev-parse", "HEAD")[:12] + "-dirty"


def test_the_environment_names_the_commit_of_a_container(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(provenance.COMMIT, "0123abc")
    assert provenance.commit(code) == "0123abc"


def test_code_installed_inside_of_another_repository_has_no_commit(code: Path) -> None:
    installed = code.parent / "installed.py"
    installed.write_text("")
    assert provenance.commit(installed) == "unknown"


def test_without_git_the_commit_is_unknown(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert provenance.commit(code) == "unknown"


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what GPU it is")
def test_a_cpu_is_told_by_model_and_the_threads_that_compute() -> None:
    assert re.fullmatch(rf".+, {torch.get_num_threads()} threads?", provenance.hardware())


def test_the_model_is_read_as_linux_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Fast   CPU @ 2.0GHz\nprocessor\t: 1\n")
    monkeypatch.setattr(provenance, "PROCESSORS", tmp_path / "cpuinfo")
    assert provenance.processor() == "Fast CPU @ 2.0GHz"


def test_where_linux_names_no_model_the_architecture_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\n")
    monkeypatch.setattr(provenance, "PROCESSORS", tmp_path / "cpuinfo")
    assert provenance.processor() != ""


def test_the_day_is_written_as_a_date() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", provenance.today())
