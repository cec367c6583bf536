"""The report: one HTML page that needs nothing else, neither a network nor the folder it came from."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from components.core.results.methods import LABELS, place, title_of
from components.core.results.rows import RATES, ResultsRow
from components.core.results.summary import Summary, compare, summarise
from components.core.runtime import storage
from components.evaluate.figures import Picture, Translations, cmc_figure, strips, svg

LARGEST_PICTURE = (160, 320)
"""Width and height in pixels that a picture in the page is at most; crops of people are mostly smaller."""

EXPLANATIONS = {
    "direct": "the classifier trained on the source looks at the target's images as they are.",
    "adabn": "the same, with the classifier's batch-norm statistics recomputed on the target's unlabelled images. "
    "No image is changed.",
    "gan": "the target's images are first translated by a network that only learned to make them look like "
    "those of the source.",
    "cyclegan": "as GAN, and a second network must be able to undo the translation.",
    "simpgan": "as CycleGAN, and the classifier must still see who is the same person and who is not.",
    "simpgan-fit": "as SimPGAN, and the classifier's features of translated images must have the mean and variance "
    "they have on the source. This is not in the paper.",
}


@dataclass(frozen=True)
class Match:
    """One gallery image in a ranked list."""

    image: Picture
    correct: bool


@dataclass(frozen=True)
class RankedList:
    """The head of a method's list for a probe; `first_rank` is where the first correct image stands, from 1."""

    method: str
    matches: Sequence[Match]
    first_rank: int


@dataclass(frozen=True)
class RankedProbe:
    """A probe and its ranked lists; `name` tells it apart, such as its file's name."""

    name: str
    image: Picture
    lists: Sequence[RankedList]


@dataclass(frozen=True)
class Experiment:
    """What one table of the page shows."""

    source: str
    target: str
    protocol: str
    summaries: Sequence[Summary]

    @property
    def title(self) -> str:
        return f"{self.source} → {self.target}, {self.protocol}"

    def best(self, rate: str) -> float:
        return max(summary.mean[rate] for summary in self.summaries)


def write_report(
    path: str | Path,
    *,
    rows: Sequence[ResultsRow],
    cmc: Mapping[str, Mapping[str, NDArray[np.float64]]],
    translations: Translations,
    ranked: Sequence[RankedProbe],
    details: Mapping[str, Mapping[str, object]],
    notes: Sequence[str] = (),
) -> None:
    """Write the report, whole or not at all.

    Args:
        path: of the HTML file, or its `s3://` location.
        rows: all results; the page averages them.
        cmc: by title of the figure (such as the protocol), by method, [ranks] float, 0..1.
        translations: images before and after translation, by method.
        ranked: probes with their ranked lists.
        details: tables at the end, by heading: settings and versions, name to value.
        notes: sentences the reader must know, such as which folds were run; shown below the headline.

    Raises:
        UserError: the location cannot be written.
    """
    environment = Environment(
        loader=PackageLoader("components.evaluate", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"picture": picture_uri, "title_of": title_of, "unbroken": unbroken}
    page = environment.get_template("report.html.j2").render(
        headline=headline(rows),
        experiments=experiments(rows),
        rows=sorted(
            rows, key=lambda row: (row.source, row.target, row.protocol, place(row.method), row.fold, row.seed)
        ),
        rates=RATES,
        explanations=[(title_of(method), EXPLANATIONS[method]) for method in LABELS if used(method, rows)],
        curves={title: data_uri(svg(cmc_figure(curves)), "image/svg+xml") for title, curves in cmc.items() if curves},
        reading={title: reading(curves) for title, curves in cmc.items() if curves},
        strips=strips(translations) if translations else [],
        ranked=ranked,
        details=details,
        notes=notes,
    )
    storage.write_bytes(str(path), page.encode())


def headline(rows: Sequence[ResultsRow]) -> list[tuple[str, str]]:
    """Sentences that say what came out, each with where it holds; the first one is the page's title.

    They are about SimPGAN against direct transfer; without SimPGAN, about the method listed last.
    """
    methods = sorted({row.method for row in rows}, key=place)
    method = "simpgan" if "simpgan" in methods else (methods or ["direct"])[-1]
    if method == "direct":
        return [
            (
                f"Direct transfer finds the right person first for {summary.mean['rank-1']:.1f} % of probes",
                f"{where(*summary.experiment)}{how_often(summary.folds, summary.seeds)}",
            )
            for summary in summarise(rows)
        ] or [("Nothing was evaluated", "")]
    return [
        (str(each), f"{where(each.source, each.target, each.protocol)}{how_often(each.folds, each.seeds)}")
        for each in compare(rows, method)
    ] or [(f"{title_of(method)} was evaluated without direct transfer to compare with", "")]


def where(source: str, target: str, protocol: str) -> str:
    return f"Trained on {source}, tested on {target}, protocol {protocol}"


def how_often(folds: int, seeds: int) -> str:
    """What a number is the mean of, to follow a sentence."""
    times = [f"{count} {name}" for count, name in ((folds, "folds"), (seeds, "seeds")) if count > 1]
    return f", mean of {' and '.join(times)}" if times else ""


def experiments(rows: Sequence[ResultsRow]) -> list[Experiment]:
    tables: dict[tuple[str, str, str], list[Summary]] = {}
    for summary in summarise(rows):
        tables.setdefault(summary.experiment, []).append(summary)
    return [Experiment(*experiment, summaries) for experiment, summaries in tables.items()]


def unbroken(sentence: str) -> str:
    """A sentence whose numbers stay on the line of their percent sign."""
    return sentence.replace(" %", "\u00a0%")


def used(method: str, rows: Sequence[ResultsRow]) -> bool:
    return any(method in row.method.split("+") for row in rows)


def reading(curves: Mapping[str, NDArray[np.float64]]) -> str:
    """A CMC figure's numbers in words, for those who do not see it."""
    return "; ".join(
        f"{title_of(method)}: "
        + ", ".join(f"{100 * curve[rank - 1]:.1f} % at rank {rank}" for rank in (1, 5, 10, 20) if rank <= len(curve))
        for method, curve in sorted(curves.items(), key=lambda item: place(item[0]))
    )


def picture_uri(picture: Picture) -> str:
    """A picture as a JPEG data URI, made smaller if it is large: noisy camera images are six times as large as PNG."""
    image = Image.fromarray(picture)
    image.thumbnail(LARGEST_PICTURE)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=90, subsampling=0)
    return data_uri(buffer.getvalue(), "image/jpeg")


def data_uri(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
