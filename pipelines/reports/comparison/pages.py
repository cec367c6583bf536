"""The files of a comparison: a page that needs nothing else, and the numbers for other programs."""

from collections.abc import Sequence
from pathlib import Path

from simpgan.components.core import storage
from simpgan.components.core.results.pages import environment
from simpgan.components.core.results.pages.pictures import data_uri, svg
from simpgan.components.core.results.rows import MAIN_RATES
from simpgan.pipelines.reports.comparison.figure import curves_figure, drawn, reading
from simpgan.pipelines.reports.comparison.groups import ComparedRuns
from simpgan.pipelines.reports.comparison.tables import as_csv, as_json, interval_of
from simpgan.pipelines.reports.comparison.words import apart, differing, runs_of, settings_in_words, verdicts


def write(groups: Sequence[ComparedRuns], out: Path) -> None:
    """Write compare.html, compare.json, compare.csv, and compare.svg of the first group into a folder.

    Raises:
        UserError: the folder cannot be written.
    """
    figures = [svg(curves_figure(group)) if group.bands else b"" for group in groups]
    templates = environment("simpgan.pipelines.reports.comparison", autoescape=True)
    templates.globals |= {
        "differing": differing,
        "drawn": drawn,
        "interval_of": interval_of,
        "reading": reading,
        "runs_of": runs_of,
        "settings_in_words": settings_in_words,
        "verdicts": verdicts,
    }
    page = templates.get_template("compare.html.j2").render(
        groups=groups,
        apart=apart(groups),
        rates=MAIN_RATES,
        figures=[data_uri(figure, "image/svg+xml") if figure else "" for figure in figures],
    )
    files = {"compare.html": page, "compare.json": as_json(groups), "compare.csv": as_csv(groups)}
    for name, text in files.items():
        storage.write_bytes(str(out / name), text.encode())
    if figures[0]:
        storage.write_bytes(str(out / "compare.svg"), figures[0])
