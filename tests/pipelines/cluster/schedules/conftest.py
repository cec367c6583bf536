"""The command `simpgan schedule`, and schedules of a small compiled pipeline."""

import shutil
import sys

import pytest
import yaml
from kfp.compiler import Compiler

from simpgan.pipelines import cli
from tests.pipelines.words import words

WORDS = {"pipeline": "words.yaml", "cron": "0 0 3 * * MON"}
PARAMETERS = {"first": "a", "others": [{"word": "b"}]}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    path = tmp_path_factory.mktemp("compiled") / "words.yaml"
    Compiler().compile(words, str(path))
    return path


@pytest.fixture
def folder(tmp_path, compiled):
    """A folder for schedules, beside one with a compiled pipeline."""
    (tmp_path / "schedules").mkdir()
    shutil.copy(compiled, tmp_path / "words.yaml")
    return tmp_path / "schedules"


@pytest.fixture
def write(folder):
    """Writes a schedule of the pipeline `words`, changed as told."""

    def write(name, **changes):
        content = {**WORDS, "pipeline": "../words.yaml", "parameters": PARAMETERS, **changes}
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
        return path

    return write


@pytest.fixture
def schedule(monkeypatch, capsys, kubeflow):
    """Runs a command of `simpgan schedule`; returns what it said, by default without an error."""

    def schedule(command, *arguments, status=0):
        monkeypatch.setattr(
            sys, "argv", ["simpgan", "schedule", command, "--host", kubeflow.address, *map(str, arguments)]
        )
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert (ended.value.code or 0) == status, said.err
        return said.out.splitlines() if status == 0 else said.err.removeprefix("simpgan: ")

    return schedule
