"""A step of the training on clusters, the clustering between epochs, and all state that they change."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from simpgan.components.core.data.augment import erase, flip, shift
from simpgan.components.core.data.image_tensors import send, to_unit_range
from simpgan.components.core.data.suitability import FEWEST_CLUSTERS
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import SiameseClassifier
from simpgan.components.core.models.extraction import DecodedImages
from simpgan.components.core.models.precision import training_outcome
from simpgan.components.core.tracking import StageRun
from simpgan.components.core.training.averaging import update_ema
from simpgan.components.core.training.device import autocast, seed_step
from simpgan.components.core.training.distributed import (
    gather,
    is_first,
    own_share,
    parallel,
    process_count,
    tensor_from_first,
)
from simpgan.components.core.training.loop import Updates, restore_optimizer
from simpgan.components.self_train.batches import ClusterSampler
from simpgan.components.self_train.clustering import Clustering, cluster, cluster_centres, described
from simpgan.components.self_train.epochs import EpochSelector
from simpgan.components.self_train.losses import CentreMemory, ContrastiveLoss
from simpgan.components.self_train.observation import Observer
from simpgan.components.self_train.pictures import cluster_grid
from simpgan.components.self_train.settings import SelfTrainSettings


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images of the source, and the person of each.

    Attributes:
        images: the images, in the classifier's size, on the device of training.
        labels: [N] int64, from 0, every person with an image.
    """

    images: DecodedImages
    labels: NDArray[np.int64]


class SelfTrainer:
    """Trains a classifier on clusters of unlabelled images, which it makes anew after every epoch.

    Args:
        classifier: network on the device of training, with the weights to start from.
        target: the unlabelled images, on the same device.
        source: labelled images to learn from as well; None: the target's alone.
        settings: settings of the stage.
        run: gets measures and pictures of the clusters.

    Attributes:
        result: the network whose features make the clusters: a copy of the classifier, or its average over steps.
        selector: keeps the best epoch.
    """

    def __init__(
        self,
        classifier: SiameseClassifier,
        target: DecodedImages,
        source: LabelledImages | None,
        settings: SelfTrainSettings,
        run: StageRun,
    ) -> None:
        self.classifier, self.target, self.source = classifier, target, source
        self.settings, self.run, self.device = settings, run, target.decoded.device
        self.steps = settings.epochs * settings.batches
        self.per_set = settings.identities * settings.images_per_identity
        self.images_per_step = self.per_set * (2 if source else 1)
        self.cameras = cameras_of(target)
        for head in (classifier.identity_head, classifier.verification_head):
            head.requires_grad_(False)  # the loss does not need them
        self.result = deepcopy(classifier).freeze()
        trained = [parameter for parameter in classifier.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(trained, settings.rate, weight_decay=settings.weight_decay, fused=True)
        self.updates = Updates()
        if process_count() > 1 and self.device.type == "cuda":
            classifier.backbone = nn.SyncBatchNorm.convert_sync_batchnorm(classifier.backbone)
            classifier.neck = nn.SyncBatchNorm.convert_sync_batchnorm(classifier.neck)
        share = len(range(self.per_set)[own_share(self.per_set)])
        example = to_unit_range(target.decoded[torch.arange(share, device=self.device) % len(target.decoded)])
        self.outcome = training_outcome(settings.precision, [(classifier, example)])
        self.memory = CentreMemory(torch.empty(0, classifier.dimensions, device=self.device), settings.momentum)
        self.losses = parallel(ContrastiveLoss(classifier, self.memory, settings.temperature))
        self.observer = Observer(settings.batch, settings.precision, settings.seed)
        self.selector = EpochSelector(self.result, settings, run)
        self.clusters: ClusterSampler | None = None
        self.people: ClusterSampler | None = None
        if source:
            self.people = ClusterSampler(source.labels, cameras_of(source.images))

    @property
    def ended(self) -> bool:
        """Tell whether the clusters have collapsed."""
        return self.selector.collapsed

    def step(self, step: int) -> Mapping[str, Tensor]:
        """Update the network and the centres by one batch; cluster the images before the first and after each epoch."""
        settings = self.settings
        if step == 0:
            self.begin()
        generator = seed_step(settings.seed, step)
        batches = self.draw(generator)
        rate = settings.rate * 0.1 ** (step // settings.batches // settings.step_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.classifier.train()
        shares = [
            (name, images[own_share(len(images))], send(labels[own_share(len(labels))], self.device))
            for name, images, labels in batches
        ]
        with autocast(self.device, self.outcome.precision):
            values, features = self.losses(shares)
        loss = torch.stack([values[f"loss/{name}"] for name, _, _ in batches]).sum()
        norm = self.updates.make(self.optimizer, loss)
        if settings.average_decay:
            update_ema(self.result, self.classifier, settings.average_decay, step)
        for (_, _, labels), own in zip(batches, features, strict=True):
            self.memory.move(gather(own).flatten(0, 1), labels)
        if (step + 1) % settings.batches == 0:
            self.finish_epoch(step)
        recorded = {"loss/all": loss, "gradient/all": norm} | values
        return {name: value.detach() for name, value in recorded.items()} | {
            "train/learning_rate": torch.full((), rate, device=self.device)
        }

    def draw(self, generator: torch.Generator) -> list[tuple[str, Tensor, Tensor]]:
        """Draw the joint batch of each data set: its name, images [N, 3, H, W] and the places of their centres [N]."""
        settings = self.settings
        assert self.clusters
        size = settings.identities, settings.images_per_identity
        rows = self.clusters.draw(*size, generator)
        batches = [("target", self.augmented(self.target, rows, generator), self.clusters.labels[rows])]
        if self.source and self.people:
            rows = self.people.draw(*size, generator)
            places = self.people.labels[rows] + len(self.clusters.members)
            batches.append(("source", self.augmented(self.source.images, rows, generator), places))
        return batches

    def augmented(self, images: DecodedImages, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return some of the images with random augmentation: [N, 3, H, W] in [-1, 1]."""
        chosen = flip(to_unit_range(images.decoded[send(rows, self.device)]), generator)
        return erase(shift(chosen, self.settings.crop_padding, generator), self.settings.erasing, generator)

    def begin(self) -> None:
        """Find the first clusters.

        Raises:
            UserError: there are too few.
        """
        found = self.cluster("epoch 0")
        self.selector.start(found)
        if found.count < FEWEST_CLUSTERS:
            raise UserError(
                f"{self.target.manifest.dataset}: the classifier's features make {clusters(found.count)} of "
                f"{len(found.labels):,} images, too few to learn from ({FEWEST_CLUSTERS} are needed): start from a "
                "classifier of more similar images, or lower self_train.min_samples or k1 if each person has few images"
            )
        people = self.centres_of_source() if self.source else torch.empty(0, self.classifier.dimensions)
        self.remember(found, people)

    def finish_epoch(self, step: int) -> None:
        """Find the clusters after an epoch, and keep the network if it is the best one so far."""
        found = self.cluster(f"epoch {(step + 1) // self.settings.batches}")
        self.selector.consider(found, step)
        if not self.ended:
            assert self.clusters
            self.remember(found, self.memory.centres[len(self.clusters.members) :])

    def cluster(self, label: str) -> Clustering:
        """Cluster the target by the features of the network as it is now, or of its average."""
        settings = self.settings
        if not settings.average_decay:
            self.result.load_state_dict(self.classifier.state_dict())
            for statistics in self.result.buffers():
                # Each process has seen its own shares of the batches; a checkpoint holds the first one's statistics.
                statistics.copy_(tensor_from_first(statistics))
        features = self.observer.features(self.result, self.target, label)
        labels = torch.zeros(len(features), dtype=torch.int64)
        if is_first():
            parts = {name: getattr(settings, name) for name in ("k1", "k2", "eps", "min_samples")}
            labels = torch.from_numpy(cluster(features, **parts))
        return described(features, tensor_from_first(labels).numpy())

    def centres_of_source(self) -> Tensor:
        """Return the mean feature of each person of the source: [people, D] of length 1."""
        assert self.source
        features = self.observer.features(self.result, self.source.images, "source")
        return cluster_centres(features, self.source.labels)

    def remember(self, found: Clustering, people: Tensor) -> None:
        """Make clusters the labels of the next epoch, and their centres and those of the source's people the memory."""
        self.clusters = ClusterSampler(found.labels, self.cameras)
        self.memory.centres = torch.cat([found.centres, people.to(self.device)])

    def state(self) -> Mapping[str, Any]:
        """Return everything that later steps depend on."""
        return {
            "classifier": self.classifier.state_dict(),
            "average": self.result.state_dict() if self.settings.average_decay else {},
            "optimizer": self.optimizer.state_dict(),
            "labels": self.clusters.labels if self.clusters else None,
            "centres": self.memory.centres,
            "selection": self.selector.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned."""
        self.classifier.load_state_dict(state["classifier"])
        if self.settings.average_decay:
            self.result.load_state_dict(state["average"])
        restore_optimizer(self.optimizer, state["optimizer"])
        self.clusters = ClusterSampler(state["labels"].numpy(), self.cameras)
        self.memory.centres = state["centres"].to(self.device)
        self.selector.restore(state["selection"])

    def show(self, done: int) -> None:
        """Record crops of some clusters after each epoch."""
        if done and done % self.settings.batches == 0 and self.clusters:
            self.run.log_image("clusters", cluster_grid(self.target.decoded, self.clusters.labels.numpy()), step=done)


def cameras_of(images: DecodedImages) -> NDArray[np.int64]:
    """Return a number for the camera of each image: [N], -1 if it is unknown."""
    return pd.factorize(images.manifest.shown("camera").iloc[images.rows])[0]


def clusters(count: int) -> str:
    """Return a number of clusters in words."""
    return f"{count} cluster{'' if count == 1 else 's'}"
