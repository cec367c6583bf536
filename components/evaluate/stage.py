"""Measure how well the classifier finds people in the target, as it is and translated."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from components.core.data.manifest import Manifest
from components.core.models.classifier import load_classifier
from components.core.models.folder import model_digest
from components.core.results.rows import ResultsRow, write_results
from components.core.results.summary import final_figures
from components.core.runtime.device import choose_device
from components.core.runtime.tracking import StageRun, stage_run
from components.evaluate import pictures
from components.evaluate.evaluation import Images, Split, evaluate_images, image_versions, row_of
from components.evaluate.figures import Translations, cmc_figure, svg, translation_grid
from components.evaluate.report import write_report
from components.evaluate.settings import EvaluateSettings


def run(
    source: Path,
    target: Path,
    classifier: Path,
    translated: Sequence[Path],
    settings: EvaluateSettings,
    data_root: str,
    output: Path,
) -> list[ResultsRow]:
    """Evaluate the classifier on the target and on its translations; write results.json, report.html and cmc.svg.

    Direct transfer (and AdaBN) is evaluated in every split of the target, a translation in the split whose training
    images its GAN has seen.
    """
    labelled, recorded = Manifest.load(source), Manifest.load(target)
    network, classifier_config = load_classifier(classifier)
    versions = image_versions(recorded, translated, classifier_config["settings"]["seed"], settings)
    inputs = {"source": labelled.digest, "target": recorded.digest, "classifier": model_digest(classifier)}
    inputs |= {f"translated-{place}": each.manifest.digest for place, each in enumerate(versions[1:])}
    output.mkdir(parents=True, exist_ok=True)
    with stage_run(
        "evaluate", settings=settings.model_dump(), history=output / "history.jsonl", inputs=inputs
    ) as tracked:
        network = network.to(choose_device()).eval()
        evaluations = [
            evaluation for images in versions for evaluation in evaluate_images(network, images, settings, data_root)
        ]
        rows = [row_of(evaluation, labelled.dataset, recorded.dataset) for evaluation in evaluations]
        write_results(rows, output / "results.json")
        shown = versions[-1].splits[0]
        curves = {each.method: each.result.cmc for each in evaluations if each.split == shown}
        (output / "cmc.svg").write_bytes(svg(cmc_figure(curves)))
        translations = pictures.translations(recorded, translated_for(versions, shown), shown, data_root)
        write_report(
            output / "report.html",
            rows=rows,
            cmc={str(shown): curves},
            translations=translations,
            ranked=pictures.ranked_probes(recorded, evaluations, shown, settings.probes_shown, data_root),
            details=details(classifier_config, translated, settings),
            notes=notes(versions),
        )
        track(tracked, rows, output, curves, translations)
    return rows


def translated_for(versions: Sequence[Images], split: Split) -> dict[str, Manifest]:
    """The translations for `split`, by method."""
    return {each.method: each.manifest for each in versions[1:] if split in each.splits}


def notes(versions: Sequence[Images]) -> list[str]:
    """Which splits were evaluated for a part of the methods only."""
    recorded, *translations = versions
    covered = {split for each in translations for split in each.splits}
    missing = [split for split in recorded.splits if split not in covered]
    if not translations or not missing:
        return []
    return [
        f"Translations were trained and evaluated for {'; '.join(sorted(map(str, covered)))}. "
        f"The other {len(missing)} splits have rows of direct transfer and AdaBN only."
    ]


def details(
    classifier_config: dict[str, Any], translated: Sequence[Path], settings: EvaluateSettings
) -> dict[str, dict[str, object]]:
    """Settings and versions behind the report."""
    tables: dict[str, dict[str, object]] = {"pretrain": classifier_config["settings"]}
    for folder in translated:
        trained = json.loads((folder / "translation.json").read_text())["settings"]
        tables[f"{trained['method']} {trained['protocol']}, fold {trained['fold']}"] = trained
    tables["evaluate"] = settings.model_dump()
    tables["versions"] = {"python": platform.python_version(), "torch": torch.__version__}
    return tables


def track(
    tracked: StageRun,
    rows: Sequence[ResultsRow],
    output: Path,
    curves: dict[str, np.ndarray],
    translations: Translations,
) -> None:
    """Record what people compare: final rates, the results, and the pictures."""
    tracked.summary(final_figures(rows))
    tracked.table("results", pd.DataFrame([row.model_dump(by_alias=True) for row in rows]))
    tracked.figure("cmc", cmc_figure(curves))
    if translations:
        picture = output / "translations.png"
        translation_grid(translations).save(picture)
        tracked.figure("translations", picture)
    tracked.artifact(output / "report.html")
    tracked.artifact(output / "results.json")
