"""The pages of a summary: Markdown, and one HTML page that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path

from simpgan.components.core import storage
from simpgan.components.core.results.methods import EXPLANATIONS, title_of
from simpgan.components.core.results.pages import environment
from simpgan.components.core.results.rows import RATES, ResultsRow
from simpgan.components.core.results.sections import Section


def write_markdown(path: str | Path, sections: Sequence[Section]) -> None:
    """Write the summary as Markdown.

    Raises:
        UserError: the location cannot be written.
    """
    page = (
        environment("simpgan.components.summarise", autoescape=False)
        .get_template("results.md.j2")
        .render(sections=sections)
    )
    storage.write_bytes(str(path), page.encode())


def write_html(path: str | Path, sections: Sequence[Section], rows: Sequence[ResultsRow]) -> None:
    """Write the summary as a self-contained HTML page.

    Raises:
        UserError: the location cannot be written.
    """
    parts = {part for row in rows for part in row.method.split("+")}
    page = (
        environment("simpgan.components.summarise", autoescape=True)
        .get_template("results.html.j2")
        .render(
            sections=sections,
            rows=rows,
            rates=RATES,
            explanations=[(title_of(name), text) for name, text in EXPLANATIONS.items() if name in parts],
        )
    )
    storage.write_bytes(str(path), page.encode())
