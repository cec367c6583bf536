"""Tables of results in Markdown."""

from collections.abc import Sequence

from simpgan.components.core.results.paper import PAPER_RATES, paper_figures
from simpgan.components.core.results.rows import RATES
from simpgan.components.core.results.sections import Table, differences
from simpgan.components.core.results.significance import signed
from simpgan.components.core.results.summary import Summary

WITH_INTERVAL = ("rank-1", "mAP")


def table_of_methods(table: Table) -> str:
    """A line a method: protocol, rates with deviations and intervals, and the paper's figures where it has any."""
    rates = [column for rate in RATES for column in ([rate, f"{rate}, 95 %"] if rate in WITH_INTERVAL else [rate])]
    paper = [f"paper {' / '.join(PAPER_RATES)}", "difference in points"] if table.beside_paper else []
    header = ["method", "protocol", *rates, *paper, "probes", "gallery", "folds", "seeds"]
    return markdown_table(header, [line(table, summary) for summary in table.summaries], text_columns=2)


def line(table: Table, summary: Summary) -> list[str]:
    """The cells of one method under `table_of_methods`'s header."""
    cells = [summary.title, summary.experiment.protocol]
    for rate in RATES:
        cells.append(summary.rate(rate))
        if rate in WITH_INTERVAL:
            interval = table.interval(summary, rate)
            cells.append(f"{interval.low:.1f} to {interval.high:.1f}" if interval else "")
    if table.beside_paper:
        cells.append(" / ".join(f"{figure:.1f}" for figure in paper_figures(summary).values()))
        cells.append(" / ".join(map(signed, differences(summary).values())))
    return [*cells, summary.probes, summary.gallery, str(summary.folds), str(summary.seeds)]


def markdown_table(header: Sequence[str], lines: Sequence[Sequence[str]], text_columns: int) -> str:
    """A Markdown table whose first `text_columns` columns are flush left and the others flush right."""
    rule = ["---"] * text_columns + ["--:"] * (len(header) - text_columns)
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in each) + " |" for each in [header, rule, *lines]
    )
