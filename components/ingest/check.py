"""Stop before the first training for every reason that two manifests and the settings tell."""

import logging
from pathlib import Path

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.suitability import Experiment, rankable_splits, refuse_impossible, unrankable

logger = logging.getLogger(__name__)


def run(source: Path, target: Path, asked: Experiment) -> None:
    """Check that what is asked for can be trained and measured on the manifests at `source` and `target`.

    Says which of the trainings will have no rank, which is no reason to stop.

    Raises:
        UserError: a stage of the experiment would stop.
    """
    unlabelled = Manifest.load(target)
    refuse_impossible(Manifest.load(source), unlabelled, asked)
    trained = sorted({*asked.translations, *asked.umdl})
    rankable = rankable_splits(unlabelled, trained)
    without = [split for split in trained if split not in rankable]
    if without:
        logger.warning(f"{unlabelled.dataset}: {unrankable(unlabelled, without)}: what is trained there has no rows")
