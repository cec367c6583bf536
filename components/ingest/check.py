"""Check two data sets before the first training, by their manifests and the settings."""

import logging
from pathlib import Path

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.suitability import PlannedExperiment, rankable_splits, refuse_impossible, unrankable

logger = logging.getLogger(__name__)


def run(source: Path, target: Path, asked: PlannedExperiment) -> None:
    """Check that an experiment can be trained and measured on two manifests.

    Trainings whose split has no probe to rank are logged; they are no reason to stop.

    Args:
        source: folder of the labelled manifest.
        target: folder of the manifest to adapt to.
        asked: the experiment.

    Raises:
        UserError: a stage of the experiment would stop.
    """
    unlabelled = Manifest.load(target)
    refuse_impossible(Manifest.load(source), unlabelled, asked)
    trained = sorted({*asked.translations, *asked.umdl, *asked.self_trainings})
    rankable = rankable_splits(unlabelled, trained)
    without = [split for split in trained if split not in rankable]
    if without:
        logger.warning(f"{unlabelled.dataset}: {unrankable(unlabelled, without)}: what is trained there has no rows")
