"""The runs to compare: from MLflow by their ids, or from their folders."""

import json
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from simpgan.components.core.damaged_files import named_damage
from simpgan.components.core.errors import UserError
from simpgan.components.core.results.probes import FILE, read_probes_beside
from simpgan.components.core.results.rows import ResultsRow, read_results

if TYPE_CHECKING:
    from simpgan.components.core.tracking.recorded_results import RecordedRun

logger = logging.getLogger(__name__)

RESULTS, SETTINGS = "results.json", "settings.yaml"
RUN_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, eq=False)
class Run:
    """A run with its results.

    Attributes:
        name: name, different from those of the others.
        id: id of the run in MLflow; empty for a folder.
        settings: resolved settings by `<stage>.<setting>`; empty if the folder has none.
        commit: commit of the code; empty if unknown.
        rows: its rows of results.
        probes: its probes.
    """

    name: str
    id: str
    settings: Mapping[str, str]
    commit: str
    rows: Sequence[ResultsRow]
    probes: pd.DataFrame


def read_runs(given: Sequence[str], experiment: str) -> list[Run]:
    """Read folders and MLflow runs in the given order, then the other runs of the experiment.

    Raises:
        UserError: something is neither a folder nor a run, a run has no results, or the server does not answer.
    """
    folders = [text for text in given if not RUN_ID.fullmatch(text)]
    for text in folders:
        if not (Path(text) / RESULTS).is_file():
            what = f"has no {RESULTS}" if Path(text).is_dir() else "is neither a folder nor the id of a run"
            raise UserError(f"{text} {what}: give the --out of a run that has ended, or the 32 digits of an MLflow run")
    recorded = runs_of_server([text for text in dict.fromkeys(given) if text not in folders], experiment)
    local = {text: run_of_folder(Path(text)) for text in folders}
    named = [local.get(text) or recorded[text] for text in dict.fromkeys(given)]
    others = [run for run_id, run in recorded.items() if run_id not in given]
    return told_apart([*named, *(run for run in others if run not in named)])


def runs_of_server(run_ids: Sequence[str], experiment: str) -> dict[str, Run]:
    """Return the given runs, then those of an experiment; runs that cannot be read are left out with a warning."""
    if not run_ids and not experiment:
        return {}
    from simpgan.components.core.tracking.recorded_results import SkippedRun, fetch_experiment, fetch_runs

    files = (RESULTS, FILE)
    found = dict(zip(run_ids, map(read, fetch_runs(run_ids, files)), strict=True)) if run_ids else {}
    if experiment:
        known = {run.id for run in found.values()}
        for run in fetch_experiment(experiment, files):
            if run.id in known:
                continue
            try:
                if isinstance(run, SkippedRun):
                    raise UserError(f"run {run.id} {run.reason}")
                found[run.id] = read(run)
            except UserError as reason:
                logger.warning("left out '%s': %s", run.name, reason)
    return found


def read(recorded: "RecordedRun") -> Run:
    """Read the files of a recorded run."""
    results = results_of(recorded.folder, f"run {recorded.id}")
    return Run(recorded.name, recorded.id, recorded.settings, recorded.commit, *results)


def run_of_folder(folder: Path) -> Run:
    """Read the run in a folder."""
    settings = folder / SETTINGS
    values = {}
    if settings.is_file():
        with named_damage(settings, "run the pipeline again to write it"):
            values = flat(yaml.safe_load(settings.read_bytes()))
    rows, probes = results_of(folder, str(folder))
    commits = sorted({row.commit for row in rows if row.commit})
    return Run(folder.resolve().name, "", values, ", ".join(commits), rows, probes)


def results_of(folder: Path, what: str) -> tuple[Sequence[ResultsRow], pd.DataFrame]:
    """Return rows and probes; a run may have kept no probes.

    Raises:
        UserError: there are no rows, or a file is damaged.
    """
    if not (folder / RESULTS).is_file():
        raise UserError(f"{what} has no {RESULTS} any more: its artifacts were deleted; evaluate again")
    return read_results(folder / RESULTS), read_probes_beside(folder / RESULTS)


def flat(values: Mapping[str, Any]) -> dict[str, str]:
    """Flatten stage to setting to value to `<stage>.<setting>`, with values as in MLflow's parameters."""
    return {
        f"{stage}.{name}": value if isinstance(value, str) else json.dumps(value)
        for stage, settings in values.items()
        for name, value in settings.items()
    }


def told_apart(runs: Sequence[Run]) -> list[Run]:
    """Append the beginning of their ids, or a number, to the names of runs with the same name."""
    shared = Counter(run.name for run in runs)
    found: list[Run] = []
    for place, run in enumerate(runs, 1):
        mark = run.id[:8] or str(place)
        found.append(replace(run, name=f"{run.name} ({mark})") if shared[run.name] > 1 else run)
    return found
