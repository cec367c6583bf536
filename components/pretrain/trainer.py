"""The training step of the siamese classifier (paper Eq. 1 to 5)."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from components.core.data.augment import flip, shift
from components.core.data.decoded import to_unit_range
from components.core.data.pairs import PairSampler
from components.core.models.classifier import SiameseClassifier
from components.core.runtime.device import autocast, seed_step
from components.core.runtime.training import restore_optimizer
from components.pretrain.settings import PretrainSettings


class PretrainTrainer:
    """State of the classifier's training on `images` uint8 [N, 3, H, W], whose labels the `sampler` holds."""

    def __init__(
        self, classifier: SiameseClassifier, images: Tensor, sampler: PairSampler, settings: PretrainSettings
    ) -> None:
        self.classifier = classifier.train()
        self.images = images
        self.sampler = sampler
        self.settings = settings
        self.device = images.device
        self.images_per_step = 2 * settings.pairs
        self.steps_per_epoch = max(1, len(images) // settings.pairs)
        self.optimizer = build_optimizer(classifier, settings)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]

    def step(self, step: int) -> Mapping[str, Tensor]:
        """One batch of pairs: both images of all pairs go through the network together."""
        settings = self.settings
        generator = seed_step(settings.seed, step)
        epoch = step / self.steps_per_epoch
        first = self.first_of_pairs(step)
        second, same = self.sampler.partners(first, positive_share(epoch, settings), generator)
        chosen = torch.cat([first, second])
        identity, same = self.sampler.labels[chosen].to(self.device), same.to(self.device)
        batch = to_unit_range(self.images[chosen.to(self.device)])
        batch = shift(flip(batch, generator), settings.crop_padding, generator)

        factor = rate_factor(epoch, settings)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        with autocast(self.device, settings.precision):
            embedding = self.classifier(batch)
            logits = self.classifier.identity_logits(embedding).float()
            match = self.classifier.verification_logit(*embedding.chunk(2)).float()
        # Eq. 4 sums over the two images of a pair, Eq. 2 is one term a pair; both are means over the pairs.
        identification = 2 * functional.cross_entropy(logits, identity, label_smoothing=settings.label_smoothing)
        verification = functional.binary_cross_entropy_with_logits(match, same)
        loss = settings.identity_weight * identification + settings.verification_weight * verification
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return {
            "loss/all": loss.detach(),
            "loss/identification": identification.detach(),
            "loss/verification": verification.detach(),
            "train/identity_accuracy": (logits.argmax(1) == identity).float().mean(),
            "train/learning_rate": torch.tensor(self.rates[0] * factor, device=self.device),
        }

    def first_of_pairs(self, step: int) -> Tensor:
        """The next images [pairs] of the epoch's random order."""
        epoch, position = divmod(step, self.steps_per_epoch)
        order = self.sampler.epoch(torch.Generator().manual_seed(self.settings.seed * 1_000_003 + epoch))
        return order[position * self.settings.pairs : (position + 1) * self.settings.pairs]

    def state(self) -> Mapping[str, Any]:
        return {"classifier": self.classifier.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.classifier.load_state_dict(state["classifier"])
        restore_optimizer(self.optimizer, state["optimizer"])

    def show(self, step: int) -> None:
        """A classifier's training has no pictures."""


def build_optimizer(classifier: SiameseClassifier, settings: PretrainSettings) -> torch.optim.Optimizer:
    """The optimiser, with a learning rate for the backbone and one for each head."""
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


def positive_share(epoch: float, settings: PretrainSettings) -> float:
    """Share of positive pairs, one half at first and falling (Zheng et al. 2016)."""
    return 1 / min(1 + settings.max_negatives, 2 * settings.negatives_growth ** int(epoch))


def rate_factor(epoch: float, settings: PretrainSettings) -> float:
    """What the learning rates are multiplied with at `epoch` (fractions count)."""
    warmup = min(1.0, (epoch + 1e-3) / settings.warmup_epochs) if settings.warmup_epochs else 1.0
    if settings.schedule == "step":
        return warmup * (0.1 if epoch >= settings.step_epoch else 1.0)
    return warmup * (1 + math.cos(math.pi * epoch / settings.epochs)) / 2
