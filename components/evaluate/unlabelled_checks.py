"""Label-free checks of each method: the numbers by which train_gan selects a checkpoint, on a bounded sample."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from simpgan.components.core.data.image_tensors import iterate_batches, to_unit_range
from simpgan.components.core.data.suitability import refuse_single_image
from simpgan.components.core.models.camera_statistics import CameraInference, CameraStatistics
from simpgan.components.core.models.classifier import SiameseClassifier
from simpgan.components.core.models.extraction import PreparedImages, batches_by_camera
from simpgan.components.core.models.model_folder import load_network
from simpgan.components.core.models.precision import Inference
from simpgan.components.core.models.translator import load_translator
from simpgan.components.core.models.unlabelled_score import (
    BATCH,
    ReferenceFeatures,
    draw_sample,
    run_batches,
    selection_score,
)
from simpgan.components.core.results.methods import SELF_TRAINING
from simpgan.components.core.results.unlabelled_checks import Checks, Measures, Sample
from simpgan.components.core.training.device import choose_device
from simpgan.components.evaluate.data_sets import LabelledSource, Target, TargetSplit
from simpgan.components.evaluate.settings import EvaluateSettings
from simpgan.components.evaluate.views import View


class LabelFreeChecks:
    """Measures views of the target on a sample of the source's and of the target's training images.

    Every classifier is its own judge: its features of a view are compared with its features of the images as recorded.

    Args:
        source: the source's training images.
        target: the target.
        split: the split whose images are sampled.
        settings: settings of the stage.

    Raises:
        UserError: a domain has a single image.
    """

    def __init__(self, source: LabelledSource, target: Target, split: TargetSplit, settings: EvaluateSettings) -> None:
        rows = target.training_images(split)
        refuse_single_image("source", len(source.rows))
        refuse_single_image("target", len(rows))
        generator = torch.Generator().manual_seed(settings.seed)
        self.source_rows, self.target_rows = (
            np.sort(draw_sample(torch.from_numpy(each), generator).numpy()) for each in (source.rows, rows)
        )
        self.source, self.target, self.split, self.settings = source, target, split, settings
        self.methods: dict[str, Measures] = {}
        self._references: dict[Path | None, ReferenceFeatures] = {}
        self._cycles: dict[Path, float] = {}
        self._precisions: set[str] = set()

    def measure(
        self, view: View, classifier: SiameseClassifier, statistics: CameraStatistics | None, label: str
    ) -> None:
        """Add the checks of a view.

        Nothing is added for a classifier that was trained on the translated source: it does not know the source's
        images as recorded, so there is no reference. One that was trained on the target's images has no entropy: its
        features no longer fit the source's identities.

        Args:
            view: the images to check.
            classifier: the view's classifier with its own batch-norm statistics, which makes the reference.
            statistics: the statistics with which it looks at the view; None: its own.
            label: the name of the checks: method and variant.
        """
        if view.classifier and not view.changed and view.run.method != SELF_TRAINING:
            return
        if view.classifier not in self._references:
            recorded = PreparedImages(self.target.manifest, self.target.data_root)
            source, target = (
                self.features(CameraInference(classifier, self.settings.precision), images, rows)
                for images, rows in ((self.source.images, self.source_rows), (recorded, self.target_rows))
            )
            self._references[view.classifier] = ReferenceFeatures(source, target)
        looking = CameraInference(classifier, self.settings.precision, statistics)
        features = self.features(looking, view.images, self.target_rows)
        with torch.no_grad():
            logits = classifier.identity_logits(features)
        measures = self._references[view.classifier].measure(features, logits)
        cycle = self.cycle(view, view.translator) if view.translator else None
        name = f"{label} seed {view.run.seed}" if label in self.methods else label
        found = Measures(**measures, score=selection_score(measures), cycle_target=cycle)
        forgotten = {"entropy": None} if view.run.method == SELF_TRAINING else {}
        self.methods[name] = found.model_copy(update=forgotten)

    def features(self, looking: CameraInference, images: PreparedImages, rows: np.ndarray) -> Tensor:
        """Return the classifier's features [N, D] of images, without their mirror images."""
        features = torch.empty(len(rows), looking.network.dimensions, device=looking.network.mean.device)
        for network, places, some in batches_by_camera(looking, images, rows, BATCH):
            features[places] = network(some)
        self._precisions.add(looking.precision)
        return features

    def cycle(self, view: View, translator: Path) -> float:
        """Return the mean of |G(F(T)) - T| over the view's translations."""
        if translator not in self._cycles:
            g, _ = load_translator(translator)
            load_network(translator, "g", g)
            g = g.to(choose_device()).eval()
            size = (g.config.height, g.config.width)

            def images(manifest_of: PreparedImages) -> Iterable[Tensor]:
                rows = self.target_rows
                for batch in iterate_batches(manifest_of.data_root, manifest_of.manifest, rows, *size, BATCH):
                    yield to_unit_range(batch.to(choose_device()))

            back = run_batches(Inference(g, self.settings.precision), images(view.images))
            recorded = torch.cat(list(images(PreparedImages(self.target.manifest, self.target.data_root))))
            self._cycles[translator] = (back - recorded).abs().mean().item()
        return self._cycles[translator]

    def result(self, classifier: str) -> Checks:
        """Return all checks; `classifier` is the digest of the source's classifier."""
        looked_at = Sample(
            protocol=self.split.protocol,
            fold=self.split.fold,
            seed=self.settings.seed,
            source=len(self.source_rows),
            target=len(self.target_rows),
        )
        return Checks(
            target=self.target.manifest.digest,
            classifier=classifier,
            precision=" and ".join(sorted(self._precisions)),
            sample=looked_at,
            methods=self.methods,
        )
