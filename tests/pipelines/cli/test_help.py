"""The help of the command line: complete, in groups, one line per command and option, and true."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.pipelines.cli import PANELS, app
from simpgan.pipelines.cli.help import SEE_ALSO, VALUES, shipped
from simpgan.pipelines.config import presets, profiles
from simpgan.pipelines.requests.pipelines import PIPELINES

WIDTH = 100
PANEL = re.compile(r"^╭─ (?P<title>.*?) ─*╮\n(?P<rows>.*?)^╰─*╯$", re.MULTILINE | re.DOTALL)


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command and group of commands."""
    yield words
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*words, name))


def find(words: tuple[str, ...]) -> Any:
    command = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    return command


EVERY_COMMAND = [
    pytest.param(words, id=" ".join(words) or "simpgan") for words in commands(typer.main.get_command(app))
]


def help_of(*words: str) -> str:
    shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": str(WIDTH), "NO_COLOR": "1"})
    assert shown.exit_code == 0, shown.output
    return shown.output


def panels(text: str) -> dict[str, list[str]]:
    """The rows of every panel by its title, without the marks of required options."""
    return {
        panel["title"]: [row.strip("│ ").removeprefix("*").strip() for row in panel["rows"].splitlines()]
        for panel in PANEL.finditer(text)
    }


def test_commands_are_listed_in_their_groups_one_line_each():
    shown = panels(help_of())
    assert list(shown) == ["Options", *PANELS]
    for title, names in PANELS.items():
        assert [row.split()[0] for row in shown[title]] == list(names)
        assert all(row.endswith(".") for row in shown[title])


@pytest.mark.parametrize("words", EVERY_COMMAND[1:])
def test_every_option_is_explained_in_one_line_and_shows_no_types(words):
    text = help_of(*words)
    rows = [row for panel in panels(text).values() for row in panel]
    command = find(words)
    assert len(rows) == len(command.get_params(typer.Context(command))) + len(getattr(command, "commands", {}))
    for row in rows:
        assert re.fullmatch(r"[\w:-]+  .*\w.*\.( \[(required|default: .*)\])*", row), row
    assert not re.search(r"<\w|range \[", text)


@pytest.mark.parametrize("words", EVERY_COMMAND)
def test_help_fits_a_screen(words):
    lines = [line for line in help_of(*words).splitlines() if line.strip()]
    assert max(map(len, lines)) <= WIDTH
    assert len(lines) <= (64 if not words else 50)


def test_placeholders_are_explained_where_they_are_used_and_nowhere_else():
    adapt, ui = (" ".join(help_of(*words).split()) for words in (("run", "adapt"), ("ui",)))
    for name in ("LAYOUT:PATH", "METHODS", "SPLITS", "PRESET", "SETTING=VALUE", "SETTING=LIST", "STORAGE", "RUNNER"):
        assert f" {name} {VALUES[name]} " in adapt
    assert not any(text in ui for text in VALUES.values())
    assert all(text.endswith(SEE_ALSO) for text in (adapt, ui))


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_run_and_submit_take_every_option_of_a_request(pipeline):
    for command in ("run", "submit"):
        assert set(PIPELINES[pipeline].model_fields) <= {each.name for each in find((command, pipeline)).params}


def test_the_values_named_are_those_that_are_accepted():
    assert shipped("presets") == ", ".join(presets.names())
    assert shipped("profiles") == ", ".join(profiles.names())
    assert VALUES["LAYOUT:PATH"].partition("LAYOUT: ")[2].split(", ") == list(LAYOUTS)


def test_the_version_is_that_of_the_installed_package():
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.output) == (0, f"{version('simpgan')}\n")


def test_a_shell_completes_commands():
    program = "import sys; sys.argv[0] = 'simpgan'; from simpgan.pipelines import cli; cli.main()"
    asked = {"_SIMPGAN_COMPLETE": "complete_bash", "COMP_WORDS": "simpgan tra", "COMP_CWORD": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert ran.stdout.split() == ["train-gan", "translate", "trainjob"], ran.stderr
