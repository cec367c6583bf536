"""The report: one HTML page that needs no other file and no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simpgan.components.core import storage
from simpgan.components.core.results.headlines import Sentence, headlines
from simpgan.components.core.results.joining import ordered
from simpgan.components.core.results.methods import (
    ADABN,
    STATISTICS,
    TRANSLATORS,
    compares_otherwise,
    explanations,
    name_of,
    place_of_label,
    statistics_of,
    title_of_label,
    with_part,
)
from simpgan.components.core.results.pages import environment
from simpgan.components.core.results.pages.cmc import MARKED_RANKS
from simpgan.components.core.results.pages.pictures import data_uri, png, svg
from simpgan.components.core.results.rows import RATES, ResultsRow
from simpgan.components.core.results.sections import scope_in_words
from simpgan.components.core.results.summary import comparable, summarise
from simpgan.components.core.results.tables import Cell, CellTable, table_of_rates, table_of_runs
from simpgan.components.core.results.unlabelled_checks import MEANINGS, Checks, Measures
from simpgan.components.evaluate.figures import (
    FeatureMap,
    Picture,
    Translations,
    cmc_figure,
    features_figure,
    strips,
)


@dataclass(frozen=True)
class Match:
    """A gallery image in a ranked list; `correct` is None if there are no labels."""

    image: Picture
    correct: bool | None = None


@dataclass(frozen=True)
class RankedList:
    """The head of a method's list for a probe.

    Attributes:
        method: label of the method.
        matches: gallery images in their order.
        first_rank: rank of the first correct image, from 1; 0 if there are no labels.
    """

    method: str
    matches: Sequence[Match]
    first_rank: int = 0


@dataclass(frozen=True)
class RankedProbe:
    """A probe and its ranked lists, with a name such as that of its file."""

    name: str
    image: Picture
    lists: Sequence[RankedList]


@dataclass(frozen=True)
class ResultsTable:
    """Methods that can be compared with one another; apart from them those that compare images in another way."""

    title: str
    methods: CellTable
    folded: CellTable


@dataclass(frozen=True)
class DomainGap:
    """The gap between source and target: overlap in feature space by label, and feature maps."""

    overlaps: Mapping[str, float]
    maps: Sequence[FeatureMap]


def write_report(
    path: str | Path,
    *,
    rows: Sequence[ResultsRow],
    probes: pd.DataFrame,
    checks: Checks | None,
    of: tuple[str, str],
    cmc: Mapping[str, Mapping[str, NDArray[np.float64]]],
    to_source: Translations,
    to_target: Translations,
    domains: DomainGap,
    ranked: Sequence[RankedProbe],
    details: Mapping[str, Mapping[str, object]],
    notes: Sequence[str] = (),
) -> None:
    """Write the report, whole or not at all.

    Args:
        path: path of the HTML file, or its `s3://` location.
        rows: rows of the results, one per method and split; the page averages them. Empty if the target has no labels.
        probes: rank and precision of every probe, with the columns of `probes.COLUMNS`.
        checks: label-free checks; None if nothing was measured.
        of: names of source and target.
        cmc: [ranks] float, 0..1, by label, by title of the figure (such as the protocol).
        to_source: images of the target before and after translation by F.
        to_target: images of the source before and after translation by G.
        domains: the gap between source and target for the classifier.
        ranked: probes with their ranked lists.
        details: tables at the end, by heading: settings and versions, name to value.
        notes: sentences that the reader must know, such as which folds were evaluated; shown below the headline.

    Raises:
        UserError: the location cannot be written.
    """
    templates = environment("simpgan.components.evaluate", autoescape=True)
    templates.filters["title_of_label"] = title_of_label
    page = templates.get_template("report.html.j2").render(
        headline=headline(rows, probes) if rows or not checks else headline_without_labels(checks, *of),
        checks=checks,
        checked=table_of_checks(checks) if checks and checks.methods else None,
        meanings=MEANINGS,
        tables=results_tables(rows),
        runs=table_of_runs(ordered(rows)),
        explanations=explanations(row.method for row in rows),
        curves={title: data_uri(svg(cmc_figure(curves)), "image/svg+xml") for title, curves in cmc.items() if curves},
        reading={title: curves_in_words(curves) for title, curves in cmc.items() if curves},
        strips={
            direction: strips(translations)
            for direction, translations in (("source", to_source), ("target", to_target))
            if translations
        },
        overlaps=table_of_overlaps(domains.overlaps),
        feature_maps=data_uri(png(features_figure(domains.maps)), "image/png") if domains.maps else "",
        ranked=ranked,
        details=details,
        notes=notes,
    )
    storage.write_bytes(str(path), page.encode())


def headline(rows: Sequence[ResultsRow], probes: pd.DataFrame) -> list[Sentence]:
    """Return the results as sentences; the first one is the page's title."""
    said = [sentence for each in headlines(rows, probes) for sentence in each.sentences]
    return said or [Sentence("Nothing was evaluated", "")]


def headline_without_labels(checks: Checks, source: str, target: str) -> list[Sentence]:
    """Return what is known without labels as sentences, with the translation that its score would select."""
    unknown = "Without labels, accuracy cannot be measured"
    sentences = [Sentence(unknown, f"Trained on {source}; {target} has no labels. The checks below need none")]
    trained = {label: each for label, each in checks.methods.items() if label.partition(" ")[0] in TRANSLATORS}
    if trained:
        chosen = min(trained, key=lambda label: trained[label].score)
        measures = trained[chosen]
        among = f", the lowest of {len(trained)} translations" if len(trained) > 1 else ""
        sentences.append(
            Sentence(
                f"{title_of_label(chosen)} has the label-free score {measures.score:.2f}{among}",
                f"In feature space its images are at {100 * measures.frechet:.0f} % of the distance from {source} that "
                f"they had as recorded, and they keep {100 * measures.neighbours:.0f} % of their nearest neighbours",
            )
        )
    return sentences


def results_tables(rows: Sequence[ResultsRow]) -> list[ResultsTable]:
    """Return one table per set of methods that can be compared: of one experiment, in the same folds and seeds."""
    tables = []
    for block in comparable(rows):
        summaries = summarise(block)
        first = summaries[0]
        title = (
            f"{first.experiment.title}, {scope_in_words(block)}: {first.probes} probes, {first.gallery} gallery images"
        )
        apart = [[each for each in summaries if compares_otherwise(each.method) is folded] for folded in (False, True)]
        tables.append(ResultsTable(title, *(table_of_rates(some, RATES) for some in apart)))
    return tables


def table_of_checks(checks: Checks) -> CellTable:
    """Return one row per method and one column per label-free measure."""
    lines = [
        [Cell(title), *(Cell("" if value is None else f"{value:.3f}") for value in measures.model_dump().values())]
        for title, measures in checks.lines
    ]
    return CellTable(["method", *(MEANINGS[name].title for name in Measures.model_fields)], lines)


def table_of_overlaps(overlaps: Mapping[str, float]) -> CellTable:
    """Return one row per kind of images: their overlap with the source, and that with each of `STATISTICS`.

    Without AdaBN per camera there is no column for it.
    """

    def with_statistics(label: str, statistics: str) -> str:
        method, space, variant = label.partition(" ")
        return f"{with_part(method, statistics)}{space}{variant}"

    def measured(label: str) -> Cell:
        return Cell(f"{overlaps[label]:.2f}" if label in overlaps else "")

    plain = sorted((label for label in overlaps if not statistics_of(label.partition(" ")[0])), key=place_of_label)
    present = {statistics_of(label.partition(" ")[0]) for label in overlaps}
    columns = [statistics for statistics in STATISTICS if statistics in present or statistics == ADABN]
    lines = [
        [Cell(title_of_label(label)), measured(label), *(measured(with_statistics(label, each)) for each in columns)]
        for label in plain
    ]
    return CellTable(["images", "overlap", *(f"overlap with {name_of(each)}" for each in columns)], lines)


def curves_in_words(curves: Mapping[str, NDArray[np.float64]]) -> str:
    """Return the numbers of a CMC figure in words, for readers who do not see it."""
    return "; ".join(
        f"{title_of_label(method)}: "
        + ", ".join(f"{100 * curve[rank - 1]:.1f} % at rank {rank}" for rank in MARKED_RANKS if rank <= len(curve))
        for method, curve in sorted(curves.items(), key=lambda item: place_of_label(item[0]))
    )
