"""The training step of the siamese classifier (paper 4.2)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from simpgan.components.core.data.augment import erase, flip, grey, jitter, shift
from simpgan.components.core.data.image_tensors import send, to_unit_range
from simpgan.components.core.data.pairs import PairSampler, pairs_within
from simpgan.components.core.models.classifier import SiameseClassifier
from simpgan.components.core.models.precision import training_outcome
from simpgan.components.core.training.device import autocast, seed_step
from simpgan.components.core.training.distributed import own_share, parallel, process_count
from simpgan.components.core.training.loop import Updates, restore_optimizer
from simpgan.components.pretrain.losses import ClassifierLosses
from simpgan.components.pretrain.schedule import positive_share, rate_factor
from simpgan.components.pretrain.settings import PretrainSettings


class PairBatch(NamedTuple):
    """Images of a joint batch, and the pairs among them.

    Attributes:
        rows: [N], rows of the training images.
        first: [M], place in the batch of each pair's first image.
        second: [M], place in the batch of each pair's second image.
    """

    rows: Tensor
    first: Tensor
    second: Tensor


class PretrainTrainer:
    """Trains the classifier.

    Args:
        classifier: network on the device of training.
        images: uint8 [N, 3, H, W] on the same device.
        sampler: labels of the images.
        settings: settings of the stage.
    """

    def __init__(
        self, classifier: SiameseClassifier, images: Tensor, sampler: PairSampler, settings: PretrainSettings
    ) -> None:
        self.classifier = classifier.train()
        self.images = images
        self.sampler = sampler
        self.settings = settings
        self.device = images.device
        in_epoch = 2 * settings.pairs if settings.images_per_identity else settings.pairs
        self.steps_per_epoch = max(1, len(images) // in_epoch)
        self.identity_steps = settings.identity_epochs * max(1, len(images) // settings.identity_batch)
        self.steps = self.identity_steps + settings.epochs * self.steps_per_epoch
        self.images_per_step = 2 * settings.pairs
        self.ended = False
        self.optimizer = build_optimizer(classifier, settings)
        self.updates = Updates()
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        if process_count() > 1 and self.device.type == "cuda":
            classifier.backbone = nn.SyncBatchNorm.convert_sync_batchnorm(classifier.backbone)
        self.outcome = training_outcome(settings.precision, [(classifier, self.example(size)) for size in self.sizes()])
        self.losses = parallel(ClassifierLosses(classifier, settings))

    def step(self, step: int) -> Mapping[str, Tensor]:
        """Update the classifier by one batch, whose images go through the network together."""
        settings = self.settings
        generator = seed_step(settings.seed, step)
        batch = self.draw(step, generator)
        self.images_per_step = len(batch.rows)
        share = own_share(len(batch.rows))
        images = self.augmented(batch.rows, generator)[share]
        identity, first, second = (
            send(part, self.device) for part in (self.sampler.labels[batch.rows], batch.first, batch.second)
        )
        rates = self.rates_at(step)
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        with autocast(self.device, self.outcome.precision):
            parts = self.losses(images, identity, first, second)
        loss = self.total_loss(step, parts)
        norm = self.updates.make(self.optimizer, loss)
        recorded = {"loss/all": loss, "gradient/all": norm} | parts
        return {name: value.detach() for name, value in recorded.items()} | {
            "train/learning_rate": torch.full((), rates[0], device=self.device)
        }

    def sizes(self) -> list[int]:
        """Return the sizes of this process's batches, in images."""
        joint = [2 * self.settings.pairs, *([self.settings.identity_batch] if self.identity_steps else [])]
        return [len(range(size)[own_share(size)]) for size in joint]

    def example(self, size: int) -> Tensor:
        """Return some training images [size, 3, H, W] in [-1, 1]."""
        return to_unit_range(self.images[torch.arange(size, device=self.device) % len(self.images)])

    def draw(self, step: int, generator: torch.Generator) -> PairBatch:
        """Draw the joint batch of a step.

        In the stage of the identity loss, images come in random order, and the halves of a batch make pairs that are
        not learned from. Later each image in turn begins a pair, or batches are identity-balanced and contain their
        pairs.
        """
        settings = self.settings
        if step < self.identity_steps:
            rows = self.next_images(step, settings.identity_batch, 0)
            half = len(rows) // 2
            return PairBatch(rows, torch.arange(half), torch.arange(half) + half)
        step -= self.identity_steps
        share = positive_share(step / self.steps_per_epoch, settings)
        if settings.images_per_identity:
            rows = self.sampler.balanced(settings.identities, settings.images_per_identity, generator)
            return PairBatch(rows, *pairs_within(self.sampler.labels[rows], share, generator))
        first = self.next_images(step, settings.pairs, settings.identity_epochs)
        second, _ = self.sampler.partners(first, share, generator)
        return PairBatch(torch.cat([first, second]), torch.arange(len(first)), torch.arange(len(first)) + len(first))

    def next_images(self, step: int, size: int, epochs_before: int) -> Tensor:
        """Return the next images [size] in the epoch's random order."""
        epoch, position = divmod(step, max(1, len(self.images) // size))
        seed = self.settings.seed * 1_000_003 + epochs_before + epoch
        order = self.sampler.epoch(torch.Generator().manual_seed(seed))
        return order[position * size : (position + 1) * size]

    def augmented(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return the images of a joint batch with random augmentation: [N, 3, H, W] in [-1, 1]."""
        settings = self.settings
        images = flip(to_unit_range(self.images[send(rows, self.device)]), generator)
        images = jitter(shift(images, settings.crop_padding, generator), settings.jitter, generator)
        return erase(grey(images, settings.grey, generator), settings.erasing, generator)

    def rates_at(self, step: int) -> list[float]:
        """Return the learning rate of each group of parameters at a step."""
        if step < self.identity_steps:
            return [self.settings.identity_stage_rate] * len(self.rates)
        factor = rate_factor((step - self.identity_steps) / self.steps_per_epoch, self.settings)
        return [rate * factor for rate in self.rates]

    def total_loss(self, step: int, parts: Mapping[str, Tensor]) -> Tensor:
        """Return L_all (Eq. 5), a scalar, with the triplet loss if it has a weight."""
        settings = self.settings
        if step < self.identity_steps:
            # Images come one by one here: the mean over images is half of the sum over a pair. The zero gives every
            # parameter a gradient, which a training in several processes needs.
            return parts["loss/identification"] / 2 + 0 * parts["loss/verification"]
        loss = settings.identity_weight * parts["loss/identification"]
        loss = loss + settings.verification_weight * parts["loss/verification"]
        return loss + settings.triplet_weight * parts["loss/triplet"] if settings.triplet_weight else loss

    def state(self) -> Mapping[str, Any]:
        """Return everything that later steps depend on."""
        return {"classifier": self.classifier.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned."""
        self.classifier.load_state_dict(state["classifier"])
        restore_optimizer(self.optimizer, state["optimizer"])

    def show(self, done: int) -> None:
        """Record nothing: a classifier's training has no pictures."""


def build_optimizer(classifier: SiameseClassifier, settings: PretrainSettings) -> torch.optim.Optimizer:
    """Build the optimiser, with one learning rate for the backbone and one for each head."""
    heads: list[tuple[nn.Module, float]] = [
        (classifier.backbone, settings.backbone_rate),
        (classifier.neck, settings.identity_rate),
        (classifier.identity_head, settings.identity_rate),
        (classifier.verification_head, settings.verification_rate),
    ]
    groups = [{"params": list(part.parameters()), "lr": rate} for part, rate in heads if list(part.parameters())]
    if settings.optimizer == "adam":
        return torch.optim.Adam(groups, weight_decay=settings.weight_decay, fused=True)
    return torch.optim.SGD(groups, momentum=0.9, nesterov=True, weight_decay=settings.weight_decay, fused=True)
