"""The pages of a summary: Markdown, and one HTML page that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from components.core.results.methods import EXPLANATIONS, title_of
from components.core.results.paper import paper_figures
from components.core.results.rows import RATES, ResultsRow
from components.core.results.sections import Section, differences
from components.core.results.significance import signed
from components.core.results.summary import unbroken
from components.core.results.tables import section_table
from components.core.runtime import storage


def write_markdown(path: str | Path, sections: Sequence[Section]) -> None:
    """Write the summary as Markdown.

    Raises:
        UserError: the location cannot be written.
    """
    page = environment("components.summarise", autoescape=False).get_template("results.md.j2").render(sections=sections)
    storage.write_bytes(str(path), page.encode())


def write_html(path: str | Path, sections: Sequence[Section], rows: Sequence[ResultsRow]) -> None:
    """Write the summary as a self-contained HTML page.

    Raises:
        UserError: the location cannot be written.
    """
    parts = {part for row in rows for part in row.method.split("+")}
    page = (
        environment("components.summarise", autoescape=True)
        .get_template("results.html.j2")
        .render(
            sections=sections,
            rows=rows,
            rates=RATES,
            explanations=[(title_of(name), text) for name, text in EXPLANATIONS.items() if name in parts],
        )
    )
    storage.write_bytes(str(path), page.encode())


def environment(*packages: str, autoescape: bool) -> Environment:
    """The templates of packages, with the functions they use."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package, ".") for package in packages]),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "title_of": title_of,
        "signed": signed,
        "section_table": section_table,
        "paper_figures": paper_figures,
        "differences": differences,
        "unbroken": unbroken,
    }
    return made
