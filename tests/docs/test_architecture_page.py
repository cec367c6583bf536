"""The tree of folders in docs/architecture.md is the real one."""

import re

from tests.docs.blocks import ROOT

TREE = re.compile(r"```text\n(components/.*?)```", re.DOTALL)
TOPS = ("components", "pipelines")


def shown() -> list[str]:
    """Folders of the page's tree, from the root, in its order."""
    [tree] = TREE.findall((ROOT / "docs" / "architecture.md").read_text())
    path: list[str] = []
    found = []
    for line in tree.splitlines():
        name, _, meaning = line.strip().partition("/ ")
        assert meaning.strip(), f"{name} has no explanation"
        path[(len(line) - len(line.lstrip())) // 2 :] = [name]
        found.append("/".join(path))
    return found


def real() -> set[str]:
    """Folders with code, from the root: stages, rooms of the core, and rooms of the pipelines."""
    folders = {path.parent for top in TOPS for path in (ROOT / top).rglob("*.py")}
    paths = {folder.relative_to(ROOT).parts for folder in folders}
    return {"/".join(parts) for parts in paths if len(parts) <= 2 or (len(parts) == 3 and parts[1] == "core")}


def test_the_tree_shows_every_folder_with_code_and_no_other():
    assert {name for name in shown() if name.partition("/")[0] in TOPS} == real()


def test_the_other_folders_exist():
    assert all((ROOT / name).is_dir() for name in shown())


def test_no_folder_is_shown_twice():
    assert len(shown()) == len(set(shown()))
