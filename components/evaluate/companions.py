"""The companions of the evaluated classifier, whose features are joined with its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.overlap import refuse_shared_people
from simpgan.components.core.data.suitability import labelled_images
from simpgan.components.core.models.classifier import SiameseClassifier, load_classifier
from simpgan.components.core.models.companions import refuse_unfit, sources_of, variant_of
from simpgan.components.core.models.extraction import PreparedImages
from simpgan.components.core.models.unlabelled_score import selection_score
from simpgan.components.core.results.unlabelled_checks import Measures
from simpgan.components.core.training.device import choose_device
from simpgan.components.evaluate.data_sets import LabelledSource
from simpgan.components.evaluate.settings import EvaluateSettings

MEASURES = ("frechet", "neighbours", "entropy")


@dataclass(frozen=True, eq=False)
class Companion:
    """A classifier whose features are joined with those of the evaluated one.

    Attributes:
        network: the classifier, in evaluation mode.
        source: images that it was trained on.
        settings: settings of its training.
    """

    network: SiameseClassifier
    source: LabelledSource
    settings: dict[str, Any]


@dataclass(frozen=True)
class Companions:
    """The classifiers whose features are joined with those of the evaluated one.

    Attributes:
        members: the classifiers; none: nothing is joined.
        variant: names their sources in the results.
    """

    members: tuple[Companion, ...] = ()
    variant: str = ""

    @property
    def details(self) -> dict[str, dict[str, Any]]:
        """Return the settings of each companion's training, by a title."""
        return {
            f"pretrain, companion {place} on {each.source.images.manifest.dataset}": each.settings
            for place, each in enumerate(self.members, start=1)
        }

    @classmethod
    def load(
        cls,
        classifier: Path,
        companions: Sequence[Path],
        sources: Sequence[Path],
        target: Manifest,
        settings: EvaluateSettings,
        data_root: str,
    ) -> "Companions":
        """Load companions.

        Args:
            classifier: model folder of the evaluated classifier.
            companions: model folders.
            sources: folders of the manifests that they were trained on, in any order.
            target: manifest of the target.
            settings: settings of the stage.
            data_root: folder or `s3://` prefix that holds the shards.

        Raises:
            UserError: features cannot be joined, a manifest is missing, or a companion knows people of the target.
        """
        if not companions and not sources:
            return cls()
        refuse_unfit(classifier, companions)
        members = []
        for folder, source in zip(companions, sources_of(companions, sources), strict=True):
            labelled = Manifest.load(source)
            refuse_shared_people(labelled, target, settings.allow_shared_people)
            network, config = load_classifier(folder)
            rows = labelled_images(labelled, config["protocol"])
            trained_on = LabelledSource(PreparedImages(labelled, data_root), rows)
            members.append(Companion(network.to(choose_device()).eval(), trained_on, config["settings"]))
        return cls(tuple(members), variant_of(companions))


def mean_of(measures: Sequence[Measures]) -> Measures:
    """Return the means of the label-free checks of several classifiers, each measured against its own source."""
    means = {name: float(np.mean([getattr(each, name) for each in measures])) for name in MEASURES}
    return Measures(**means, score=selection_score(means))
