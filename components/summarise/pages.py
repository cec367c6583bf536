"""Pages of a summary: Markdown, and one self-contained HTML page."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

from simpgan.components.core import storage
from simpgan.components.core.results.methods import explanations
from simpgan.components.core.results.overview import overview_figure
from simpgan.components.core.results.pages import environment
from simpgan.components.core.results.pages.pictures import data_uri, svg
from simpgan.components.core.results.rows import ResultsRow
from simpgan.components.core.results.sections import Section
from simpgan.components.core.results.summary import unbroken
from simpgan.components.core.results.tables import (
    full_table,
    table_beside_paper,
    table_of_runs,
    table_of_scores,
    table_of_seeds,
    table_of_tests,
    transfer_table,
)
from simpgan.components.core.results.transfers import advice, transfers

PAGES = ("results.md", "results.html", "ablations.md", "ablations.html")
PICTURE = "results.svg"
FILES = (*PAGES, PICTURE)
"""The pages and the picture of the first one."""

WIDTH = 120
"""Columns of the Markdown source."""

READING_OF_RATES = (
    "Rank-1 is the share of probes whose nearest gallery image shows the right person, rank-5 the share with the right "
    "person among the nearest five. mAP also counts how early all images of the person come, mINP how late the last "
    "one comes. Rates are in percent, and the highest of each column is bold."
)
ABOUT_TESTS = (
    "The difference of every method to its baseline, in points, seeds averaged. The baseline is direct transfer; with "
    "AdaBN or fused features it is AdaBN, with AdaBN per camera that alone; with the verification score it is the same "
    "method without it. AdaBN per camera is compared with AdaBN too, and self-training with AdaBN per camera."
)
ABOUT_SEEDS = "Rates in percent; over several folds, the mean of the folds."
ABOUT_SCORES = (
    "Without labels, the translation with the lowest score is chosen. The lowest score of each seed is bold, and so is "
    "the highest rank-1, which would be the best choice."
)


def write_pages(
    folder: str | Path, sections: Sequence[Section], rows: Sequence[ResultsRow], findings: str = ""
) -> None:
    """Write `FILES` into a folder or `s3://` location, each whole or not at all.

    Args:
        folder: folder or `s3://` location of the pages.
        rows: all rows of the results.
        sections: sections of the summary.
        findings: file in the folder that explains the results; empty: there is none.

    Raises:
        UserError: the location cannot be written.
    """
    of_transfers = transfers(sections)
    picture = svg(overview_figure(of_transfers))
    shown = {
        "sections": sections,
        "transfers": of_transfers,
        "advice": advice(of_transfers),
        "picture": PICTURE,
        "picture_uri": data_uri(picture, "image/svg+xml"),
        "runs": table_of_runs(rows),
        "explanations": explanations(row.method for row in rows),
        "findings": findings,
        "reading_of_rates": READING_OF_RATES,
        "about_seeds": ABOUT_SEEDS,
        "about_tests": ABOUT_TESTS,
        "about_scores": ABOUT_SCORES,
    }
    storage.write_bytes(f"{folder}/{PICTURE}", picture)
    for name in PAGES:
        templates = environment("simpgan.components.summarise", autoescape=name.endswith(".html"))
        templates.filters |= {
            "continued": continued,
            "described": described,
            "full_table": full_table,
            "item": item,
            "table_beside_paper": table_beside_paper,
            "table_of_scores": table_of_scores,
            "table_of_seeds": table_of_seeds,
            "table_of_tests": table_of_tests,
            "transfer_table": transfer_table,
            "wrapped": wrapped,
        }
        page = templates.get_template(f"{name}.j2").render(shown)
        storage.write_bytes(f"{folder}/{name}", page.encode())


def wrapped(text: str, indent: str = "") -> str:
    """Wrap a paragraph of Markdown and indent all lines but the first; a number stays with its percent sign."""
    lines = fill(unbroken(text), WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return lines.replace("\u00a0", " ")


def item(text: str) -> str:
    """Return an item of a Markdown list."""
    return wrapped(f"- {text}", indent="  ")


def described(values: Mapping[str, str]) -> str:
    """Return names and values as a sentence."""
    return "; ".join(f"{name}: {value}" for name, value in values.items()) + "."


def continued(command: str) -> str:
    """Break a command into lines that a shell reads as one."""
    parts: list[str] = []
    for word in map(shlex.quote, shlex.split(command)):
        if parts and not word.startswith("-"):
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    lines, *others = parts or [""]
    for part in others:
        fits = len(lines.rpartition("\n")[2]) + len(part) + 3 <= WIDTH
        lines += f" {part}" if fits else f" \\\n    {part}"
    return lines
