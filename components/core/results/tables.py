"""Tables of results, for Markdown and HTML alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from math import isnan

from simpgan.components.core.results.intervals import Interval
from simpgan.components.core.results.layout import key_of
from simpgan.components.core.results.methods import name_of, place, title_of
from simpgan.components.core.results.paper import PAPER_PROTOCOL, PAPER_RATES, differences, paper_figures
from simpgan.components.core.results.rows import METRICS, RATES, ResultsRow
from simpgan.components.core.results.sections import Table
from simpgan.components.core.results.significance import TESTED, PairedTest, shown_p, signed
from simpgan.components.core.results.summary import Summary, frame_of
from simpgan.components.core.results.transfers import Transfer

WITH_INTERVAL = ("rank-1", "mAP")
IN_OVERVIEW = ("rank-1", "mAP")


@dataclass(frozen=True)
class Cell:
    """One cell of a table: its text, the number it is sorted by (None: the text), and whether it stands out."""

    text: str
    value: float | None = None
    best: bool = False


@dataclass(frozen=True)
class CellTable:
    """A table: columns, of which the first `text_columns` are flush left, and rows with as many cells."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    text_columns: int = 1

    @property
    def markdown(self) -> str:
        """Return the table in Markdown."""
        rule = ["---"] * self.text_columns + ["--:"] * (len(self.columns) - self.text_columns)
        lines = [self.columns, rule, *([in_markdown(cell) for cell in row] for row in self.rows)]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def in_markdown(cell: Cell) -> str:
    """Return the cell in Markdown."""
    text = cell.text.replace("|", "\\|")
    return f"**{text}**" if cell.best else text


Column = tuple[str, Callable[[Summary], Cell]]
"""A title, and the function that makes the cell of a row."""


def transfer_table(transfer: Transfer) -> CellTable:
    """Return one row per main method: rank-1 and mAP in each table of a transfer, then the paper's rank-1.

    A cell is empty where a method was not measured. The highest rate of each column stands out.
    """
    rows = {key_of(each): [Cell(each.title)] for each in transfer.rows}
    columns = ["method"]
    for table in transfer.tables:
        of_method = {key_of(each): each for each in table.summaries if key_of(each) in rows}
        for rate in IN_OVERVIEW:
            columns.append(f"{transfer.name_of(table)}: {rate}")
            highest = max(float(each.mean[rate]) for each in of_method.values())
            for key, cells in rows.items():
                own = of_method.get(key)
                cells.append(rate_cell(own, rate, highest if len(of_method) > 1 else None) if own else Cell(""))
    paper = {
        key_of(each): figures
        for table in transfer.tables
        for each in table.summaries
        if (figures := paper_figures(each))
    }
    if paper:
        columns.append(f"paper, {PAPER_PROTOCOL}: {PAPER_RATES[0]}")
        for key, cells in rows.items():
            figure = paper.get(key, {}).get(PAPER_RATES[0])
            cells.append(Cell("") if figure is None else Cell(f"{figure:.1f}", figure))
    return CellTable(columns, list(rows.values()))


def full_table(table: Table, summaries: Sequence[Summary]) -> CellTable:
    """Return a table of some rows: all rates, and the intervals of rank-1 and mAP."""
    return table_of_rates(summaries, RATES, WITH_INTERVAL, table.interval)


def table_of_rates(
    summaries: Sequence[Summary],
    rates: Sequence[str],
    with_interval: Sequence[str] = (),
    interval_of: Callable[[Summary, str], Interval | None] = lambda *_: None,
) -> CellTable:
    """Return one row per method; the highest mean of each rate stands out.

    Args:
        summaries: the methods.
        rates: rates of `RATES`.
        with_interval: rates that are followed by their interval.
        interval_of: returns the interval of a method's rate.
    """
    columns: list[Column] = [("method", lambda each: Cell(each.title))]
    for rate in rates:
        highest = max((each.mean[rate] for each in summaries), default=0.0)
        columns.append((rate, partial(rate_cell, rate=rate, highest=highest if len(summaries) > 1 else None)))
        if rate in with_interval:
            columns.append((f"{rate}, 95 %", partial(interval_cell, interval_of=interval_of, rate=rate)))
    return CellTable([title for title, _ in columns], [[cell(each) for _, cell in columns] for each in summaries])


def rate_cell(summary: Summary, rate: str, highest: float | None) -> Cell:
    """Return the cell of a rate, which stands out if it is the highest."""
    mean = float(summary.mean[rate])
    return Cell(summary.rate(rate), mean, best=mean == highest)


def interval_cell(summary: Summary, interval_of: Callable[[Summary, str], Interval | None], rate: str) -> Cell:
    """Return the cell of an interval; empty if it is unknown."""
    interval = interval_of(summary, rate)
    return Cell(f"{interval.low:.1f} to {interval.high:.1f}", interval.low) if interval else Cell("")


def table_beside_paper(table: Table) -> CellTable:
    """Compare methods with the paper's figures: rates here, in the paper, and the difference in points."""
    summaries = [each for each in table.summaries if paper_figures(each)]
    columns = [column for rate in PAPER_RATES for column in (rate, f"{rate}, paper", f"{rate}, points")]
    rows = [
        [
            Cell(each.title),
            *(
                Cell(text, value)
                for rate, points in differences(each).items()
                for figure in [paper_figures(each)[rate]]
                for text, value in (
                    (each.rate(rate), float(each.mean[rate])), (f"{figure:.1f}", figure), (signed(points), points)
                )
            ),
        ]
        for each in summaries
    ]  # fmt: skip
    return CellTable(["method", *columns], rows)


def table_of_tests(tests: Sequence[PairedTest]) -> CellTable:
    """Return one row per method and baseline: differences in points, p-values, and what they were counted over."""
    rates = [column for rate in TESTED for column in (f"{rate}, points", f"{rate}, p")]
    rows = []
    for (method, variant, baseline), group in groupby(tests, lambda each: (each.method, each.variant, each.baseline)):
        of_rate = {test.rate: test for test in group}
        first = next(iter(of_rate.values()))
        seeds = f", {first.seeds} seeds" if first.seeds > 1 else ""
        cells = [
            cell
            for rate in TESTED
            for test in [of_rate[rate]]
            for cell in (Cell(signed(test.gain), test.gain), Cell(shown_p(test.p), test.p))
        ]
        names = [Cell(title_of(method, variant)), Cell(name_of(baseline))]
        rows.append([*names, *cells, Cell(f"{first.count} {first.over}{seeds}")])
    return CellTable(["method", "baseline", *rates, "over"], rows, text_columns=2)


def table_of_seeds(table: Table) -> CellTable:
    """Return rank-1 and mAP of every method and seed, folds averaged."""
    return by_seed(table.rows, ("rank-1", "mAP"))


def table_of_scores(table: Table) -> CellTable:
    """Return the label-free score of every translation and seed, folds averaged, and its rank-1; the best stand out."""
    grid = by_seed([row for row in table.rows if row.score is not None and "+" not in row.method], ("score", "rank-1"))
    best = [
        (min if title.startswith("score") else max)(cell.value for cell in column if cell.value is not None)
        for title, column in zip(grid.columns[1:], list(zip(*grid.rows, strict=True))[1:], strict=False)
    ]
    rows = [
        [name, *(replace(cell, best=cell.value == value) for cell, value in zip(cells, best, strict=True))]
        for name, *cells in grid.rows
    ]
    return replace(grid, rows=rows)


def by_seed(rows: Sequence[ResultsRow], names: Sequence[str]) -> CellTable:
    """Return one row per method, and for each name one column per seed."""
    if not rows:
        return CellTable(["method"], [])
    means = frame_of(rows).pivot_table(index=["method", "variant"], columns="seed", values=list(names))
    columns = [(name, seed) for name in names for seed in sorted({row.seed for row in rows})]
    methods = sorted(means.index, key=lambda each: (place(each[0]), each[1]))
    return CellTable(
        ["method", *(f"{name}, seed {seed}" for name, seed in columns)],
        [
            [
                Cell(title_of(*method)),
                *(seed_cell(name, float(means.loc[method, (name, seed)])) for name, seed in columns),
            ]
            for method in methods
        ],
    )


def seed_cell(name: str, mean: float) -> Cell:
    """Return the cell of a mean, with two decimals if it is a score; empty if the seed has none."""
    if isnan(mean):
        return Cell("")
    return Cell(f"{mean:.2f}" if name == "score" else f"{mean:.1f}", mean)


RUN = ("source", "target", "preset", "protocol", "fold", "seed")
RUN_ORIGIN = ("probes", "left-out", "gallery", "steps", "score", "precision", "hardware", "date", "commit")


def table_of_runs(rows: Sequence[ResultsRow]) -> CellTable:
    """Return every single row of the results."""
    lines = []
    for row in rows:
        values = row.model_dump(by_alias=True)
        rates = [Cell(f"{values[name]:.1f}", values[name]) for name in METRICS]
        origin = [Cell(shown(values[name])) for name in RUN_ORIGIN]
        run = [Cell(str(values[name])) for name in RUN]
        lines.append([Cell(title_of(row.method, row.variant)), *run, *rates, *origin])
    return CellTable(["method", *RUN, *METRICS, *RUN_ORIGIN], lines)


def shown(value: object) -> str:
    """Return a value of a row as text."""
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
