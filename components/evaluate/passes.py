"""The passes of a view's images through a classifier, each with other batch-norm statistics."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simpgan.components.core.models.camera_statistics import CameraStatistics
from simpgan.components.core.models.classifier import SiameseClassifier
from simpgan.components.core.models.extraction import Extracted, measure_statistics
from simpgan.components.core.models.whitening import Whitening
from simpgan.components.core.results.methods import ADABN, CAMERA_ADABN
from simpgan.components.evaluate.data_sets import Target, TargetSplit
from simpgan.components.evaluate.settings import EvaluateSettings
from simpgan.components.evaluate.views import View


@dataclass(frozen=True, eq=False)
class Pass:
    """A pass of a view's images through a classifier, with the same batch-norm statistics.

    Attributes:
        part: part of the method's name; empty for the classifier's own statistics.
        splits: splits whose images are seen.
        rows: rising rows of the images.
        unlabelled: rising rows of those by which features are whitened; None: they are not whitened.
    """

    part: str
    splits: tuple[TargetSplit, ...]
    rows: NDArray[np.int64]
    unlabelled: NDArray[np.int64] | None = None

    def whitened(self, features: Extracted) -> Extracted:
        """Return features of this pass, whitened."""
        assert self.unlabelled is not None, "there is nothing to whiten features by"
        whitening = Whitening.of(features.select(self.unlabelled).unit)
        return Extracted(features.rows, whitening(features.unit), precision=features.precision)


def passes_by_images(
    target: Target, view: View, settings: EvaluateSettings
) -> Iterator[tuple[NDArray[np.int64] | None, list[Pass]]]:
    """Yield the passes of a view's images, with the rows of the unlabelled images whose statistics they need.

    The first one needs none. With AdaBN, and with AdaBN per camera, there are more for each group of splits that share
    their unlabelled training images.
    """
    yield None, [Pass("", view.splits, target.searched(view.splits))]
    if not (settings.adabn or settings.camera_adabn):
        return
    for unlabelled, splits in target.by_unlabelled_images(view.splits, at_least=2):
        searched = target.searched(splits)
        passes = [Pass(ADABN, splits, searched)] if settings.adabn else []
        if settings.camera_adabn and settings.whiten and target.labelled:
            passes.append(Pass(CAMERA_ADABN, splits, np.union1d(searched, unlabelled), unlabelled))
        elif settings.camera_adabn:
            passes.append(Pass(CAMERA_ADABN, splits, searched))
        yield unlabelled, passes


def passes_with_statistics(
    target: Target, view: View, classifier: SiameseClassifier, settings: EvaluateSettings
) -> Iterator[tuple[Pass, CameraStatistics | None]]:
    """Yield the passes of a view's images, each with its statistics; None: the classifier's own."""
    for unlabelled, passes in passes_by_images(target, view, settings):
        if unlabelled is None:
            yield from ((seen, None) for seen in passes)
            continue
        measured = measure_statistics(
            classifier,
            view.images,
            unlabelled,
            **settings.extraction,
            seed=settings.seed,
            by_camera=settings.camera_adabn,
        )
        for seen in passes:
            yield seen, measured.of_whole_set if seen.part == ADABN else measured
