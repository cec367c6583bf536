"""Run the pipeline `adapt` on this machine, from what the user asked for to the files of results."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from components.core.results.rows import ResultsRow, read_results
from components.core.results.summary import final_figures
from components.core.runtime import storage
from components.core.runtime.errors import UserError
from components.core.runtime.settings import nearest
from components.core.runtime.tracking import pipeline_run
from components.ingest.layouts import LAYOUTS
from components.train_gan.settings import TrainGanSettings
from pipelines.folder_lock import FolderLock
from pipelines.presets import RunSettings

RESULTS, REPORT = "results.json", "report.html"


@dataclass(frozen=True)
class DataSet:
    """Where a data set is, how it is laid out, and what results call it."""

    layout: str
    location: str
    name: str

    @classmethod
    def parse(cls, text: str, option: str, name: str = "") -> Self:
        """`market1501:PATH` of an existing folder or archive, or an `s3://` prefix; called `name` or like its layout.

        Raises:
            UserError: no or an unknown layout, or nothing at PATH; `option` is where the text was given.
        """
        layout, colon, location = text.partition(":")
        if not colon or location.startswith("//"):
            raise UserError(f"{option} '{text}' names no layout: write {option} market1501:{text}")
        if layout not in LAYOUTS:
            raise UserError(f"{option}: unknown layout '{layout}': {nearest(layout, LAYOUTS)}")
        if storage.is_s3(location):
            return cls(layout, location, name or layout)
        path = Path(location).expanduser().resolve()
        if not location or not path.exists():
            raise UserError(f"{option}: there is no folder or archive '{location}': correct the path")
        return cls(layout, str(path), name or layout)


@dataclass(frozen=True)
class Adaptation:
    """One translation to train: by which method, and on which training images of the target."""

    method: str
    protocol: str
    fold: int

    def as_item(self) -> dict[str, str]:
        """The item of the pipeline's list; all text, since KFP turns the integers of a list into floats."""
        return {"method": self.method, "protocol": self.protocol, "fold": str(self.fold)}


def plan(
    settings: TrainGanSettings, methods: Sequence[str], protocols: Sequence[str], target: DataSet
) -> list[Adaptation]:
    """Every method on every protocol; where none are given, those of the settings.

    Args:
        protocols: such as `folds10:3`; without a fold, 0 is meant.

    Raises:
        UserError: a method, protocol or fold that is not there, or one that the settings forbid.
    """
    folds = LAYOUTS[target.layout].folds
    known = {protocol for protocol, role in LAYOUTS[target.layout].published if role == "train"}
    adaptations = []
    for text in protocols or [f"{settings.protocol}:{settings.fold}"]:
        protocol, _, fold = text.partition(":")
        if protocol not in known:
            raise UserError(f"{target.layout} has no protocol '{protocol}' to train in: {nearest(protocol, known)}")
        for method in methods or [settings.method]:
            chosen = {"method": method, "protocol": protocol, "fold": fold or 0}
            resolved = TrainGanSettings.parse({**settings.model_dump(), **chosen}, stage="train_gan")
            if resolved.fold >= folds[resolved.protocol]:
                last = folds[resolved.protocol] - 1
                raise UserError(f"{target.layout}, protocol '{protocol}', has no fold {fold}: they go from 0 to {last}")
            adaptations.append(Adaptation(resolved.method, resolved.protocol, resolved.fold))
    return list(dict.fromkeys(adaptations))


def run_adapt(
    source: DataSet,
    target: DataSet,
    settings: RunSettings,
    adaptations: Sequence[Adaptation],
    out: Path,
    data_root: str,
) -> list[ResultsRow]:
    """Run the pipeline with all it makes in `out`, and copy the results and the report to `out`. Returns the results.

    Raises:
        UserError: a stage refused what it was given, or another run is working in `out`.
        StageFailed: a stage failed for any other reason.
    """
    check_weights(settings.pretrain.weights)
    with FolderLock(out) as lock:
        (out / "settings.yaml").write_text(settings.as_yaml())
        tags = {
            "source": source.name,
            "target": target.name,
            "method": ",".join(dict.fromkeys(adaptation.method for adaptation in adaptations)),
        }
        arguments = pipeline_arguments(source, target, settings, adaptations, data_root)
        with pipeline_run("adapt", tags=tags, parameters=settings.as_values()) as tracked:
            from pipelines.adapt import adapt_pipeline
            from pipelines.local import run_pipeline

            # Trainings use every core, so that two at a time would each take twice as long.
            results = run_pipeline(adapt_pipeline(parallelism=1), arguments, out, lock)
            for name in (RESULTS, REPORT):
                shutil.copyfile(results / name, out / f".{name}")
                os.replace(out / f".{name}", out / name)
                tracked.log_artifact(out / name)
            rows = read_results(str(out / RESULTS))
            tracked.log_metrics(final_figures(rows))
        return rows


def pipeline_arguments(
    source: DataSet,
    target: DataSet,
    settings: RunSettings,
    adaptations: Sequence[Adaptation],
    data_root: str,
) -> dict[str, Any]:
    """The arguments of the pipeline `adapt`. Settings travel as text, which KFP leaves as it is."""
    return {
        "source_name": source.name,
        "source_layout": source.layout,
        "source_location": source.location,
        "source_fingerprint": storage.fingerprint(source.location),
        "target_name": target.name,
        "target_layout": target.layout,
        "target_location": target.location,
        "target_fingerprint": storage.fingerprint(target.location),
        "data_root": data_root,
        "adaptations": [adaptation.as_item() for adaptation in adaptations],
        **{f"{stage}_settings": json.dumps(values) for stage, values in settings.as_values().items()},
    }


def check_weights(weights: str) -> None:
    """Refuse a weights file that is not there before an hour of work ends at it."""
    if weights not in ("imagenet", "none") and not storage.exists(weights):
        raise UserError(f"pretrain.weights: no such file '{weights}': give a .safetensors file, imagenet or none")
