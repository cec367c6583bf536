"""Join the results of several evaluations: means, confidence intervals and tests beside the paper's figures."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from simpgan.components.core.errors import UserError
from simpgan.components.core.process.task import current_task
from simpgan.components.core.results.joining import join, join_probes
from simpgan.components.core.results.probes import FILE, read_probes_beside, write_probes
from simpgan.components.core.results.rows import ResultsRow, read_results, write_results
from simpgan.components.core.results.sections import sections
from simpgan.components.core.results.statistics import Statistics
from simpgan.components.core.results.summary import final_curves, final_figures, frame_of
from simpgan.components.core.tracking import stage_run
from simpgan.components.summarise.pages import FILES, write_pages
from simpgan.components.summarise.settings import SummariseSettings


def run(results: Sequence[Path], settings: SummariseSettings, output: Path) -> list[ResultsRow]:
    """Join results into results.json, probes.parquet and pages.

    Args:
        results: folders that evaluate or summarise wrote.
        settings: settings of the stage.
        output: folder for the summary.

    Returns:
        the joined rows.

    Raises:
        UserError: there is nothing to join, a file is damaged, or two evaluations contradict each other.
    """
    if not results:
        raise UserError("summarise: there are no results to join: give at least one folder that evaluate wrote")
    output.mkdir(parents=True, exist_ok=True)
    inputs = {f"results-{place}": digest(folder) for place, folder in enumerate(results)}
    with stage_run(
        "summarise",
        task=current_task(),
        settings=settings.model_dump(),
        history=output / "history.jsonl",
        inputs=inputs,
    ) as tracked:
        rows = join(read_results(folder / "results.json") for folder in results)
        if not rows:
            raise UserError("summarise: no evaluation has labels, so there is nothing to join: see their checks.json")
        probes = join_probes(read_probes_beside(folder / "results.json") for folder in results)
        statistics = Statistics.of(rows, probes, settings.resamples, settings.seed)
        write_results(rows, output / "results.json", statistics.lists())
        write_probes(probes, output / FILE)
        write_pages(output, sections(rows, statistics, probes), rows)
        tracked.log_summary(final_figures(rows))
        tracked.log_curves(final_curves(rows, probes))
        tracked.log_table("per_fold", frame_of(rows))
        for name in ("results.json", *FILES):
            tracked.log_artifact(output / name)
    return rows


def digest(folder: Path) -> str:
    """Return the sha256 (hex) of an evaluation's results.

    Raises:
        UserError: the folder has none.
    """
    path = folder / "results.json"
    if not path.is_file():
        raise UserError(f"{folder} has no results.json: give a folder that evaluate wrote")
    return sha256(path.read_bytes()).hexdigest()
