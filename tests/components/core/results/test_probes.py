"""The table of single probes."""

import numpy as np
import pandas as pd
import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.core.results.probes import (
    COLUMNS,
    no_probes,
    probes_of,
    read_probes,
    read_probes_beside,
    write_probes,
)
from tests.components.core.results.made_up import ranked, row


def test_probes_come_back_from_their_file(tmp_path):
    _, probes = ranked("simpgan", [1, 0, 7], variant="lambda_similarity=0.1", preset="paper", seed=3)
    write_probes(probes, tmp_path / "new" / "probes.parquet")
    read = read_probes(tmp_path / "new" / "probes.parquet")
    pd.testing.assert_frame_equal(read, probes)
    assert list(read) == list(COLUMNS)


def test_probes_carry_the_key_of_their_row():
    made = row("adabn", fold=4, seed=2, preset="small")
    probes = probes_of(made, ["a.png", "b.png"], np.array([1, 0]), np.array([1.0, np.nan]))
    assert set(zip(*(probes[name] for name in list(COLUMNS)[:8]), strict=True)) == {made.key}
    assert probes["probe"].tolist() == ["a.png", "b.png"]
    assert probes["first_rank"].tolist() == [1, 0]
    assert probes["average_precision"].isna().tolist() == [False, True]


def test_a_run_without_probes_has_an_empty_table(tmp_path):
    pd.testing.assert_frame_equal(read_probes_beside(tmp_path / "results.json"), no_probes())


def test_a_file_that_is_no_table_of_probes_is_refused_in_one_line(tmp_path):
    path = tmp_path / "probes.parquet"
    for content in (b"", b"PAR1", pd.DataFrame({"probe": ["a"]}).to_parquet()):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"^\S+probes\.parquet is not a table of probes: evaluate again[^\n]*$"):
            read_probes(path)


def test_a_table_that_lacks_a_column_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="probes lack the column fold"):
        write_probes(no_probes().drop(columns="fold"), tmp_path / "probes.parquet")
    assert not (tmp_path / "probes.parquet").exists()
