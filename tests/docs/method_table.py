"""Write the table of README that compares methods, from docs/results.json.

After new results:  python -m tests.docs.method_table
"""

import re
from collections.abc import Sequence

from simpgan.components.core.results.methods import ADABN, CAMERA_ADABN, JOINED, SELF_TRAINING, WHITENED, with_part
from simpgan.components.core.results.rows import read_results
from simpgan.components.core.results.sections import SEES_TESTED
from simpgan.components.core.results.summary import Experiment, Summary, folds_in_words, summarise
from tests.docs.blocks import ROOT

PRESET = "small"

COLUMNS = {
    "direct transfer": "direct",
    "AdaBN": ADABN,
    "AdaBN per camera": CAMERA_ADABN,
    "the same, whitened": with_part(CAMERA_ADABN, WHITENED),
    "joined features": with_part(CAMERA_ADABN, JOINED),
    "joined, whitened": with_part(with_part(CAMERA_ADABN, JOINED), WHITENED),
    "self-training": SELF_TRAINING,
}
"""Method of each column; of several rows, the one with the highest rank-1 is shown."""

START, END = "<!-- methods: python -m tests.docs.method_table -->", "<!-- end of methods -->"
BETWEEN = re.compile(f"(?<={re.escape(START)}\n).*(?={re.escape(END)})", re.DOTALL)


def with_methods(text: str) -> str:
    """Return README's text with the present table between its markers."""
    return BETWEEN.sub(lambda _: table(), text)


def table() -> str:
    """Return the Markdown table: a row for each transfer, with rank-1 and mAP of each method in percent."""
    rows = [row for row in read_results(ROOT / "docs/results.json") if row.preset == PRESET]
    summaries = [each for each in summarise(rows) if each.experiment.protocol not in SEES_TESTED]
    lines = ["| from → to | protocol | " + " | ".join(COLUMNS) + " |", "| --- | --- |" + " --: |" * len(COLUMNS)]
    for experiment in dict.fromkeys(each.experiment for each in summaries):
        own = [each for each in summaries if each.experiment == experiment]
        best = max((each for each in own if each.method in COLUMNS.values()), key=rank_1)
        cells = [cell(own, method, best) for method in COLUMNS.values()]
        folds = folds_in_words([row for row in rows if Experiment.of(row) == experiment])
        seeds = sorted({row.seed for row in rows if Experiment.of(row) == experiment})
        about = f"`{experiment.protocol}`, {folds}, {count(len(seeds), 'seed')}"
        lines.append("| " + " | ".join([f"{experiment.source} → {experiment.target}", about, *cells]) + " |")
    return "\n".join(lines) + "\n"


def cell(summaries: Sequence[Summary], method: str, best: Summary) -> str:
    """Return rank-1 and mAP of a method's best row, bold if it is `best`; empty if there is none."""
    found = max((each for each in summaries if each.method == method), key=rank_1, default=None)
    if found is None:
        return ""
    rates = f"{found.mean['rank-1']:.1f} / {found.mean['mAP']:.1f}"
    return f"**{rates}**" if found is best else rates


def rank_1(summary: Summary) -> float:
    """Return the rank-1 rate in percent."""
    return float(summary.mean["rank-1"])


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(with_methods(path.read_text()))
