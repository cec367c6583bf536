"""SimPGAN's step as the paper writes it: each image by itself, nothing shared, every gradient computed.

The reference for the trainer's step, and what the benchmark compares it with.
"""

import torch
from torch import Tensor
from torch.nn import functional

from simpgan.components.train_gan.batches import Batch
from simpgan.components.train_gan.trainer import GanTrainer


def verification_loss(trainer: GanTrainer, first: Tensor, second: Tensor, same: Tensor) -> Tensor:
    """Eq. 2 of one pair of images."""
    difference = (trainer.classifier(first[None]) - trainer.classifier(second[None])).square()
    head = trainer.classifier.verification_head
    score = torch.sigmoid(functional.linear(difference, head.weight, head.bias))[0, 0]
    return -same * torch.log(score) - (1 - same) * torch.log(1 - score)


def generator_loss(trainer: GanTrainer, source: Tensor, same: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Eq. 6, 8, the cycle loss, Eq. 10 and Eq. 11, pair by pair."""
    g, f, d_source, d_target = trainer.g, trainer.f, trainer.d_source, trainer.d_target
    pairs = len(same)
    adversarial_g = adversarial_f = cycle = similarity = torch.zeros(())
    for pair in range(pairs):
        for x in (pair, pair + pairs):
            adversarial_g = adversarial_g + (d_target(g(source[x : x + 1])) - 1).square().mean()
            adversarial_f = adversarial_f + (d_source(f(target[x : x + 1])) - 1).square().mean()
            cycle = cycle + (g(f(target[x : x + 1])) - target[x]).abs().mean()
            cycle = cycle + (f(g(source[x : x + 1])) - source[x]).abs().mean()
        rebuilt = [f(g(source[x : x + 1]))[0] for x in (pair, pair + pairs)]
        similarity = similarity + verification_loss(trainer, *rebuilt, same[pair])
    parts = {
        "loss/adversarial_g": adversarial_g / pairs,
        "loss/adversarial_f": adversarial_f / pairs,
        "loss/cycle": cycle / pairs,
        "loss/similarity": similarity / pairs,
    }
    settings = trainer.settings
    total = parts["loss/adversarial_g"] + parts["loss/adversarial_f"]
    total = total + settings.lambda_cycle * parts["loss/cycle"] + settings.lambda_similarity * parts["loss/similarity"]
    return {"loss/generators": total} | parts


def discriminator_loss(trainer: GanTrainer, source: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Eq. 7, 9 and 12, pair by pair, with the real image of the domain that is judged."""
    pairs = len(source) // 2
    of_source = of_target = torch.zeros(())
    for x in range(2 * pairs):
        fake_target, fake_source = trainer.g(source[x : x + 1]).detach(), trainer.f(target[x : x + 1]).detach()
        of_target = of_target + trainer.d_target(fake_target).square().mean()
        of_target = of_target + (trainer.d_target(target[x : x + 1]) - 1).square().mean()
        of_source = of_source + trainer.d_source(fake_source).square().mean()
        of_source = of_source + (trainer.d_source(source[x : x + 1]) - 1).square().mean()
    return {
        "loss/discriminators": (of_source + of_target) / pairs,
        "loss/discriminator_source": of_source / pairs,
        "loss/discriminator_target": of_target / pairs,
    }


def plain_step(trainer: GanTrainer, batch: Batch) -> dict[str, Tensor]:
    """Losses of one step; gradients are left in the networks. The fakes are those of the generators before it."""
    of_discriminators = discriminator_loss(trainer, batch.source, batch.target)
    of_generators = generator_loss(trainer, batch.source, batch.same, batch.target)
    of_generators["loss/generators"].backward()
    for discriminator in (trainer.d_source, trainer.d_target):
        discriminator.zero_grad()
    of_discriminators["loss/discriminators"].backward()
    return {name: loss.detach() for name, loss in (of_generators | of_discriminators).items()}
