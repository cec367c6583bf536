"""The training of a translator: translation.json, beside the manifest of translated images."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from simpgan.components.core.damaged_files import named_damage, read_json

FILE = "translation.json"


def translation_name(dataset: str, method: str) -> str:
    """Return the name of the translation of a data set."""
    return f"{dataset} by {method}"


def is_translation_name(name: str, dataset: str) -> bool:
    """Tell whether a name is that of a translation of `dataset`, by whatever method."""
    return name.startswith(translation_name(dataset, ""))


class _Training(BaseModel):
    method: str
    protocol: str
    fold: int
    seed: int
    steps: int


class _Origin(BaseModel):
    settings: _Training
    variant: str = ""
    direction: str
    selection: dict[str, Any] | None = None
    inputs: dict[str, str] = {}


def read_origin(folder: Path) -> dict[str, Any]:
    """Read translation.json of a translation.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path, remedy = folder / FILE, "translate again"
    origin = read_json(path, remedy)
    with named_damage(path, remedy):
        _Origin.model_validate(origin)
    return origin
