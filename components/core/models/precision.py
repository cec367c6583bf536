"""Choose the precision of networks: bfloat16 on a CPU only if it gives the same numbers as float32.

torch's bfloat16 convolutions (2.14.1, found 2026-11) read memory that was never written if a stride leaves a map one
pixel wide: on processors with AMX forward and backward, on those with AVX-512's bfloat16 in the gradients of weights.
Their result depends on the previous content of that memory, so a comparison may pass by luck: such shapes never compute
in bfloat16 on a CPU. Everything else is compared with float32 once for each machine, network, size and batch, and the
outcome is kept in the cache. GPUs are not compared.
"""

import hashlib
import json
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from simpgan.components.core import storage
from simpgan.components.core.process import provenance
from simpgan.components.core.training.device import autocast, has_amx, supported_precision
from simpgan.components.core.training.distributed import from_first

logger = logging.getLogger(__name__)

AGREEMENT = 0.999
"""Lowest allowed cosine between bfloat16 and float32, for one image or for one layer's input."""

COMPARED = 16
"""Number of images of a batch that are computed in float32 for the comparison."""

POISONED = (1_000, 10_000, 100_000, 1_000_000, 4_000_000)
"""Sizes, in floats, of the memory that is filled with NaN before a comparison."""

CHECK = 2
"""Version of the comparison. Outcomes of another version, which the cache may have, are not used."""

NARROW = "torch computes wrong bfloat16 numbers on CPUs where a stride leaves a map one pixel wide"


@dataclass(frozen=True)
class Outcome:
    """The precision of a network, and the reason.

    Attributes:
        precision: the precision.
        cosine: lowest cosine between bfloat16 and float32, -1..1; None if they were not compared.
        reason: why bfloat16 was wanted and is not used; empty otherwise.
    """

    precision: Literal["fp32", "bf16"]
    cosine: float | None = None
    reason: str = ""

    def __str__(self) -> str:
        if self.reason:
            return f"{self.precision}: {self.reason}" + (f" (cosine {self.cosine:.4f})" if self.cosine else "")
        return self.precision if self.cosine is None else f"{self.precision}, cosine with fp32 {self.cosine:.5f}"


class Inference:
    """Runs a network without gradients and dropout, in bfloat16 if that gives the same numbers as float32.

    Args:
        network: network in evaluation mode. Its weights are compared when the first batch of a size arrives.
        wanted: 'fp32', 'bf16', or 'auto': bf16 if the hardware multiplies it faster.
        kept: whether the cache keeps the outcomes; False for weights that a training still changes.
        origin: the network that this one is made of by small changes. Where that computes in float32, this one does too
            and is not compared: a data set has many cameras, and a comparison takes seconds.
        by_layer: whether bfloat16 has to give the same numbers in every layer alone, as in a training (see
            `training_outcome`), for features that only the training looks at. Weights do not matter then.
    """

    def __init__(
        self,
        network: nn.Module,
        wanted: str = "auto",
        *,
        kept: bool = True,
        origin: "Inference | None" = None,
        by_layer: bool = False,
    ) -> None:
        self.network, self.wanted, self.kept, self.origin, self.by_layer = network, wanted, kept, origin, by_layer
        self.outcomes: dict[torch.Size, Outcome] = {}

    def __call__(self, images: Tensor) -> Tensor:
        """Compute the network's output, float32, for images [N, 3, H, W]."""
        with torch.no_grad(), self.autocast(images):
            return self.network(images).float()

    def autocast(self, images: Tensor) -> torch.autocast:
        """Return the context in which the network, or one of its shape, computes a batch like `images`."""
        return autocast(images.device, self.outcome(images).precision)

    def outcome(self, images: Tensor) -> Outcome:
        """Return the precision for a batch like `images`."""
        if images.shape not in self.outcomes:
            self.outcomes[images.shape] = self._decide(images)
        return self.outcomes[images.shape]

    @property
    def precision(self) -> str:
        """Return the precisions used so far: 'fp32', 'bf16', 'bf16 and fp32' (batches of several sizes), or empty."""
        return precisions_of(self.outcomes_so_far())

    def __str__(self) -> str:
        """Return the outcomes so far, each once."""
        return "; ".join(dict.fromkeys(map(str, self.outcomes_so_far())))

    def outcomes_so_far(self) -> list[Outcome]:
        """Return a copy of the outcomes, to which other threads may add meanwhile."""
        return list(self.outcomes.values())

    def _decide(self, images: Tensor) -> Outcome:
        precision = supported_precision(images.device, self.wanted)
        if precision == "fp32" or images.device.type != "cpu":
            return Outcome(precision)
        if self.by_layer:
            forwards = [(self.network, images)]
            outcome = cached_outcome(layers_key(forwards), lambda: compare_layers(forwards))
            return log_reason(outcome, label(self.network, images))
        if self.origin and (outcome := self.origin.outcome(images)).precision == "fp32":
            return outcome
        if not self.kept:
            return log_reason(compare_outputs(self.network, images), label(self.network, images))
        key = {"network": weights_digest(self.network), "shapes": [list(images.shape)]}
        outcome = cached_outcome(key, lambda: compare_outputs(self.network, images))
        return log_reason(outcome, label(self.network, images))


def precisions_of(outcomes: Iterable[Outcome]) -> str:
    """Return the precisions of some outcomes in words: 'fp32', 'bf16', 'bf16 and fp32', or empty."""
    return " and ".join(sorted({outcome.precision for outcome in outcomes}))


def training_outcome(wanted: str, forwards: Sequence[tuple[nn.Module, Tensor]]) -> Outcome:
    """Choose the precision for a training whose steps compute `forwards`.

    Each layer is compared forward and backward. A whole network's gradients are not: rounding alone changes those of a
    deep network with batch normalisation by more than `AGREEMENT` allows. All processes use the first one's outcome.

    Args:
        wanted: 'fp32', 'bf16' or 'auto', as for `Inference`.
        forwards: networks, each with images like those of a batch.
    """
    device = forwards[0][1].device
    precision = supported_precision(device, wanted)
    if precision == "fp32" or device.type != "cpu":
        return Outcome(precision)
    labels = dict.fromkeys(label(network, images) for network, images in forwards)
    outcome = cached_outcome(layers_key(forwards), lambda: compare_layers(forwards))
    if not from_first(outcome.precision == "bf16") and outcome.precision == "bf16":
        outcome = Outcome("fp32", outcome.cosine, "the first process of the training does so")
    return log_reason(outcome, ", ".join(labels))


def layers_key(forwards: Sequence[tuple[nn.Module, Tensor]]) -> dict[str, Any]:
    """Return the key of the outcome of `compare_layers` in the cache."""
    return {
        "training": [str(network) for network, _ in forwards],
        "shapes": [list(images.shape) for _, images in forwards],
    }


def log_reason(outcome: Outcome, what: str) -> Outcome:
    """Return the outcome; if bfloat16 is not used, log the reason, once in this process for networks of one label."""
    if outcome.reason:
        say_once(f"{what}: computes in float32, not bfloat16: {outcome.reason}")
    return outcome


def cached_outcome(key: dict[str, Any], compare: Callable[[], Outcome]) -> Outcome:
    """Return the cached outcome for `key` on this machine; compare first if there is none."""
    machine = {
        "check": CHECK,
        "processor": provenance.processor(),
        "amx": has_amx(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "onednn": os.environ.get("ONEDNN_MAX_CPU_ISA", ""),
    }
    name = hashlib.sha256(json.dumps({**machine, **key}, sort_keys=True).encode()).hexdigest()
    path = storage.cache_folder() / "precision" / f"{name}.json"
    try:
        return Outcome(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        outcome = compare()
        with suppress(OSError):  # without a cache the next process compares again
            path.parent.mkdir(parents=True, exist_ok=True)
            with storage.beside(path) as partial:
                partial.write_text(json.dumps(asdict(outcome)))
        return outcome


def compare_outputs(network: nn.Module, images: Tensor) -> Outcome:
    """Compare a network's outputs for some of `images` in float32 with those of the whole batch in bfloat16."""
    chosen = torch.linspace(0, len(images) - 1, min(COMPARED, len(images))).long()
    with torch.no_grad():
        with narrow_layers(network) as narrow:
            expected = network(images[chosen]).float()
        if narrow:
            return Outcome("fp32", None, NARROW)
        poison_memory()
        with torch.autocast("cpu", torch.bfloat16):
            found = network(images).float()
    if not found.isfinite().all():
        return outcome_for_cosine(float("nan"))
    return outcome_for_cosine(lowest_cosine(expected, found[chosen]))


def compare_layers(forwards: Sequence[tuple[nn.Module, Tensor]]) -> Outcome:
    """Compare every convolution and linear layer of the networks, forward and backward, on its own input."""
    cosines: list[float] = []
    for network, images in forwards:
        copy = deepcopy(network).eval().requires_grad_(True)
        with torch.no_grad():
            with narrow_layers(copy) as narrow:
                copy(images[:1])
            if narrow:
                return Outcome("fp32", None, NARROW)
            with layers_hooked(copy, lambda layer, inputs, _: cosines.append(layer_cosine(layer, inputs[0]))):
                copy(images)
    return outcome_for_cosine(min(cosines))


def layer_cosine(layer: nn.Module, inputs: Tensor) -> float:
    """Return the lowest cosine between bfloat16 and float32 of a layer's output and gradients; NaN if not finite."""
    computed = []
    for is_bf16 in (False, True):
        with torch.enable_grad():
            features = inputs.detach().requires_grad_()
            poison_memory()
            with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
                output = layer.forward(features)  # without the hooks that a call would run
            direction = torch.randn(output.shape, generator=torch.Generator().manual_seed(0)).to(output.dtype)
            poison_memory()
            gradients = torch.autograd.grad(output, [features, *layer.parameters()], direction)
        computed.append([output.detach().float(), *(gradient.float() for gradient in gradients)])
    if not all(found.isfinite().all() for found in computed[1]):
        return float("nan")
    return min(lowest_cosine(expected, found) for expected, found in zip(*computed, strict=True))


def lowest_cosine(expected: Tensor, found: Tensor) -> float:
    """Return the lowest cosine between the rows of two tensors [N, ...], or of two vectors; zero rows agree."""
    if expected.ndim == 1:
        expected, found = expected[None], found[None]
    expected, found = expected.flatten(1), found.flatten(1)
    cosines = functional.cosine_similarity(expected, found)
    both_zero = ~(expected.any(1) | found.any(1))
    return cosines.masked_fill(both_zero, 1.0).min().item()


def outcome_for_cosine(cosine: float) -> Outcome:
    """Return the outcome of a comparison whose lowest cosine is `cosine`; NaN: some values were not finite."""
    if cosine > AGREEMENT:
        return Outcome("bf16", cosine)
    if math.isnan(cosine):
        return Outcome("fp32", None, "on this machine some of its bfloat16 values are not numbers")
    return Outcome("fp32", cosine, "on this machine its bfloat16 values differ from those of float32")


@contextmanager
def narrow_layers(network: nn.Module) -> Iterator[list[nn.Module]]:
    """Collect the strided convolutions whose input or output becomes one pixel wide in this block."""
    found: list[nn.Module] = []

    def look(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        strided = max(getattr(layer, "stride", (1,))) > 1
        if strided and min(inputs[0].shape[-1], output.shape[-1]) == 1:
            found.append(layer)

    with layers_hooked(network, look):
        yield found


@contextmanager
def layers_hooked(network: nn.Module, hook: Callable[[nn.Module, Any, Any], None]) -> Iterator[None]:
    """Call `hook` in this block after every layer whose bfloat16 products may go wrong."""
    layers = [each for each in network.modules() if isinstance(each, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]
    handles = [layer.register_forward_hook(hook) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def poison_memory() -> None:
    """Fill memory with NaN and free it, so that code that reads unwritten memory shows it."""
    for size in POISONED:
        blocks = [torch.full((size,), float("nan")) for _ in range(2)]
        del blocks


def weights_digest(network: nn.Module) -> str:
    """Return the sha256 (hex) of a network's structure, weights and batch-norm statistics."""
    content = hashlib.sha256(str(network).encode())
    for value in network.state_dict().values():
        content.update(value.detach().cpu().contiguous().numpy())
    return content.hexdigest()


def label(network: nn.Module, images: Tensor) -> str:
    """Describe a network and the size of its images for messages."""
    return f"{type(network).__name__} at {images.shape[-2]}x{images.shape[-1]}"


@cache
def say_once(line: str) -> None:
    """Log a line, once in this process."""
    logger.warning(line)
