"""docs/data.md explains every column of a manifest's tables, in their order."""

import re

import pytest

from simpgan.components.core.data.manifest_tables import IMAGE_COLUMNS, OBJECT_COLUMNS, REJECTED_COLUMNS, ROLE_COLUMNS
from tests.docs.blocks import ROOT

PAGE = (ROOT / "docs" / "data.md").read_text()
TYPES = {"str": "text", "int64": "integer", "Int64": "integer or null"}


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("images", IMAGE_COLUMNS),
        ("roles", ROLE_COLUMNS),
        ("rejected", REJECTED_COLUMNS),
        ("objects", OBJECT_COLUMNS),
    ],
)
def test_every_column_is_explained_with_its_type(table: str, columns: dict[str, str]):
    [rows] = re.findall(rf"^`{table}\.parquet` [^|]*\n\n\| column .*\n\|.*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    found = {}
    for row in rows.splitlines():
        names, types, meaning = (cell.strip() for cell in row.strip("|").split("|"))
        assert meaning
        names = re.findall(r"`(\w+)`", names)
        found |= zip(names, (types.split(", ") * len(names))[: len(names)], strict=True)
    assert list(found.items()) == [(name, TYPES[kind]) for name, kind in columns.items()]
