"""Rows of results: one a source, target, method, protocol, fold and seed; and their file."""

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.core.runtime import storage
from components.core.runtime.errors import UserError

SCHEMA = 1
RATES = ["rank-1", "rank-5", "rank-10", "rank-20", "mAP", "mINP"]


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
    method: str = Field(description="direct, adabn, gan, cyclegan, simpgan; `+adabn` when both were used")
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


def write_results(rows: Iterable[ResultsRow], path: str | Path) -> None:
    """Write rows as JSON, `{"schema": 1, "rows": [...]}`, to a local path or `s3://` location, whole or not at all."""
    document = {"schema": SCHEMA, "rows": [row.model_dump(by_alias=True) for row in rows]}
    storage.write_bytes(str(path), (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())


def read_results(path: str | Path) -> list[ResultsRow]:
    """The rows of a file that `write_results` wrote.

    Raises:
        UserError: the file is missing or is not a results file of this version.
    """
    try:
        document = json.loads(storage.read_bytes(str(path)))
        if document["schema"] != SCHEMA:
            raise UserError(f"{path} has schema {document['schema']}, not {SCHEMA}: evaluate again to replace it")
        return [ResultsRow.model_validate(row) for row in document["rows"]]
    except (ValueError, KeyError, TypeError, ValidationError) as damage:
        raise UserError(
            f"{path} is not a results file ({type(damage).__name__}): evaluate again to replace it"
        ) from None
