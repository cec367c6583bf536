"""A step of SimPGAN (paper 4.4, Fig. 3), and the state that training changes."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from simpgan.components.core.data.image_tensors import to_uint8, to_unit_range
from simpgan.components.core.data.pairs import PairSampler
from simpgan.components.core.models.classifier import SiameseClassifier
from simpgan.components.core.models.precision import Inference, training_outcome
from simpgan.components.core.models.translator import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from simpgan.components.core.models.unlabelled_score import TranslatorJudge
from simpgan.components.core.tracking import StageRun
from simpgan.components.core.training.averaging import update_ema
from simpgan.components.core.training.device import autocast, seed_step
from simpgan.components.core.training.distributed import is_first, own_share, parallel
from simpgan.components.core.training.loop import Updates, restore_optimizer
from simpgan.components.train_gan.batches import Batches, joint_pairs, own_pairs
from simpgan.components.train_gan.checkpoint_selection import CheckpointSelector
from simpgan.components.train_gan.gradient_norms import gradient_norms
from simpgan.components.train_gan.objectives import (
    ClassifierObjective,
    DiscriminatorObjective,
    GeneratorObjective,
    generator_loss,
)
from simpgan.components.train_gan.pool import ImagePool
from simpgan.components.train_gan.sample_grid import sample_grid
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.components.train_gan.warm_start import warm_start


class GanTrainer:
    """Trains generators G: S->T and F: T->S, discriminators D_S and D_T, and optionally the classifier.

    Args:
        source: uint8 images [N, 3, H, W] on the device of training.
        sampler: labels of the source.
        target: uint8 images [M, 3, H, W] on the same device.
        classifier: judge; it is frozen unless `classifier_rate` is above 0.
        settings: settings of the stage.
        run: gets measures and pictures.
        initial: model folder that this stage wrote, from whose weights the four networks start.
    """

    def __init__(
        self,
        source: Tensor,
        sampler: PairSampler,
        target: Tensor,
        classifier: SiameseClassifier,
        settings: TrainGanSettings,
        run: StageRun,
        initial: Path | None = None,
    ) -> None:
        self.target, self.settings, self.run, self.device = target, settings, run, source.device
        self.batches = Batches(source, sampler, target, settings)
        self.images_per_step = 4 * settings.pairs
        self.ended = False
        self.classifier = classifier.freeze()
        torch.manual_seed(settings.seed)
        generator = GeneratorConfig(
            **settings.model_dump(include={"height", "width", "channels", "blocks", "upsample", "input_skip"})
        )
        discriminator = DiscriminatorConfig(channels=settings.channels)
        self.g, self.f = (Generator(generator, recompute=settings.recompute).to(self.device) for _ in range(2))
        self.d_source, self.d_target = (Discriminator(discriminator).to(self.device) for _ in range(2))
        if initial:
            networks = {"g": self.g, "f": self.f, "d_source": self.d_source, "d_target": self.d_target}
            warm_start(initial, generator, networks)
        self.average_g, self.average_f = (
            deepcopy(network).requires_grad_(False) if settings.average_decay else network
            for network in (self.g, self.f)
        )
        self.optimizers = {
            "generator": build_optimizer((self.g, self.f), settings),
            "discriminator": build_optimizer((self.d_source, self.d_target), settings),
        }
        self.updates = Updates()
        self.source_pool, self.target_pool = ImagePool(settings.pool), ImagePool(settings.pool)
        discriminators = (self.d_source, self.d_target)
        objective = GeneratorObjective(self.g, self.f, discriminators, classifier, settings)
        self.classifiers = [objective.judges[-1], *([classifier] if "fitness" in objective.used else [])]
        self.outcome = training_outcome(settings.precision, self.sample_inputs())
        self.alignment = objective.alignment
        self.generator_objective = parallel(objective)
        self.discriminator_objective = parallel(DiscriminatorObjective(*discriminators, settings.discriminator_factor))
        result: dict[str, nn.Module] = {
            "f": self.average_f,
            "g": self.average_g,
            "d_source": self.d_source,  # not needed to translate, but to continue the training
            "d_target": self.d_target,
        }
        if settings.classifier_rate:
            self.classifier.requires_grad_(True)
            self.classifier_objective = parallel(ClassifierObjective(self.classifier))
            self.optimizers["classifier"] = torch.optim.SGD(
                self.classifier.parameters(), settings.classifier_rate, momentum=0.9, fused=True
            )
            result["classifier"] = self.classifier
        judge = None
        if is_first():
            frozen = deepcopy(classifier).freeze() if settings.classifier_rate else classifier
            judge = TranslatorJudge(frozen, source, target, seed=settings.seed, precision=settings.precision)
        self.selector = CheckpointSelector(judge, result, settings, run)

    def step(self, step: int) -> Mapping[str, Tensor]:
        """Update G and F by Eq. 11, then D_S and D_T by Eq. 12, then the classifier if it learns."""
        settings = self.settings
        generator = seed_step(settings.seed, step)
        batch = self.batches.draw(generator)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = optimizer.defaults["lr"] * rate_factor(step, settings)

        with autocast(self.device, self.outcome.precision):
            made = self.generator_objective(batch)
        recorded = {f"loss/{name}": part for name, part in made.parts.items()}
        weights = settings.loss_weights(step)
        recorded["loss/generators"] = generator_loss(made.parts, weights)
        if settings.gradient_norm_steps and step % settings.gradient_norm_steps == 0:
            norms = gradient_norms(made.parts, weights, [*self.g.parameters(), *self.f.parameters()])
            recorded |= {f"gradient/{name}": norm for name, norm in norms.items()}
        recorded["gradient/generators"] = self.updates.make(self.optimizers["generator"], recorded["loss/generators"])
        if settings.average_decay:
            update_ema(self.average_g, self.g, settings.average_decay, step)
            update_ema(self.average_f, self.f, settings.average_decay, step)

        fake_source = exchange_with_pool(self.source_pool, made.fake_source.detach(), generator)
        fake_target = exchange_with_pool(self.target_pool, made.fake_target.detach(), generator)
        with autocast(self.device, self.outcome.precision):
            recorded |= self.discriminator_objective(fake_source, fake_target, batch.source, batch.target)
        recorded["gradient/discriminators"] = self.updates.make(
            self.optimizers["discriminator"], recorded["loss/discriminators"]
        )

        if settings.classifier_rate:
            with autocast(self.device, self.outcome.precision):
                recorded |= self.classifier_objective(batch, made.rebuilt_source.detach())
            recorded["gradient/classifier"] = self.updates.make(
                self.optimizers["classifier"], recorded["loss/classifier"]
            )
        rate = self.optimizers["generator"].param_groups[0]["lr"]
        recorded["train/learning_rate"] = torch.full((), rate, device=self.device)
        self.selector.consider(step)
        return {name: value.detach() for name, value in recorded.items()}

    def sample_inputs(self) -> list[tuple[nn.Module, Tensor]]:
        """Return the networks, each with as many images [N, 3, H, W] in [-1, 1] as a step gives it at once."""
        pairs = len(range(self.settings.pairs)[own_share(self.settings.pairs)])
        few = to_unit_range(self.target[torch.arange(2 * pairs, device=self.device) % len(self.target)])
        many = few.repeat(2, 1, 1, 1)  # translations and recorded images
        forwards = [(network, few) for network in (self.g, self.d_source, *self.classifiers)]
        return [*forwards, (self.d_source, many), *([(self.classifier, many)] if self.settings.classifier_rate else [])]

    def state(self) -> Mapping[str, Any]:
        """Return everything that later steps depend on."""
        return {name: part.state_dict() for name, part in self.stateful().items()} | {
            "source_pool": self.source_pool.images,
            "target_pool": self.target_pool.images,
            "fitness": self.alignment.running,
            "best": self.selector.best,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned."""
        for name, part in self.stateful().items():
            if isinstance(part, torch.optim.Optimizer):
                restore_optimizer(part, state[name])
            else:
                part.load_state_dict(state[name])
        self.source_pool.images = [image.to(self.device) for image in state["source_pool"]]
        self.target_pool.images = [image.to(self.device) for image in state["target_pool"]]
        self.alignment.running = [moments.to(self.device) for moments in state["fitness"]]
        self.selector.best = state["best"]

    def stateful(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        """Return networks and optimisers by name."""
        parts: dict[str, nn.Module | torch.optim.Optimizer] = {
            "g": self.g,
            "f": self.f,
            "d_source": self.d_source,
            "d_target": self.d_target,
        }
        if self.settings.average_decay:
            parts |= {"average_g": self.average_g, "average_f": self.average_f}
        if self.settings.classifier_rate:
            parts["classifier"] = self.classifier
        return parts | {f"{name}_optimizer": optimizer for name, optimizer in self.optimizers.items()}

    def show(self, done: int) -> None:
        """Record the same target images and their translations every `picture_steps` steps and after the last."""
        if done % self.settings.picture_steps and done != self.settings.steps:
            return
        chosen = torch.linspace(0, len(self.target) - 1, min(8, len(self.target))).long()
        images = self.target[chosen.to(self.device)]
        translated = to_uint8(Inference(self.average_f, self.settings.precision, kept=False)(to_unit_range(images)))
        self.run.log_image("translation", sample_grid(images, translated), step=done)


def exchange_with_pool(pool: ImagePool, fakes: Tensor, generator: torch.Generator) -> Tensor:
    """Return the fakes that a discriminator sees: `fakes`, mixed with past ones if the pool has a capacity.

    Processes that share a batch have the same pool, of the joint batch's fakes.
    """
    return own_pairs(pool.exchange(joint_pairs(fakes), generator)) if pool.capacity else fakes


def build_optimizer(networks: tuple[nn.Module, ...], settings: TrainGanSettings) -> torch.optim.Optimizer:
    """Build one optimiser for both networks of a kind."""
    parameters = [parameter for network in networks for parameter in network.parameters()]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(parameters, settings.rate, momentum=0.9, fused=True)
    return torch.optim.Adam(parameters, settings.rate, betas=(0.5, 0.999), fused=True)


def rate_factor(step: int, settings: TrainGanSettings) -> float:
    """Return the factor of the learning rate: 1 for the constant share of the steps, then linearly towards 0."""
    constant = settings.constant_share * settings.steps
    return 1 if step < constant else (settings.steps - step) / (settings.steps - constant)
