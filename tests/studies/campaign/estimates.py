"""How long the steps of a campaign will take, by the roofline of the machine."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.translator import Generator, GeneratorConfig
from simpgan.components.core.process.provenance import hardware
from simpgan.components.core.training.device import choose_device, supported_precision
from simpgan.components.ingest.preview import preview
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.pretrain.settings import PretrainSettings
from simpgan.components.train_gan.settings import TrainGanSettings
from tests.benchmarks.fake_steps import Cost, forward, gan_step, pretrain_step
from tests.benchmarks.roofline import measure_ceilings, seconds_of
from tests.studies.campaign.steps import Step

EFFICIENCY = 0.5
"""Share of the roofline that a step reaches. On CPUs, generators reach 49 to 55 % (docs/performance.md)."""

START = 6.0
"""Seconds for a process to import torch and meet its device."""

DECODED, ENCODED = 3_000, 250
"""Images of 128x64 per second that a stage decodes, and translations of 256x128 that it writes as PNG, at least."""

UMDL_IMAGES, REPORT = 40, 30.0
"""Images of both data sets that UMDL takes per second, and seconds for an evaluation's figures and report, on a CPU."""


@dataclass(frozen=True)
class Machine:
    """What a machine can do.

    Attributes:
        hardware: name of the device.
        bf16: whether trainings with precision `auto` use bfloat16.
        operations, bytes: per second at most, as `tests.benchmarks.roofline` measures them.
        calls: operations on small tensors per second.
    """

    hardware: str
    bf16: bool
    operations: float
    bytes: float
    calls: float

    @classmethod
    def measured(cls) -> "Machine":
        """Measure this machine, which takes seconds."""
        device = choose_device()
        bf16 = supported_precision(device, "auto") == "bf16"
        size = {"height": 128, "width": 64, "channels": 32, "pairs": 2}
        settings = TrainGanSettings.parse({**size, "precision": "bf16" if bf16 else "fp32"})
        ceilings = measure_ceilings(settings, device, turns=5)
        small = torch.zeros(16, device=device)
        a_hundred = seconds_of(lambda: [small.add_(1) for _ in range(100)], turns=5)
        return cls(hardware(), bf16, ceilings.operations, ceilings.bytes, 100 / a_hundred)

    @classmethod
    def read(cls, file: Path) -> "Machine":
        """The machine that a file has."""
        return cls(**json.loads(file.read_text()))

    @classmethod
    def kept_in(cls, file: Path) -> "Machine":
        """The machine as a file has it; measured and written if the file is of another one or missing."""
        if file.is_file() and (kept := cls.read(file)).hardware == hardware():
            return kept
        machine = cls.measured()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(machine)))
        return machine

    def seconds(self, cost: Cost) -> float:
        """Seconds for work that costs as much: its latest bound, at `EFFICIENCY`."""
        bounds = cost.operations / self.operations, cost.moved / self.bytes, cost.calls / self.calls
        return max(bounds) / EFFICIENCY

    def precision(self, wanted: str) -> str:
        """The precision of a training that wants `wanted`."""
        return ("bf16" if self.bf16 else "fp32") if wanted == "auto" else wanted


def seconds_of_step(step: Step, machine: Machine) -> float:
    """The estimate for a step that begins from nothing."""
    return (
        START
        + {
            "ingest": lambda: images_of(step) / DECODED,
            "join": lambda: 0,
            "pretrain": lambda: seconds_of_pretrain(step, machine),
            "train-gan": lambda: seconds_of_gan(step, machine),
            "translate": lambda: seconds_of_translate(step, machine),
            "umdl": lambda: seconds_of_umdl(step),
            "evaluate": lambda: seconds_of_evaluate(step, machine),
        }[step.stage]()
    )


def seconds_of_pretrain(step: Step, machine: Machine) -> float:
    """All steps of both stages, after the images are decoded."""
    settings = in_precision(PretrainSettings.parse(step.settings), machine)
    images = training_images(*step.inputs_of("--source"))
    in_epoch = 2 * settings.pairs if settings.images_per_identity else settings.pairs
    steps = settings.epochs * max(1, images // in_epoch)
    seconds = images / DECODED + steps * machine.seconds(cost_of_pretrain(settings, 2 * settings.pairs))
    if settings.identity_epochs:
        alone = settings.identity_epochs * max(1, images // settings.identity_batch)
        seconds += alone * machine.seconds(cost_of_pretrain(settings, settings.identity_batch))
    return seconds


def seconds_of_gan(step: Step, machine: Machine) -> float:
    """All steps, after the images of both sides are decoded."""
    settings = in_precision(TrainGanSettings.parse(step.settings), machine)
    images = training_images(*step.inputs_of("--source"))
    return images / DECODED + settings.steps * machine.seconds(cost_of_gan(settings))


def seconds_of_translate(step: Step, machine: Machine) -> float:
    """One forward of every image, and writing it."""
    (translator,) = step.inputs_of("--translator")
    training = in_precision(TrainGanSettings.parse(translator.settings), machine)
    images = images_of(step)
    batch = int(step.settings["batch"])
    cost = cost_of_translation(training.height, training.width, training.channels, training.blocks, batch, machine.bf16)
    pixels = training.height * training.width
    return images / batch * machine.seconds(cost) + images * pixels / (256 * 128) / ENCODED


def seconds_of_umdl(step: Step) -> float:
    """The hand-made feature of every image, and the dictionaries."""
    return (training_images(*step.inputs_of("--source")) + images_of(*step.inputs_of("--target"))) / UMDL_IMAGES


def seconds_of_evaluate(step: Step, machine: Machine) -> float:
    """Features of every view of the target, without and with each kind of statistics."""
    (classifier,), (target,) = step.inputs_of("--classifier"), step.inputs_of("--target")
    trained = PretrainSettings.parse(classifier.settings)
    images = images_of(target)
    views = len(step.inputs_of("--translated", "--counterpart"))
    statistics = 2  # AdaBN of the whole set and per camera
    splits = len(splits_of(target, step.settings["protocols"]))
    passes = 1 + statistics * splits + (1 + statistics) * (views + 2)  # two views have their colours matched
    batch = int(step.settings["batch"])
    cost = cost_of_features(trained.height, trained.width, 2 * batch, machine.bf16)
    return REPORT + passes * images * (1 / DECODED + machine.seconds(cost) / batch)


def in_precision(settings: Any, machine: Machine) -> Any:
    """The settings with the precision that they have on the machine."""
    return settings.model_copy(update={"precision": machine.precision(settings.precision)})


def images_of(data: Step) -> int:
    """The number of images of data sets, joint ones or translations."""
    return sum(len(manifest.images) for manifest in manifests_of(data))


def training_images(data: Step) -> int:
    """The number of images that a classifier is trained on."""
    return sum(len(manifest.rows(manifest.source_protocol, 0, "train")) for manifest in manifests_of(data))


def splits_of(target: Step, protocols: Sequence[str]) -> list[tuple[str, int]]:
    """The splits of a target in which something is measured."""
    (manifest,) = manifests_of(target)
    probes = manifest.roles[manifest.roles["role"] == "query"][["protocol", "fold"]].drop_duplicates()
    return [split for split in probes.itertuples(index=False, name=None) if not protocols or split[0] in protocols]


def manifests_of(data: Step) -> list[Manifest]:
    """The manifests of the data sets behind a step's output, by the names of their files."""
    if data.stage == "ingest":
        return [previewed(data.given[0], json.dumps(data.settings))]
    return [manifest for other in data.inputs_of("", "--source", "--target") for manifest in manifests_of(other)]


@cache
def previewed(given: str, settings: str) -> Manifest:
    """The manifest of a data set, LAYOUT:PATH, read once.

    Raises:
        UserError: The names are compressed.
    """
    location = given.partition(":")[2]
    manifest = preview(location, IngestSettings.parse(json.loads(settings)))
    if manifest is None:
        raise UserError(f"{location}: its images cannot be counted without unpacking it: unpack it")
    return manifest


@cache
def cost_of_pretrain(settings: PretrainSettings, images: int) -> Cost:
    """The cost of a step of pretrain, counted once."""
    return pretrain_step(settings, images)


def cost_of_gan(settings: TrainGanSettings) -> Cost:
    """The cost of a step of train_gan, counted once for trainings that differ in split and seed only."""
    return _cost_of_gan(settings.model_copy(update={"protocol": "", "fold": 0, "seed": 0}))


_cost_of_gan = cache(gan_step)


@cache
def cost_of_translation(height: int, width: int, channels: int, blocks: int, images: int, bf16: bool) -> Cost:
    """The cost of translating a batch, counted once."""
    generator = Generator(GeneratorConfig(height=height, width=width, channels=channels, blocks=blocks))
    return forward(generator.eval(), images, height, width, "bf16" if bf16 else "fp32")


@cache
def cost_of_features(height: int, width: int, images: int, bf16: bool) -> Cost:
    """The cost of the features of a batch, counted once."""
    classifier = SiameseClassifier(ClassifierConfig(identities=2, height=height, width=width)).freeze()
    return forward(classifier, images, height, width, "bf16" if bf16 else "fp32")
