"""Every function and setting that docs/method.md names exists."""

import ast
import importlib
import re
from functools import lru_cache
from pathlib import Path

import pytest

from simpgan import components
from simpgan.components.core.settings import Settings

ROOT = Path(components.__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "method.md").read_text()
FUNCTIONS = sorted(set(re.findall(r"`((?:components|pipelines|tests)/[\w/]+\.py):([\w.]+)`", PAGE)))
SETTINGS = sorted(set(re.findall(r"`(pretrain|train_gan|translate|umdl|evaluate)\.(\w+)`", PAGE)))


@lru_cache
def defined(path: str) -> set[str]:
    """Functions and classes of a file, and the methods of its classes as Class.method."""
    names = set()
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
    return names


@lru_cache
def settings_of(stage: str) -> set[str]:
    module = vars(importlib.import_module(f"simpgan.components.{stage}.settings"))
    classes = [each for each in module.values() if isinstance(each, type) and issubclass(each, Settings)]
    return {name for each in classes for name in each.model_fields}


def test_every_equation_is_on_the_page() -> None:
    rows = re.findall(r"^\| Eq\. ([\d, ]+) \|", PAGE, re.MULTILINE)
    assert sorted(int(number) for row in rows for number in row.split(",")) == list(range(1, 13))


@pytest.mark.parametrize(("path", "name"), FUNCTIONS)
def test_every_function_exists(path: str, name: str) -> None:
    assert name in defined(path)


@pytest.mark.parametrize(("stage", "name"), SETTINGS)
def test_every_setting_exists(stage: str, name: str) -> None:
    assert name in settings_of(stage)
