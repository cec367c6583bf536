"""What an installed copy brings."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Paths of the files that `pip install` puts beside other packages."""
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    source.mkdir()
    for name in ("components", "pipelines"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "simpgan", source / "simpgan", symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", folder, source], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_it_claims_one_import_name(installed):
    assert {name.partition("/")[0] for name in installed} == {"simpgan"}


def test_it_has_all_code_and_data(installed):
    files = [path for name in ("components", "pipelines") for path in (ROOT / name).rglob("*") if path.is_file()]
    wanted = {path for path in files if path.suffix not in (".pyc", ".md")}
    assert {f"simpgan/{path.relative_to(ROOT).as_posix()}" for path in wanted} <= installed
