"""Read a table in blocks of rows, with the number of each row in its file."""

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import IO, Any

import pyarrow.parquet as pq

from simpgan.components.core.damaged_files import named_damage
from simpgan.components.core.errors import UserError
from simpgan.components.ingest.columns import TableColumns
from simpgan.components.ingest.tables.remarks import Remarks
from simpgan.components.ingest.tables.titles import chosen_columns

BLOCK = 2**13
"""Rows that are held as Python objects at a time."""

DELIMITERS = ",;\t"
NO_VALUE = f'{DELIMITERS}" \r\n'
"""Characters of a CSV line without values."""

UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Rows:
    """Some rows of a table, in their order.

    Attributes:
        numbers: number of each row in the file, from 1. In a CSV file the header is a row too.
        values: text by column of `TableColumns`; empty: no value. Columns that the table lacks are missing.
    """

    numbers: Sequence[int]
    values: Mapping[str, Sequence[str]]


def read_rows(file: Path | bytes, name: str, columns: TableColumns, remarks: Remarks) -> Iterator[Rows]:
    """Yield the rows of a table in blocks.

    Args:
        file: the file, or its content.
        name: name of the file, whose suffix tells its kind, for messages too.
        columns: names of the columns.
        remarks: remarks on the table, to which those on its columns are added.

    Raises:
        UserError: a column is missing, a row does not have the form of the others or is not UTF-8, or a value is no
            text, number or time.
    """
    read = KINDS[Path(name).suffix.lower()]
    if isinstance(file, Path):
        with file.open("rb") as opened:
            yield from read(opened, name, columns, remarks)
    else:
        yield from read(BytesIO(file), name, columns, remarks)


def read_csv(file: IO[bytes], name: str, columns: TableColumns, remarks: Remarks) -> Iterator[Rows]:
    """Yield the rows of a CSV file, whose values are separated by commas, semicolons or tabs.

    The first line with values is the header.
    """
    start = file.read(2)
    file.seek(0)
    if start in UTF_16:
        raise UserError(f"{name} is UTF-16: save it as UTF-8 (in spreadsheets, 'CSV UTF-8')")
    text = TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
    first = next((line for line in iter(text.readline, "") if line.strip(NO_VALUE)), "")
    text.seek(0)
    delimiter = max(DELIMITERS, key=first.count)
    lines = csv.reader(text, delimiter=delimiter, skipinitialspace=True, strict=True)
    titles = ([title.strip() for title in values] for _, values in numbered(lines, name))
    header = next(filter(any, titles), [])
    places = {key: header.index(title) for key, title in chosen_columns(header, name, columns, remarks).items()}

    def rows() -> Iterator[tuple[int, list[str]]]:
        for number, values in numbered(lines, name):
            if not values:
                continue
            if len(values) != len(header):
                raise UserError(
                    f"{name}: row {number} has {len(values)} values, and the header {len(header)}: put values that "
                    f"contain '{delimiter}' in quotes"
                )
            yield number, [values[place] for place in places.values()]

    yield from in_blocks(rows(), list(places), name)


def numbered(lines: Any, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of a csv reader with the numbers of their first lines.

    Raises:
        UserError: a quote is not closed, or what is in it is too long.
    """
    while True:
        number = lines.line_num + 1
        try:
            values = next(lines)
        except StopIteration:
            return
        except csv.Error as damage:
            raise UserError(f"{name}: row {number} is not CSV: {damage}") from None
        yield number, values


def read_jsonl(file: IO[bytes], name: str, columns: TableColumns, remarks: Remarks) -> Iterator[Rows]:
    """Yield the rows of a file with a JSON object on each line.

    The file is read twice: any line may be the first with a column.
    """
    there = list(dict.fromkeys(title for _, values in json_objects(file, name, columns) for title in values))
    titles = chosen_columns(there, name, columns, remarks)
    file.seek(0)
    rows = (
        (number, [as_text(values.get(title), title, name, number) for title in titles.values()])
        for number, values in json_objects(file, name, columns)
    )
    yield from in_blocks(rows, list(titles), name)


def json_objects(file: IO[bytes], name: str, columns: TableColumns) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a file with a JSON object on each line, with the numbers of their lines.

    Raises:
        UserError: a line is no JSON object, or not UTF-8.
    """
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise UserError(not_utf_8(name, number)) from None
        except ValueError as damage:
            raise UserError(f"{name}: row {number} is not JSON: {damage}") from None
        if not isinstance(values, dict):
            raise UserError(f'{name}: row {number} is no JSON object: write {{"{columns.path}": ...}}')
        yield number, values


def read_parquet(file: IO[bytes], name: str, columns: TableColumns, remarks: Remarks) -> Iterator[Rows]:
    """Yield the rows of a Parquet file."""
    with named_damage(name, "write it again"):
        parquet = pq.ParquetFile(file)
    titles = chosen_columns(parquet.schema_arrow.names, name, columns, remarks)

    def rows() -> Iterator[tuple[int, list[str]]]:
        number = 0
        with named_damage(name, "write it again"):
            for batch in parquet.iter_batches(BLOCK, columns=list(titles.values())):
                for values in zip(*(batch[title].to_pylist() for title in titles.values()), strict=True):
                    number += 1
                    yield number, [as_text(*each, name, number) for each in zip(values, titles.values(), strict=True)]

    yield from in_blocks(rows(), list(titles), name)


Reader = Callable[[IO[bytes], str, TableColumns, Remarks], Iterator[Rows]]
KINDS: Mapping[str, Reader] = {".csv": read_csv, ".tsv": read_csv, ".jsonl": read_jsonl, ".parquet": read_parquet}
"""How a file is read, by its suffix."""


def in_blocks(rows: Iterable[tuple[int, list[str]]], keys: Sequence[str], name: str) -> Iterator[Rows]:
    """Yield numbered rows, whose values are those of `keys`, in blocks.

    Raises:
        UserError: a value has bytes that are not UTF-8.
    """
    numbers: list[int] = []
    values: list[list[str]] = []
    for number, row in rows:
        numbers.append(number)
        values.append(row)
        if len(numbers) == BLOCK:
            yield block(numbers, values, keys, name)
            numbers, values = [], []
    if numbers:
        yield block(numbers, values, keys, name)


def block(numbers: list[int], values: list[list[str]], keys: Sequence[str], name: str) -> Rows:
    """Return a block of rows, with spaces around values removed."""
    for number, row in zip(numbers, values, strict=True):
        if not all(value.isascii() for value in row) and not all(map(is_utf_8, row)):
            raise UserError(not_utf_8(name, number))
    return Rows(
        numbers,
        {key: [value.strip() for value in column] for key, column in zip(keys, zip(*values, strict=True), strict=True)},
    )


def is_utf_8(value: str) -> bool:
    """Tell whether text was UTF-8, without bytes that were kept as surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def not_utf_8(name: str, number: int) -> str:
    """Return the message about a row that is not UTF-8."""
    return f"{name}: row {number} is not UTF-8: save the table as UTF-8 (in spreadsheets, 'CSV UTF-8')"


def as_text(value: Any, title: str, name: str, number: int) -> str:
    """Return a value as people write it: 7 for 7.0; empty if it is missing.

    Raises:
        UserError: it is no text, number or time.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return "" if math.isnan(value) else str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise UserError(f"{name}: row {number}, column '{title}', has no text or number: {str(value)[:40]}")
