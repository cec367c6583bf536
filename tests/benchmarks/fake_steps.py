"""What a training step or a forward pass takes, by running it with tensors that have a shape and no content."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.translator import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from simpgan.components.core.training.loop import Updates
from simpgan.components.pretrain.losses import ClassifierLosses
from simpgan.components.pretrain.settings import PretrainSettings
from simpgan.components.pretrain.trainer import build_optimizer as build_classifier_optimizer
from simpgan.components.train_gan.batches import Batch
from simpgan.components.train_gan.objectives import DiscriminatorObjective, GeneratorObjective, generator_loss
from simpgan.components.train_gan.settings import TrainGanSettings
from simpgan.components.train_gan.trainer import build_optimizer
from tests.benchmarks.meters import MemoryMeter, as_fakes

PEOPLE = 751


class Cost(NamedTuple):
    """What a piece of work takes.

    Attributes:
        operations: of matrix products and convolutions, two for a multiplication with its addition.
        moved, calls, peak: as in `MemoryMeter`.
    """

    operations: int
    moved: int
    calls: int
    peak: int


def gan_step(settings: TrainGanSettings) -> Cost:
    """The cost of a step: its two updates, without drawing a batch."""
    size = settings.model_dump(include={"height", "width", "channels", "blocks", "upsample", "input_skip"})
    g, f = (Generator(GeneratorConfig(**size), recompute=settings.recompute) for _ in range(2))
    d_source, d_target = (Discriminator(DiscriminatorConfig(channels=settings.channels)) for _ in range(2))
    config = ClassifierConfig(identities=PEOPLE, height=settings.height, width=settings.width)
    classifier = SiameseClassifier(config).freeze()
    generators = GeneratorObjective(g, f, (d_source, d_target), classifier, settings)
    networks = (g, f, *generators.judges)
    fakes = faked(*networks)
    discriminators = DiscriminatorObjective(d_source, d_target, settings.discriminator_factor)
    optimizers = build_optimizer((g, f), settings), build_optimizer((d_source, d_target), settings)
    with fakes:
        updates = Updates()
        images = torch.zeros(2 * settings.pairs, 3, settings.height, settings.width)
        same, identity = torch.ones(settings.pairs), torch.zeros(2 * settings.pairs, dtype=torch.long)
        batch = Batch(images, same, identity, images + 0)

    def step() -> None:
        with in_precision(settings.precision):
            made = generators(batch)
        updates.make(optimizers[0], generator_loss(made.parts, settings.loss_weights(0)))
        with in_precision(settings.precision):
            made_images = made.fake_source.detach(), made.fake_target.detach()
            judged = discriminators(*made_images, batch.source, batch.target)
        updates.make(optimizers[1], judged["loss/discriminators"])

    return second(step, fakes, [batch.source, batch.target, *weights_of(*networks)])


def pretrain_step(settings: PretrainSettings, images: int) -> Cost:
    """The cost of a step with `images` images, without drawing and changing them."""
    classifier = SiameseClassifier(
        ClassifierConfig(
            identities=PEOPLE,
            **settings.model_dump(include=set(ClassifierConfig.model_fields) & set(PretrainSettings.model_fields)),
        )
    )
    fakes = faked(classifier)
    losses = ClassifierLosses(classifier.train(), settings)
    optimizer = build_classifier_optimizer(classifier, settings)
    with fakes:
        updates = Updates()
        batch = torch.zeros(images, 3, settings.height, settings.width)
        identity = torch.zeros(images, dtype=torch.long)
        first = torch.arange(images // 2)

    def step() -> None:
        with in_precision(settings.precision):
            parts = losses(batch, identity, first, first + len(first))
        updates.make(optimizer, torch.stack(list(parts.values())).sum())

    return second(step, fakes, [batch, *weights_of(classifier)])


def forward(network: nn.Module, images: int, height: int, width: int, precision: str) -> Cost:
    """The cost of a forward pass without gradients."""
    fakes = faked(network)
    with fakes:
        batch = torch.zeros(images, 3, height, width)

    def step() -> None:
        with torch.no_grad(), in_precision(precision):
            network(batch)

    return second(step, fakes, [batch, *weights_of(network)])


def second(step: Callable[[], None], fakes: FakeTensorMode, live: list[Tensor]) -> Cost:
    """The cost of doing `step` once more; an optimiser's state is there from the second time on.

    Args:
        live: tensors that are there before.
    """
    memory = MemoryMeter()
    for tensor in live:
        memory.hold(tensor)
    with fakes, memory:
        step()
        memory.peak, memory.moved, memory.calls = memory.live, 0, 0
        with FlopCounterMode(display=False) as operations:
            step()
    return Cost(operations.get_total_flops(), memory.moved, memory.calls, memory.peak)


def faked(*networks: nn.Module) -> FakeTensorMode:
    """Replace the weights of networks by fakes of the returned mode."""
    fakes = FakeTensorMode()
    for network in networks:
        as_fakes(network, fakes)
    return fakes


def weights_of(*networks: nn.Module) -> list[Tensor]:
    """All weights of some networks."""
    return [weight for network in networks for weight in network.parameters()]


def in_precision(precision: str) -> torch.autocast:
    """The context in which a forward is computed."""
    return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")
