"""The results of every single probe: the file beside results.json on which tests over probes are based."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.components.core.results.rows import KEY, ResultsRow

FILE = "probes.parquet"
COLUMNS = {
    **dict.fromkeys(KEY, "str"),
    "fold": "int64",
    "seed": "int64",
    "probe": "str",
    "first_rank": "int64",
    "average_precision": "float64",
}
"""The key of the results' row that a probe counts in, then the probe:

- probe: name of its image;
- first_rank: rank of the first correct gallery image, from 1; 0 if the probe was left out;
- average_precision: 0..1, step-wise; NaN if the probe was left out.
"""


def probes_of(
    row: ResultsRow, names: Sequence[str], first_rank: NDArray[np.integer], average_precision: NDArray[np.floating]
) -> pd.DataFrame:
    """Return the probes of one evaluation, [N] rows with the columns of `COLUMNS`.

    Args:
        row: the evaluation's row of results.
        names: [N], names of the probes' images.
        first_rank: [N], from 1; 0 for a probe that was left out.
        average_precision: [N], 0..1; NaN for a probe that was left out.
    """
    key = dict(zip(KEY, row.key, strict=True))
    return typed(
        pd.DataFrame({"probe": names, "first_rank": first_rank, "average_precision": average_precision}).assign(**key)
    )


def typed(probes: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of `COLUMNS` in their order and types.

    Raises:
        ValueError: a column is missing, or holds something else.
    """
    missing = [name for name in COLUMNS if name not in probes]
    if missing:
        raise ValueError(f"probes lack the column {missing[0]}")
    return probes[list(COLUMNS)].astype(COLUMNS)


def no_probes() -> pd.DataFrame:
    """Return a table without rows."""
    return typed(pd.DataFrame({name: [] for name in COLUMNS}))


def write_probes(probes: pd.DataFrame, path: str | Path) -> None:
    """Write a table with the columns of `COLUMNS` to a local path or `s3://` location, whole or not at all.

    Raises:
        ValueError: a column is missing, or holds something else.
    """
    storage.write_bytes(str(path), typed(probes).to_parquet(index=False))


def read_probes(path: str | Path) -> pd.DataFrame:
    """Read a table that `write_probes` wrote.

    Raises:
        UserError: the file is missing or is no such table.
    """
    content = storage.read_bytes(str(path))
    try:
        return typed(pd.read_parquet(BytesIO(content)))
    except Exception:  # Damaged Parquet is met with many kinds of exception.
        raise UserError(f"{path} is not a table of probes: evaluate again to replace it") from None


def read_probes_beside(results: Path) -> pd.DataFrame:
    """Read the probes beside a results.json; an empty table if the run kept none.

    Raises:
        UserError: the file is no such table.
    """
    path = results.with_name(FILE)
    return read_probes(path) if path.is_file() else no_probes()
