"""Rows of CSV, JSON Lines and Parquet files: the same values from each, and where a file is wrong."""

import io
import json
from datetime import datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpgan.components.core.errors import UserError
from simpgan.components.ingest.columns import TableColumns
from simpgan.components.ingest.tables import reading
from simpgan.components.ingest.tables.reading import read_rows
from simpgan.components.ingest.tables.remarks import Remarks

COLUMNS = TableColumns.parse({})
FIRST_ROW = {".csv": 2, ".tsv": 2, ".jsonl": 1, ".parquet": 1}


def rows_of(content: bytes, name: str = "t.csv", **columns: str | None) -> dict[int, dict[str, str]]:
    """The values that are not empty, by the number of the row."""
    return {
        number: {key: values[place] for key, values in block.values.items() if values[place]}
        for block in read_rows(content, name, TableColumns.parse(columns), Remarks())
        for place, number in enumerate(block.numbers)
    }


def written(rows: list[dict[str, object]], suffix: str) -> bytes:
    """The file that people make of a table by pandas or the json module."""
    table = pd.DataFrame(rows)
    if suffix == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    if suffix == ".parquet":
        stream = io.BytesIO()
        table.to_parquet(stream)
        return stream.getvalue()
    return table.to_csv(index=False, sep="\t" if suffix == ".tsv" else ",").encode()


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_kind_of_file_gives_the_same_rows(suffix: str) -> None:
    rows: list[dict[str, object]] = [
        {"path": "a.jpg", "person": "Zoë", "camera": 1, "time": 7.0, "other": "x"},
        {"path": 'b, "c".jpg', "person": "0012", "camera": 2, "time": None, "other": None},
        {"path": "d.jpg", "person": None, "camera": 3, "time": 12.5, "other": "y"},
    ]
    first = FIRST_ROW[suffix]
    found = rows_of(written(rows, suffix), f"t{suffix}")
    seconds = found[first].pop("time")
    assert float(seconds) == 7
    assert found == {
        first: {"path": "a.jpg", "person": "Zoë", "camera": "1"},
        first + 1: {"path": 'b, "c".jpg', "person": "0012", "camera": "2"},
        first + 2: {"path": "d.jpg", "camera": "3", "time": "12.5"},
    }


def test_numbers_that_pandas_made_fractions_of_are_numbers_again() -> None:
    people = written([{"path": "a.jpg", "person": 7}, {"path": "b.jpg", "person": None}], ".parquet")
    assert rows_of(people, "t.parquet") == {1: {"path": "a.jpg", "person": "7"}, 2: {"path": "b.jpg"}}


def test_times_of_parquet_are_read() -> None:
    times = written([{"path": "a.jpg", "time": datetime(2024, 5, 1, 12, 0, 3)}], ".parquet")
    assert rows_of(times, "t.parquet")[1]["time"] == "2024-05-01T12:00:03"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found_in_the_header(delimiter: str) -> None:
    text = "path,person,camera\r\na.jpg,1,door\r\n".replace(",", delimiter)
    assert rows_of(b"\xef\xbb\xbf" + text.encode()) == {2: {"path": "a.jpg", "person": "1", "camera": "door"}}


@pytest.mark.parametrize("empty", ["\n", "\r\n\r\n", " \n", ";;\n", '"";"";""\n'])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_first_line_with_values_is_the_header(empty: str, mark: bytes) -> None:
    text = mark + f"{empty}path;person;camera\na,b.jpg;1;door\n".encode()
    number = empty.count("\n") + 2
    assert rows_of(text) == {number: {"path": "a,b.jpg", "person": "1", "camera": "door"}}


def test_a_column_that_only_later_lines_have_is_read() -> None:
    lines = b'{"path": "a.jpg"}\n\n{"path": "b.jpg", "person": "Ann", "time": null}\n'
    assert rows_of(lines, "t.jsonl", person="pid") == {1: {"path": "a.jpg"}, 3: {"path": "b.jpg", "person": "Ann"}}


def test_rows_have_the_numbers_that_spreadsheets_and_editors_show() -> None:
    text = b'path,person,note\na.jpg,1,"two\nlines"\n\nb.jpg, 2 ,\n'
    assert rows_of(text) == {2: {"path": "a.jpg", "person": "1"}, 5: {"path": "b.jpg", "person": "2"}}


def test_columns_have_the_names_that_the_settings_give_them() -> None:
    text = b"file,pid,camera,role\na.jpg,7,door,train\n"
    assert rows_of(text, path="file", person="pid", role=None) == {
        2: {"path": "a.jpg", "person": "7", "camera": "door"}
    }


def test_many_rows_come_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK", 3)
    rows: list[dict[str, object]] = [{"path": f"{number}.jpg", "person": number} for number in range(8)]
    for suffix in FIRST_ROW:
        blocks = list(read_rows(written(rows, suffix), f"t{suffix}", COLUMNS, Remarks()))
        assert [len(block.numbers) for block in blocks] == [3, 3, 2]
        assert [path for block in blocks for path in block.values["path"]] == [row["path"] for row in rows]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "t.csv is empty: write a row of titles, and a row for each image"),
        ("t.csv", b"\n,,\n", "t.csv is empty: write a row of titles, and a row for each image"),
        (
            "t.csv",
            b"file,person\na.jpg,1\n",
            "t.csv has no column 'path', but file, person: name the column of the files, as in "
            "--set ingest.columns.path=file",
        ),
        (
            "t.csv",
            b"Path,person\na.jpg,1\n",
            "t.csv has no column 'path', but Path, person: .*--set ingest.columns.path=Path",
        ),
        ("t.csv", b"path,path\na.jpg,1\n", "t.csv has 2 columns 'path': name them differently"),
        ("t.csv", b"path,person\na.jpg,1\nb.jpg\n", "t.csv: row 3 has 1 values, and the header 2"),
        (
            "t.csv",
            b"path,person\na.jpg,1,2\n",
            "t.csv: row 2 has 3 values, and the header 2: put values that contain ','",
        ),
        ("t.csv", b'path,person\na.jpg,"1\nb.jpg,2\n', "t.csv: row 2 is not CSV: unexpected end of data"),
        (
            "t.csv",
            "path,person\na.jpg,1\nb.jpg,Zoë\n".encode("latin-1"),
            "t.csv: row 3 is not UTF-8: save the table as",
        ),
        ("t.csv", "path,person\n".encode("utf-16"), "t.csv is UTF-16: save it as UTF-8"),
        ("t.jsonl", b'{"path": "a.jpg"}\n{"path": \n', "t.jsonl: row 2 is not JSON"),
        ("t.jsonl", b'\n["a.jpg"]\n', 't.jsonl: row 2 is no JSON object: write {"path": ...}'),
        ("t.jsonl", b'{"path": "a.jpg", "person": [1]}\n', "t.jsonl: row 1, column 'person', has no text or number: "),
        ("t.jsonl", '{"path": "ä.jpg"}\n'.encode("latin-1"), "t.jsonl: row 1 is not UTF-8"),
        ("t.jsonl", b'{"file": "a.jpg"}\n', "t.jsonl has no column 'path', but file: name the column"),
        ("t.parquet", b"PAR1 or not", "t.parquet is damaged"),
        ("t.parquet", written([{"file": "a.jpg"}], ".parquet"), "t.parquet has no column 'path', but file: name the"),
        (
            "t.csv",
            b"pid,cam,Image Path,x\n1,1,a.jpg,1\n",
            "--set ingest.columns.path='Image Path' --set ingest.columns.person=pid --set ingest.columns.camera=cam",
        ),
        ("t.csv", b"a,b\n1,2\n", "but a, b: name the column of the files, as in --set ingest.columns.path=TITLE"),
    ],
)
def test_what_is_no_table_is_said_with_the_row(name: str, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message.replace("{", "\\{").replace("...", "\\.\\.\\.")) as refused:
        rows_of(content, name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_column_that_was_named_must_be_there(suffix: str) -> None:
    content = written([{"path": "a.jpg", "pid": 1}], suffix)
    with pytest.raises(
        UserError, match=r"no column 'pdi', which ingest\.columns\.person names for every table: did you mean 'pid'"
    ):
        rows_of(content, f"t{suffix}", person="pdi")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize(
    ("row", "columns", "read", "said"),
    [
        ({"path": "a.jpg"}, {}, {}, ""),
        ({"path": "a.jpg", "sharpness": 1}, {}, {}, ""),
        ({"path": "a.jpg", "person": 1, "camera": 2, "id": 3}, {}, {"person": "1", "camera": "2"}, ""),
        (
            {"path": "a.jpg", "pid": 1, "cam": 2},
            {"person": "pid", "camera": "cam"},
            {"person": "1", "camera": "2"},
            "",
        ),
        ({"path": "a.jpg", "pid": 1}, {"person": None}, {}, ""),
        ({"path": "a.jpg", "person": 1}, {"person": "who", "path": "file"}, {"person": "1"}, ""),
        (
            {"path": "a.jpg", "pid": 1},
            {"person": "pid", "camera": "where"},
            {"person": "1"},
            "has no column 'where', which ingest.columns.camera names: it is read without",
        ),
        (
            {"path": "a.jpg", "PID": 1, "cam_id": 2},
            {},
            {},
            "has no column 'person', so that no person is known, and no column 'camera', so that no camera is known: "
            "if another column is meant, name it, as in --set ingest.columns.person=PID --set "
            "ingest.columns.camera=cam_id",
        ),
        (
            {"path": "a.jpg", "person": 1, "Camera": 2},
            {},
            {"person": "1"},
            "name it, as in --set ingest.columns.camera=Camera",
        ),
    ],
)
def test_columns_are_read_by_their_names_or_the_usual_ones_and_people_in_others_are_told(
    suffix: str, row: dict[str, object], columns: dict[str, str | None], read: dict[str, str], said: str
) -> None:
    remarks = Remarks()
    [block] = read_rows(written([row], suffix), f"t{suffix}", TableColumns.parse(columns), remarks)
    assert block.values == {"path": ["a.jpg"], **{key: [value] for key, value in read.items()}}
    assert len(remarks.sentences()) == bool(said)
    assert said in " ".join(remarks.sentences())


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


@given(st.lists(st.fixed_dictionaries({"path": CELLS, "person": CELLS, "camera": CELLS}), min_size=1, max_size=5))
def test_any_text_comes_through_any_file(rows: list[dict[str, object]]) -> None:
    expected = [{key: str(value).strip() for key, value in row.items() if str(value).strip()} for row in rows]
    for suffix in FIRST_ROW:
        assert list(rows_of(written(rows, suffix), f"t{suffix}").values()) == expected
