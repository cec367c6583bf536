"""Rows of results and their file: one row per source, target, method, variant, preset, protocol, fold and seed."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError

SCHEMA = 1
OWN_CAMERA_COUNTS = (
    "Gallery images count whatever camera took them, the probe's own included, so the rates are not comparable with "
    "those of targets with several cameras."
)
"""What rows without `across_cameras` mean."""


@dataclass(frozen=True)
class Metric:
    """One metric of a ranking, in percent.

    Attributes:
        field: field of `ResultsRow`.
        cutoff: rank at which the CMC curve is read; 0: the metric is no point of that curve.
        main: whether the first tables, comparisons, model cards and MLflow show it.
        averaged: whether it is averaged over folds and seeds; others are only in the tables of single runs.
    """

    field: str
    cutoff: int = 0
    main: bool = False
    averaged: bool = True


METRICS = {
    "rank-1": Metric("rank_1", cutoff=1, main=True),
    "rank-5": Metric("rank_5", cutoff=5, main=True),
    "rank-10": Metric("rank_10", cutoff=10, main=True),
    "rank-20": Metric("rank_20", cutoff=20),
    "mAP": Metric("mAP", main=True),
    "mINP": Metric("mINP"),
    "mAP-trapezoidal": Metric("mAP_trapezoidal", averaged=False),
}
"""All metrics, by their names in tables and files.

To add one, add a line here, a field with a default to `ResultsRow` (older files lack it), and its value to
`RankingResult.rates` in `components/evaluate/metrics.py`.
"""

CUTOFFS = {name: metric.cutoff for name, metric in METRICS.items() if metric.cutoff}
MAIN_RATES = [name for name, metric in METRICS.items() if metric.main]
RATES = [name for name, metric in METRICS.items() if metric.averaged]
KEY = ["source", "target", "method", "variant", "preset", "protocol", "fold", "seed"]
"""The fields that identify a row."""


class ResultsRow(BaseModel):
    """One evaluation. Rates are in percent, 0..100; in JSON `rank_1` is called `rank-1`, and so on."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        alias_generator=lambda name: name.replace("_", "-"),
    )

    source: str = Field(description="data set the classifier was trained on")
    target: str = Field(description="data set people are looked for in")
    method: str = Field(description="of `methods.py`, such as direct, adabn or simpgan+adabn")
    variant: str = Field("", description="settings by which runs of one method differ, like lambda_similarity=0.1")
    preset: str = Field("", description="of the settings; empty: the defaults")
    protocol: str = Field(description="which of the target's images are probes and gallery")
    fold: int = Field(ge=0, description="split of the protocol, from 0")
    seed: int = Field(description="of the training")
    rank_1: float = Field(ge=0, le=100, description="probes whose first image is correct")
    rank_5: float = Field(ge=0, le=100, description="probes with a correct image among the first 5")
    rank_10: float = Field(ge=0, le=100, description="probes with a correct image among the first 10")
    rank_20: float = Field(ge=0, le=100, description="probes with a correct image among the first 20")
    mAP: float = Field(ge=0, le=100, description="mean average precision, step-wise")
    mAP_trapezoidal: float = Field(ge=0, le=100, description="mean average precision as Market-1501 has it")
    mINP: float = Field(ge=0, le=100, description="mean inverse negative penalty")
    probes: int = Field(ge=0, description="probes with a correct match; the rates are over these")
    left_out: int = Field(0, ge=0, description="probes without a correct match in the gallery")
    gallery: int = Field(ge=0, description="images searched")
    across_cameras: bool = Field(
        True, description="whether gallery images of a probe's person by the probe's own camera are ignored"
    )
    steps: int = Field(0, ge=0, description="of the GAN's training; 0: there is none")
    score: float | None = Field(None, description="label-free score of the translation, lower is better")
    precision: str = Field("", description="in which networks computed the features; empty: not recorded")
    hardware: str = Field("", description="GPU, or CPU and its cores, that the evaluation ran on")
    date: str = Field("", pattern=r"^(\d{4}-\d\d-\d\d)?$", description="of the evaluation, YYYY-MM-DD")
    commit: str = Field("", description="of the code; `-dirty` when files differ from it")
    command: str = Field("", description="that started the run, without folders; empty in the stages' own files")

    @property
    def key(self) -> tuple[str | int, ...]:
        """Return the values of `KEY`."""
        return tuple(getattr(self, name) for name in KEY)


def write_results(
    rows: Iterable[ResultsRow], path: str | Path, beside: Mapping[str, Sequence[Any]] | None = None
) -> None:
    """Write `{"schema": 1, "rows": [...]}` to a local path or `s3://` location, whole or not at all.

    Args:
        rows: rows, one per line of the file, so that two files can be compared line by line.
        path: the file.
        beside: further lists of the document by name, such as intervals, of JSON types.
    """
    lists = {"rows": [row.model_dump(by_alias=True) for row in rows], **(beside or {})}
    entries = [f'"schema": {SCHEMA}', *(f'"{name}": {list_of_lines(items)}' for name, items in lists.items())]
    storage.write_bytes(str(path), ("{\n  " + ",\n  ".join(entries) + "\n}\n").encode())


def list_of_lines(items: Sequence[Any]) -> str:
    """Return a JSON list with one item per line."""
    lines = ",".join(f"\n    {json.dumps(item, ensure_ascii=False)}" for item in items)
    return f"[{lines}\n  ]" if lines else "[]"


def read_results(path: str | Path) -> list[ResultsRow]:
    """Read the rows of a file that `write_results` wrote.

    Raises:
        UserError: the file is missing or is not a results file of this version.
    """
    with explained_damage(path):
        return [ResultsRow.model_validate(row) for row in read_document(path)["rows"]]


def read_document(path: str | Path) -> dict[str, Any]:
    """Read the whole content of a file that `write_results` wrote.

    Raises:
        UserError: the file is missing or is not a results file of this version.
    """
    with explained_damage(path):
        document = json.loads(storage.read_bytes(str(path)))
        if document["schema"] != SCHEMA:
            raise UserError(f"{path} has schema {document['schema']}, not {SCHEMA}: evaluate again to replace it")
        return document


@contextmanager
def explained_damage(path: str | Path) -> Iterator[None]:
    """Convert errors of reading the file `path` in this block into a UserError of one line."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, ValidationError) as damage:
        raise UserError(
            f"{path} is not a results file ({type(damage).__name__}): evaluate again to replace it"
        ) from None
