"""One step of SimPGAN (paper 4.4, Fig. 3), and the state that training changes."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from components.core.data.augment import flip, shift
from components.core.data.decoded import to_uint8, to_unit_range
from components.core.data.pairs import PairSampler
from components.core.models.classifier import SiameseClassifier
from components.core.models.translator import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from components.core.runtime.device import autocast, seed_step
from components.core.runtime.tracking import StageRun
from components.core.runtime.training import restore_optimizer
from components.train_gan import losses
from components.train_gan.fitness import Fitness
from components.train_gan.pool import ImagePool
from components.train_gan.samples import translation_grid
from components.train_gan.settings import TrainGanSettings


class GanTrainer:
    """Generators G: S->T and F: T->S, discriminators D_S and D_T, and a frozen classifier.

    `source` and `target` are uint8 images [N, 3, H, W] on the device of training; `sampler` holds the source's labels.
    """

    def __init__(
        self,
        source: Tensor,
        sampler: PairSampler,
        target: Tensor,
        classifier: SiameseClassifier,
        settings: TrainGanSettings,
        run: StageRun,
    ) -> None:
        self.source, self.sampler, self.target = source, sampler, target
        self.settings, self.run, self.device = settings, run, source.device
        self.images_per_step = 4 * settings.pairs
        self.classifier = classifier.freeze()
        torch.manual_seed(settings.seed)
        generator = GeneratorConfig(
            **settings.model_dump(include={"height", "width", "channels", "blocks", "upsample", "input_skip"})
        )
        discriminator = DiscriminatorConfig(channels=settings.channels)
        self.g, self.f = (Generator(generator).to(self.device) for _ in range(2))
        self.d_source, self.d_target = (Discriminator(discriminator).to(self.device) for _ in range(2))
        self.average_f = deepcopy(self.f).requires_grad_(False) if settings.average_decay else self.f
        self.generator_optimizer = build_optimizer((self.g, self.f), settings)
        self.discriminator_optimizer = build_optimizer((self.d_source, self.d_target), settings)
        self.fitness = Fitness(self.classifier)
        self.source_pool, self.target_pool = ImagePool(settings.pool), ImagePool(settings.pool)

    def step(self, step: int) -> Mapping[str, Tensor]:
        """Update G and F by Eq. 11, then D_S and D_T by Eq. 12."""
        settings = self.settings
        generator = seed_step(settings.seed, step)
        source, same, target = self.draw(generator)
        for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = settings.rate * rate_factor(step, settings)
        with autocast(self.device, settings.precision):
            fake_source, fake_target, generator_losses = self.generator_losses(source, same, target)
        update(self.generator_optimizer, generator_losses["loss/generators"])
        if settings.average_decay:
            follow(self.average_f, self.f, settings.average_decay, step)
        shown_source = self.source_pool.exchange(fake_source.detach(), generator)
        shown_target = self.target_pool.exchange(fake_target.detach(), generator)
        with autocast(self.device, settings.precision):
            discriminator_losses = self.discriminator_losses(shown_source, shown_target, source, target)
        update(self.discriminator_optimizer, discriminator_losses["loss/discriminators"])
        return {name: loss.detach() for name, loss in (generator_losses | discriminator_losses).items()}

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """A batch: source pairs [2P, 3, H, W], their q [P], and target images [2P, 3, H, W], drawn independently."""
        pairs = self.settings.pairs
        first = torch.randint(len(self.source), (pairs,), generator=generator)
        second, same = self.sampler.partners(first, self.settings.positive_share, generator)
        source = self.source[torch.cat([first, second]).to(self.device)]
        target = self.target[torch.randint(len(self.target), (2 * pairs,), generator=generator).to(self.device)]
        padding = self.settings.crop_padding
        source, target = (
            shift(flip(to_unit_range(images), generator), padding, generator) for images in (source, target)
        )
        return source, same.to(self.device), target

    def generator_losses(
        self, source: Tensor, same: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """F(I_T), G(I_S), and L_gen (Eq. 11) with its parts.

        All images of a batch go through a network together, and F(G(I_S)) serves both losses that need it. The
        discriminators' weights get no gradients here.
        """
        settings = self.settings
        for discriminator in (self.d_source, self.d_target):
            discriminator.requires_grad_(False)
        fake_target, fake_source = self.g(source), self.f(target)
        parts = {
            "loss/adversarial_g": losses.generator_adversarial(self.d_target(fake_target)),
            "loss/adversarial_f": losses.generator_adversarial(self.d_source(fake_source)),
        }
        total = parts["loss/adversarial_g"] + parts["loss/adversarial_f"]
        if settings.cycle:
            rebuilt_source, rebuilt_target = self.f(fake_target), self.g(fake_source)
            parts["loss/cycle"] = losses.cycle_consistency(rebuilt_source, source) + losses.cycle_consistency(
                rebuilt_target, target
            )
            total = total + settings.cycle * parts["loss/cycle"]
            if settings.similarity:
                parts["loss/similarity"] = losses.similarity(self.classifier, rebuilt_source, same)
                total = total + settings.similarity * parts["loss/similarity"]
        if settings.fitness:
            parts["loss/fitness"] = self.fitness.loss(fake_source)
            total = total + settings.fitness * parts["loss/fitness"]
        if settings.lambda_identity:
            parts["loss/identity"] = losses.cycle_consistency(self.f(source), source) + losses.cycle_consistency(
                self.g(target), target
            )
            total = total + settings.lambda_identity * parts["loss/identity"]
        return fake_source, fake_target, {"loss/generators": total} | parts

    def discriminator_losses(
        self, fake_source: Tensor, fake_target: Tensor, source: Tensor, target: Tensor
    ) -> dict[str, Tensor]:
        """L_dis (Eq. 12) and its parts; fakes and reals go through a discriminator together."""
        for discriminator in (self.d_source, self.d_target):
            discriminator.requires_grad_(True)
        of_source = losses.discriminator_adversarial(*self.d_source(torch.cat([fake_source, source])).chunk(2))
        of_target = losses.discriminator_adversarial(*self.d_target(torch.cat([fake_target, target])).chunk(2))
        total = self.settings.discriminator_factor * (of_source + of_target)
        return {
            "loss/discriminators": total,
            "loss/discriminator_source": of_source,
            "loss/discriminator_target": of_target,
        }

    def state(self) -> Mapping[str, Any]:
        stateful = self.stateful()
        return {name: part.state_dict() for name, part in stateful.items()} | {
            "source_pool": self.source_pool.images,
            "target_pool": self.target_pool.images,
            "fitness": self.fitness.running,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        for name, part in self.stateful().items():
            if isinstance(part, torch.optim.Optimizer):
                restore_optimizer(part, state[name])
            else:
                part.load_state_dict(state[name])
        self.source_pool.images = [image.to(self.device) for image in state["source_pool"]]
        self.target_pool.images = [image.to(self.device) for image in state["target_pool"]]
        self.fitness.running = [moments.to(self.device) for moments in state["fitness"]]

    def stateful(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        """Networks and optimisers by name."""
        parts: dict[str, nn.Module | torch.optim.Optimizer] = {
            "g": self.g,
            "f": self.f,
            "d_source": self.d_source,
            "d_target": self.d_target,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }
        if self.settings.average_decay:
            parts["average_f"] = self.average_f
        return parts

    def show(self, step: int) -> None:
        """Every so often, record target images above what F makes of them, the same ones each time."""
        if (step + 1) % self.settings.picture_steps and step + 1 != self.settings.steps:
            return
        chosen = torch.linspace(0, len(self.target) - 1, min(8, len(self.target))).long()
        images = self.target[chosen.to(self.device)]
        with torch.no_grad(), autocast(self.device, self.settings.precision):
            translated = to_uint8(self.average_f(to_unit_range(images)))
        self.run.image("translation", translation_grid(images, translated), step=step)


def build_optimizer(networks: tuple[nn.Module, ...], settings: TrainGanSettings) -> torch.optim.Optimizer:
    """One optimiser for both networks of a kind."""
    parameters = [parameter for network in networks for parameter in network.parameters()]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(parameters, settings.rate, momentum=0.9, fused=True)
    return torch.optim.Adam(parameters, settings.rate, betas=(0.5, 0.999), fused=True)


def rate_factor(step: int, settings: TrainGanSettings) -> float:
    """1 for the constant share of the steps, then linearly towards 0."""
    constant = settings.constant_share * settings.steps
    return 1 if step < constant else (settings.steps - step) / (settings.steps - constant)


def update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step down the gradient of `loss`."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the running average of a network's weights; it is a plain mean until 1 / (1 - decay) steps are done."""
    weight = 1 - min(decay, step / (step + 1))
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), weight)
