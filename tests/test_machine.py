"""Setting up a machine for the tests: what it lacks is said, with what brings it."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests import machine

ROOT = Path(__file__).parents[1]


def test_on_a_machine_without_anything_every_marker_is_listed_with_its_packages(tmp_path):
    command = [sys.executable, ROOT / "tests" / "machine.py", "--all"]
    ran = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert ran.returncode == 2, ran.stderr
    listed = {line.split()[0]: line for line in ran.stdout.splitlines() if line.startswith("  ")}
    assert listed.keys() == machine.PROGRAMS.keys()
    assert "apt-get install docker-registry" in listed["registry"]
    assert "apt-get install postgresql rclone" in listed["postgresql"]
    assert "chromium chromium-driver" in listed["browser"]


def test_what_is_left_out_by_name_is_not_listed(tmp_path):
    command = [sys.executable, ROOT / "tests" / "machine.py", "--all", "--without", "browser"]
    ran = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert "browser" not in ran.stdout
    assert "registry" in ran.stdout


@pytest.mark.parametrize(
    ("given", "before"),
    [([], "downloads 3.3 GB"), (["TORCH=--index-url URL"], "pip install --quiet .* torch torchvision --index-url URL")],
)
def test_make_says_how_much_it_downloads_or_takes_torch_from_where_it_is_told(given, before, tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    command = ["make", "--dry-run", "-C", tmp_path, ".venv/demo.installed", *given]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(f"{before}.*pip install .*--editable", ran.stdout, re.DOTALL)


def test_every_marker_that_asks_for_a_program_is_one_of_pytest():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert machine.PROGRAMS.keys() <= {marker.partition(":")[0] for marker in settings["markers"]}
