"""Rows of results: one a source, target, method, protocol, fold and seed; their file, their table, their meaning."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.core.runtime import storage
from components.core.runtime.errors import UserError
from components.evaluate.metrics import RankingResult

SCHEMA = 1
RATES = ["rank-1", "rank-5", "rank-10", "rank-20", "mAP", "mINP"]
EXPERIMENT = ["source", "target", "protocol"]
LABELS = {
    "direct": "direct transfer",
    "adabn": "AdaBN",
    "gan": "GAN",
    "cyclegan": "CycleGAN",
    "simpgan": "SimPGAN",
    "simpgan-fit": "SimPGAN-fit",
}
"""What the methods are called in tables and sentences, in the order they are listed in."""


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

    @classmethod
    def of(
        cls, result: RankingResult, *, source: str, target: str, method: str, protocol: str, fold: int, seed: int
    ) -> Self:
        """The row of a ranking with a CMC curve of at least 20 ranks."""
        return cls(
            source=source,
            target=target,
            method=method,
            protocol=protocol,
            fold=fold,
            seed=seed,
            rank_1=100 * result.cmc[0],
            rank_5=100 * result.cmc[4],
            rank_10=100 * result.cmc[9],
            rank_20=100 * result.cmc[19],
            mAP=100 * result.mean_average_precision,
            mAP_trapezoidal=100 * result.mean_average_precision_trapezoidal,
            mINP=100 * result.mean_inverse_negative_penalty,
            probes=result.valid,
            left_out=result.excluded,
            gallery=result.gallery,
        )


@dataclass(frozen=True)
class Summary:
    """A method's rows in one experiment (source, target, protocol): mean and standard deviation of each rate.

    Over several folds, a fold's seeds are averaged first and the deviation is that of the folds; in a single fold it
    is that of the seeds; in a single row there is none (NaN).
    """

    source: str
    target: str
    protocol: str
    method: str
    mean: "pd.Series[float]"
    deviation: "pd.Series[float]"
    probes: str
    gallery: str
    folds: int
    seeds: int

    @property
    def experiment(self) -> tuple[str, str, str]:
        return self.source, self.target, self.protocol

    def rate(self, name: str) -> str:
        """A rate of `RATES` in percent, such as `31.2 ± 2.4`."""
        return f"{self.mean[name]:.1f}" + (f" ± {self.deviation[name]:.1f}" if self.repeated else "")

    @property
    def repeated(self) -> bool:
        """Whether there is a deviation."""
        return max(self.folds, self.seeds) > 1


@dataclass(frozen=True)
class Comparison:
    """Rank-1 in percent of a method and a baseline in one experiment, over the folds and seeds both have."""

    source: str
    target: str
    protocol: str
    method: str
    baseline: str
    rank_1: float
    baseline_rank_1: float
    folds: int
    seeds: int

    def __str__(self) -> str:
        """In words, without a full stop at the end."""
        ours = f"{title_of(self.method)} finds the right person first for {self.rank_1:.1f} % of probes"
        if self.baseline_rank_1 == 0:
            return f"{ours}, {name_of(self.baseline)} for none"
        return f"{ours}, {name_of(self.baseline)} for {self.baseline_rank_1:.1f} %: {self.times}"

    @property
    def times(self) -> str:
        """How many times as many probes, in words."""
        if round(self.rank_1, 1) == round(self.baseline_rank_1, 1):
            return "as many"
        ratio = self.rank_1 / self.baseline_rank_1
        if 0.95 <= ratio < 1.05:
            return "about as many"
        return f"{ratio:.1f} times as many" if ratio > 1 else f"only {ratio:.2f} times as many"


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


def name_of(method: str) -> str:
    """What a method is called in a sentence; `simpgan+adabn` is SimPGAN + AdaBN."""
    return " + ".join(LABELS.get(part, part) for part in method.split("+"))


def title_of(method: str) -> str:
    """`name_of` at the start of a sentence."""
    name = name_of(method)
    return name[:1].upper() + name[1:] if method.startswith("direct") else name


def summarise(rows: Sequence[ResultsRow]) -> list[Summary]:
    """Average over folds and seeds. Experiments stay in order of appearance, methods follow `LABELS`."""
    frame = pd.DataFrame([row.model_dump(by_alias=True) for row in rows])
    if frame.empty:
        return []
    summaries = []
    for (source, target, protocol, method), group in frame.groupby([*EXPERIMENT, "method"], sort=False):
        folds, seeds = group["fold"].nunique(), group["seed"].nunique()
        repeated = group.groupby("fold" if folds > 1 else "seed")[RATES].mean()
        summaries.append(
            Summary(
                source,
                target,
                protocol,
                method,
                mean=repeated.mean(),
                deviation=repeated.std(),
                probes=spread(group["probes"]),
                gallery=spread(group["gallery"]),
                folds=folds,
                seeds=seeds,
            )
        )
    experiments = list(dict.fromkeys(summary.experiment for summary in summaries))
    return sorted(summaries, key=lambda each: (experiments.index(each.experiment), place(each.method)))


def final_figures(rows: Sequence[ResultsRow]) -> dict[str, float]:
    """Mean rates in percent by the name they are tracked under, such as `rank-1/folds10/simpgan`."""
    return {
        f"{rate}/{summary.protocol}/{summary.method.replace('+', '-')}": float(summary.mean[rate])
        for summary in summarise(rows)
        for rate in ("rank-1", "rank-5", "rank-10", "mAP")
    }


def compare(rows: Sequence[ResultsRow], method: str, baseline: str = "direct") -> list[Comparison]:
    """How much more often than `baseline` a method is right at once, in each experiment that has both.

    Only folds and seeds that both have count, so the two never differ by what they were asked.
    """
    runs = [*EXPERIMENT, "fold", "seed"]
    frame = pd.DataFrame([row.model_dump(by_alias=True) for row in rows], columns=[*runs, "method", "rank-1"])
    ours, theirs = (frame[frame["method"] == each] for each in (method, baseline))
    both = ours.merge(theirs, on=runs, suffixes=("", " of baseline"))
    return [
        Comparison(
            source,
            target,
            protocol,
            method,
            baseline,
            rank_1=group.groupby("fold")["rank-1"].mean().mean(),
            baseline_rank_1=group.groupby("fold")["rank-1 of baseline"].mean().mean(),
            folds=group["fold"].nunique(),
            seeds=group["seed"].nunique(),
        )
        for (source, target, protocol), group in both.groupby(EXPERIMENT, sort=False)
    ]


def table(rows: Sequence[ResultsRow]) -> str:
    """The summary for a terminal: a block an experiment, a line a method, rates in percent."""
    blocks: dict[tuple[str, str, str], list[list[str]]] = {}
    for summary in summarise(rows):
        blocks.setdefault(summary.experiment, []).append(cells(summary))
    return "\n\n".join(
        f"{source} → {target}, {protocol} (rates in percent)\n{aligned([HEADER, *lines])}"
        for (source, target, protocol), lines in blocks.items()
    )


def markdown(rows: Sequence[ResultsRow]) -> str:
    """The summary as one Markdown table, rates in percent."""
    lines = [["source", "target", "protocol", *HEADER], ["---"] * 4 + ["--:"] * (len(HEADER) - 1)]
    lines += [[*summary.experiment, *cells(summary)] for summary in summarise(rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


HEADER = ["method", *RATES, "probes", "gallery", "folds", "seeds"]


def cells(summary: Summary) -> list[str]:
    """A summary's line under `HEADER`."""
    rates = [summary.rate(name) for name in RATES]
    return [title_of(summary.method), *rates, summary.probes, summary.gallery, str(summary.folds), str(summary.seeds)]


def aligned(lines: list[list[str]]) -> str:
    """Columns as wide as their widest cell, the first one flush left and the others flush right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines)


def spread(values: "pd.Series[int]") -> str:
    """A count that all rows share, or the least and the greatest."""
    return f"{values.min()}" if values.nunique() == 1 else f"{values.min()}-{values.max()}"


def place(method: str) -> tuple[int, str]:
    """Sort key: methods in the order of `LABELS`, variants behind their method, unknown ones last by name."""
    known = list(LABELS)
    base = method.partition("+")[0]
    return (known.index(base) if base in known else len(known), method)
