"""Write the settings tables of the stages' READMEs from their settings classes, and ingest's tables of layouts.

After a change of a setting or a layout:  python -m tests.docs.settings_tables
"""

import importlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from simpgan.components.core.settings import Settings
from tests.docs.blocks import ROOT
from tests.docs.layout_tables import with_layouts

STAGES = sorted(path.parent.name for path in ROOT.glob("components/*/settings.py") if path.parent.name != "core")
"""Stages that have settings, by the name of their folder."""

START, END = "<!-- settings: python -m tests.docs.settings_tables -->", "<!-- end of settings -->"
BETWEEN = re.compile(f"(?<={re.escape(START)}\n).*(?={re.escape(END)})", re.DOTALL)
SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<", "multipleOf": "multiple of"}
"""How bounds are written, by their names in JSON Schema."""


def readme(stage: str) -> Path:
    """Return the path of a stage's README."""
    return ROOT / "components" / stage / "README.md"


def settings_class(stage: str) -> type[Settings]:
    """Return the settings class that a stage defines."""
    module = importlib.import_module(f"simpgan.components.{stage}.settings")
    [found] = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
    return found


def with_table(text: str, settings: type[Settings]) -> str:
    """Return a README's text with the present table of `settings` between the markers.

    Raises:
        ValueError: the text does not have each marker exactly once.
    """
    if len(BETWEEN.findall(text)) != 1:
        raise ValueError(f"the README needs one line '{START}' and below it one line '{END}'")
    return BETWEEN.sub(lambda _: table(settings), text)


def table(settings: type[Settings]) -> str:
    """Return the Markdown table of a settings class: one row per setting, in the order of their definition."""
    lines = ["| setting | default | values | meaning |", "| --- | --- | --- | --- |"]
    for name, schema in rows(settings):
        cells = [code(name), default(schema), values(schema), schema["description"]]
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def rows(settings: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name and schema of every setting; those of nested settings as `outer.inner`."""
    schemas = settings.model_json_schema()["properties"]
    for name, field in settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from rows(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, schemas[name]


def default(schema: Mapping[str, Any]) -> str:
    """Return a setting's default as a user writes it after `--set`."""
    if "default" not in schema:
        return "required"
    value = schema["default"]
    return "none" if value is None else code(value) if value not in ("", []) else "empty"


def values(schema: Mapping[str, Any]) -> str:
    """Return the values that a setting may have: its choices, or its type and bounds."""
    if "enum" in schema:
        return ", ".join(map(code, schema["enum"]))
    [kind] = [each["type"] for each in schema.get("anyOf", [schema]) if each["type"] != "null"]
    if kind == "boolean":
        return f"{code(False)}, {code(True)}"
    if kind == "array":
        return "list of text"
    bounds = [f"{sign} {number(schema[name])}" for name, sign in SIGNS.items() if name in schema]
    return " ".join([{"string": "text"}.get(kind, kind), ", ".join(bounds)]).strip()


def code(value: object) -> str:
    """Return a value in the notation of YAML, as code."""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def number(value: float) -> str:
    """Return a bound as text: 9007199254740992 as 2^53, and 1.0 as 1."""
    if value >= 2**32 and int(value).bit_count() == 1:
        return f"2^{int(value).bit_length() - 1}"
    return f"{value:g}"


if __name__ == "__main__":
    for stage in STAGES:
        path = readme(stage)
        path.write_text(with_table(path.read_text(), settings_class(stage)))
    readme("ingest").write_text(with_layouts(readme("ingest").read_text()))
