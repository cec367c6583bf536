"""Objectives as modules: `forward` returns the losses of a batch, and the parameters learn from them.

All images of a batch go through a network together. Networks that only judge are kept in tuples, so that they are no
parameters of a module and processes exchange no gradients for them.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from simpgan.components.core.models.classifier import SiameseClassifier
from simpgan.components.core.models.translator import Discriminator, Generator
from simpgan.components.train_gan import losses
from simpgan.components.train_gan.batches import Batch
from simpgan.components.train_gan.batchnorm_alignment import BatchNormAlignment
from simpgan.components.train_gan.settings import TrainGanSettings


class Translated(NamedTuple):
    """Images that the generators made, and their losses.

    Attributes:
        fake_source: F(I_T).
        fake_target: G(I_S).
        rebuilt_source: F(G(I_S)); None if no loss needs it.
        parts: parts of L_gen by name, not weighted.
    """

    fake_source: Tensor
    fake_target: Tensor
    rebuilt_source: Tensor | None
    parts: dict[str, Tensor]


class GeneratorObjective(nn.Module):
    """Parts of L_gen (Eq. 11) that have a weight in the settings.

    A frozen classifier judges the similarity with batch normalisation folded into its convolutions.
    """

    def __init__(
        self,
        g: Generator,
        f: Generator,
        discriminators: tuple[Discriminator, Discriminator],
        classifier: SiameseClassifier,
        settings: TrainGanSettings,
    ) -> None:
        super().__init__()
        self.g, self.f = g, f
        self.judges = (*discriminators, classifier if settings.classifier_rate else classifier.folded())
        self.alignment = BatchNormAlignment(classifier)
        self.used = settings.loss_weights(step=0).keys()

    def forward(self, batch: Batch) -> Translated:
        """Translate a batch and return the parts of L_gen; the judges get no gradients."""
        d_source, d_target, classifier = self.judges
        for judge in self.judges:
            judge.requires_grad_(False)
        fake_target, fake_source = self.g(batch.source), self.f(batch.target)
        rebuilt_source = None
        parts = {
            "adversarial_g": losses.generator_adversarial(d_target(fake_target)),
            "adversarial_f": losses.generator_adversarial(d_source(fake_source)),
        }
        if "cycle" in self.used:
            rebuilt_source, rebuilt_target = self.f(fake_target), self.g(fake_source)
            parts["cycle"] = losses.cycle_consistency(rebuilt_source, batch.source) + losses.cycle_consistency(
                rebuilt_target, batch.target
            )
            if "similarity" in self.used:
                parts["similarity"] = losses.similarity(classifier, rebuilt_source, batch.same)
        if "fitness" in self.used:
            parts["fitness"] = self.alignment.loss(fake_source)
        if "identity" in self.used:
            parts["identity"] = losses.cycle_consistency(self.f(batch.source), batch.source) + losses.cycle_consistency(
                self.g(batch.target), batch.target
            )
        return Translated(fake_source, fake_target, rebuilt_source, parts)


def generator_loss(parts: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Return L_gen (Eq. 11), a scalar: L_G + L_F + lambda1 L_cycle + lambda2 L_sim.

    If they are used, `lambda_fitness` and `lambda_identity` each add a part.

    Args:
        parts: losses by name, as `GeneratorObjective` returns them.
        weights: weight of each part, from `TrainGanSettings.loss_weights`.
    """
    return torch.stack([weights[name] * part for name, part in parts.items()]).sum()


class DiscriminatorObjective(nn.Module):
    """L_dis (Eq. 12) and its parts."""

    def __init__(self, d_source: Discriminator, d_target: Discriminator, factor: float) -> None:
        super().__init__()
        self.d_source, self.d_target, self.factor = d_source, d_target, factor

    def forward(self, fake_source: Tensor, fake_target: Tensor, source: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return L_dis and its parts by name; fakes and reals go through a discriminator together."""
        self.requires_grad_(True)
        of_source = losses.discriminator_adversarial(*self.d_source(torch.cat([fake_source, source])).chunk(2))
        of_target = losses.discriminator_adversarial(*self.d_target(torch.cat([fake_target, target])).chunk(2))
        return {
            "loss/discriminator_source": of_source,
            "loss/discriminator_target": of_target,
            "loss/discriminators": self.factor * (of_source + of_target),
        }


class ClassifierObjective(nn.Module):
    """L_all (Eq. 5) of source pairs and of their reconstructions, by which the classifier follows the generators.

    Batch-norm statistics and dropout stay as in the frozen classifier: other losses compare with the statistics, and
    the similarity loss has to judge every step alike.
    """

    def __init__(self, classifier: SiameseClassifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, batch: Batch, rebuilt_source: Tensor) -> dict[str, Tensor]:
        """Return L_all and its parts by name, means over source pairs and reconstructions."""
        self.requires_grad_(True)
        embedding = self.classifier(torch.cat([batch.source, rebuilt_source.to(batch.source.dtype)]))
        logits = self.classifier.identity_logits(embedding).float()
        # As in pretrain: Eq. 4 sums over the two images of a pair, Eq. 2 has one term per pair.
        identification = 2 * functional.cross_entropy(logits, batch.identity.repeat(2))
        verification = torch.stack(
            [losses.verification(self.classifier, pairs, batch.same) for pairs in embedding.chunk(2)]
        ).mean()
        return {
            "loss/classifier_identification": identification,
            "loss/classifier_verification": verification,
            "loss/classifier": identification + verification,
        }
