"""Write the report and its figures, and record them."""

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from simpgan.components.core.data.translation_origin import read_origin
from simpgan.components.core.process import provenance
from simpgan.components.core.results.methods import compares_otherwise, name_of, statistics_of
from simpgan.components.core.results.pages.pictures import png, svg
from simpgan.components.core.results.probes import read_probes_beside
from simpgan.components.core.results.rows import ResultsRow
from simpgan.components.core.results.summary import final_curves, final_figures
from simpgan.components.core.results.unlabelled_checks import Checks
from simpgan.components.core.tracking import StageRun
from simpgan.components.evaluate import pictures
from simpgan.components.evaluate.data_sets import TargetSplit
from simpgan.components.evaluate.domain_gap import measure_domain_gap
from simpgan.components.evaluate.evaluation import ShownSplit
from simpgan.components.evaluate.figures import cmc_figure, features_figure, translation_grid
from simpgan.components.evaluate.report import DomainGap, write_report
from simpgan.components.evaluate.settings import EvaluateSettings


def split_to_show(splits: Sequence[TargetSplit], trained: Sequence[TargetSplit]) -> TargetSplit:
    """Return the split with the most trainings, and of equals the last one.

    If nothing was trained it is the first of `splits`.
    """
    return max(reversed(trained), key=trained.count, default=splits[0])


def present(
    shown: ShownSplit,
    rows: Sequence[ResultsRow],
    settings: EvaluateSettings,
    *,
    checks: Checks,
    notes: Sequence[str],
    details: Mapping[str, Mapping[str, object]],
    output: Path,
    tracked: StageRun,
) -> None:
    """Write report.html and the figures as files, and record them.

    Args:
        shown: the split that the figures show.
        rows: all rows of the results.
        settings: settings of the stage.
        checks: label-free checks.
        notes: sentences below the headline.
        details: tables at the end of the report, by heading.
        output: folder of the results.
        tracked: gets figures, rates and files.
    """
    probes = read_probes_beside(output / "results.json")
    curves = curves_of(shown)
    to_source, to_target = pictures.to_source(shown), pictures.to_target(shown)
    domains = DomainGap(*measure_domain_gap(shown, settings))
    ranked = pictures.ranked_probes if shown.target.labelled else pictures.nearest_images
    write_report(
        output / "report.html",
        rows=rows,
        probes=probes,
        checks=checks,
        of=(shown.source.images.manifest.dataset, shown.target.manifest.dataset),
        cmc={
            f"{shown.split}, with {name_of(statistics)}" if statistics else str(shown.split): of_methods
            for statistics, of_methods in curves.items()
        },
        to_source=to_source,
        to_target=to_target,
        domains=domains,
        ranked=ranked(shown, settings.probes_shown),
        details={**details, "evaluate": settings.model_dump(), "made with": made_with()},
        notes=notes,
    )
    for statistics, of_methods in curves.items():
        name = f"cmc-{statistics}" if statistics else "cmc"
        (output / f"{name}.svg").write_bytes(svg(cmc_figure(of_methods)))
        tracked.log_figure(name, cmc_figure(of_methods))
    for name, translations in (("to-source", to_source), ("to-target", to_target)):
        if translations:
            translation_grid(translations).save(output / f"{name}.png")
            tracked.log_figure(name, output / f"{name}.png")
    if domains.maps:
        (output / "features.png").write_bytes(png(features_figure(domains.maps)))
        tracked.log_figure("features", output / "features.png")
    overlaps = {f"overlap/{tracked_name(label)}": value for label, value in domains.overlaps.items()}
    tracked.log_summary(final_figures(rows) | checks.figures() | overlaps)
    tracked.log_curves(final_curves(rows, probes))
    tracked.log_table("per_fold", pd.DataFrame([row.model_dump(by_alias=True) for row in rows]))
    for name in ("report.html", "results.json", "probes.parquet", "checks.json"):
        tracked.log_artifact(output / name)


def curves_of(shown: ShownSplit) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Return CMC curves by batch-norm statistics (empty: the classifier's own) and label, means over seeds.

    Other ways of comparing the same features are in the table only.
    """
    figures: dict[str, dict[str, list[NDArray[np.float64]]]] = {}
    for each in shown.evaluations:
        if each.result and not compares_otherwise(each.method):
            of_methods = figures.setdefault(statistics_of(each.method), {})
            of_methods.setdefault(each.label, []).append(each.result.cmc)
    return {
        statistics: {label: np.mean(curves, axis=0) for label, curves in of_methods.items()}
        for statistics, of_methods in figures.items()
    }


def tracked_name(label: str) -> str:
    """Return a label in the characters that names of metrics may have."""
    return label.replace("+", "-").replace("=", " ")


def made_with() -> dict[str, object]:
    """Return hardware, date, commit and versions behind the numbers."""
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    code = {"hardware": provenance.hardware(), "date": provenance.today(), "commit": provenance.commit()}
    return {**code, **versions}


def trainings(translated: Sequence[Path]) -> dict[str, dict[str, object]]:
    """Return the settings behind each translation, by a title."""
    origins = [read_origin(folder) for folder in translated]
    return {
        f"{origin['settings']['method']} {origin['variant']}".strip()
        + f" {origin['settings']['protocol']}, fold {origin['settings']['fold']}": origin["settings"]
        for origin in origins
    }
