"""Folders of runs with made-up results."""

from pathlib import Path

import yaml

from simpgan.components.core.results.probes import write_probes
from simpgan.components.core.results.rows import write_results
from tests.components.core.results.made_up import ranked, together

GOOD, BAD = [1] * 30 + [4] * 10, [1] * 10 + [7] * 30


def run_folder(folder: Path, *evaluations, probes: bool = True, settings=None) -> str:
    """A folder like the --out of a run. Evaluations are those of `ranked`."""
    rows, table = together(*evaluations)
    write_results(rows, folder / "results.json")
    if probes:
        write_probes(table, folder / "probes.parquet")
    if settings:
        (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
    return str(folder)


def simpgan(ranks, **other):
    return ranked("simpgan", ranks, **other)
