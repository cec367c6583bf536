"""The arrows of the architecture, read from the imports.

pipelines -> components/<stage> -> components/core; within pipelines cli -> runner, cluster, reports -> requests ->
graphs, config. Imports inside a function count; those for type checking only do not.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from simpgan import components

ROOT = Path(components.__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "components").rglob("*.py"), *(ROOT / "pipelines").rglob("*.py")])
STAGES = sorted(path.parent.name for path in (ROOT / "components").glob("*/component.py"))
ROOMS = {
    "config": set(),
    "graphs": {"config"},
    "requests": {"config", "graphs"},
    "runner": {"config", "graphs", "requests"},
    "cluster": {"config", "graphs", "requests", "runner"},
    "reports": {"config", "graphs", "requests", "runner"},
    "images": {"config", "runner"},
    "export": set(),
    "demo_data": set(),
}
"""Rooms of pipelines, and those that each may import. cli imports all of them, and none imports cli."""

CORE = (
    "errors",
    "environment",
    "leftovers",
    "storage_errors",
    "storage",
    "settings",
    "damaged_files",
    "images",
    "neighbours",
    "process",
    "data",
    "results",
    "tracking",
    "training",
    "models",
    "registry",
)
"""The modules and rooms of components/core, each of which imports only those before it."""


def module_name(path: Path) -> str:
    """The name by which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(["simpgan", *(parts[:-1] if parts[-1] == "__init__" else parts)])


MODULES = {module_name(path): path for path in SOURCES}


def imports(path: Path) -> Iterator[str]:
    """Full names of what a file imports, at its top and in its functions, but not for type checking only."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides where it leads"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(*packages: str) -> set[str]:
    """Files, from the root, that import one of the packages."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for name in imports(path)
        if name.split(".")[0] in packages
    }


def test_there_are_stages():
    assert STAGES == [
        "champion",
        "drift",
        "evaluate",
        "finish",
        "ingest",
        "pretrain",
        "propose",
        "self_train",
        "summarise",
        "train_gan",
        "translate",
        "umdl",
        "watch",
    ]


def test_a_stage_imports_only_itself_and_core():
    for path in SOURCES:
        top, room, *_ = path.relative_to(ROOT).parts
        if top == "components" and room in (*STAGES, "core"):
            allowed = tuple(f"simpgan.components.{each}." for each in ("core", room))
            for name in imports(path):
                assert not name.startswith("simpgan.") or f"{name}.".startswith(allowed), f"{path} imports {name}"


def test_core_has_no_other_rooms():
    names = {path.stem for path in (ROOT / "components/core").iterdir() if not path.name.startswith("__")}
    assert names == set(CORE)


@pytest.mark.parametrize("room", CORE)
def test_a_room_of_core_imports_only_rooms_before_it(room):
    allowed = {*CORE[: CORE.index(room)], room}
    folder = ROOT / "components/core"
    for path in [folder / f"{room}.py", *(folder / room).rglob("*.py")]:
        for name in imports(path) if path.exists() else ():
            _, found, below = name.partition("simpgan.components.core.")
            assert not found or below.split(".")[0] in allowed, f"{path} imports {name}"


def test_no_modules_import_each_other():
    graph = {
        importer: {name if name in MODULES else name.rpartition(".")[0] for name in imports(path)} & MODULES.keys()
        for importer, path in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]), pytrace=False)


def test_every_room_of_pipelines_has_its_arrows():
    assert {*ROOMS, "cli"} == {path.parent.name for path in (ROOT / "pipelines").glob("*/__init__.py")}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_pipelines_imports_only_itself_and_those_below_it(room):
    allowed = {room, *ROOMS[room]}
    for path in (ROOT / "pipelines" / room).rglob("*.py"):
        for name in imports(path):
            _, package, below, *_ = [*name.split("."), "", ""]
            assert package != "pipelines" or below in allowed, f"{path} imports {name}"


def test_only_one_place_imports_mlflow_boto3_and_kfp():
    rooms = ("components/core/tracking", "components/core/registry")
    assert all(path.startswith(rooms) for path in importers("mlflow"))
    assert importers("boto3") == {"components/core/storage.py"}
    kfp = {path for path in importers("kfp") if not path.startswith("pipelines/")}
    assert kfp == {f"components/{stage}/component.py" for stage in STAGES}


def test_nothing_is_pickled():
    assert not importers("pickle", "dill", "joblib")
    for path in SOURCES:
        source = path.read_text()
        assert "torch.save(" not in source, path
        assert "torch.load(" not in source, path
        assert "allow_pickle=True" not in source, path


def test_the_folder_mlflow_does_not_hide_the_package():
    assert not (ROOT / "mlflow" / "__init__.py").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("simpgan.pipelines.cli", ("torch", "kfp", "mlflow", "pandas", "numpy", "pydantic")),
        ("simpgan.components.ingest.stage", ("torch", "kfp", "mlflow")),
        ("simpgan.components.translate.stage", ("kfp", "mlflow")),
        ("simpgan.pipelines.runner.runs", ("torch", "kfp", "mlflow")),
        ("simpgan.pipelines.reports.data_set.page", ("torch", "kfp", "mlflow")),
    ],
)
def test_what_a_part_does_without(module, absent):
    check = f"import {module}, sys; print([name for name in {absent!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"
