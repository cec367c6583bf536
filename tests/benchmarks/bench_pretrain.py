"""The classifier's training step against timm's training benchmark of the same ResNet-50, in images per second.

    python -m tests.benchmarks.bench_pretrain [--height 256 --width 128 --images 64 --rounds 20]

timm's benchmark trains on one batch that is already on the device in floats: no images to draw, change or pair. Ours is
the whole step of `simpgan pretrain`. Both have the same size, batch, number of classes, precision (bf16 where the
hardware has it), channels-last memory and SGD. Steps alternate, so that a machine whose speed drifts treats both alike.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from statistics import median

import numpy as np
import timm
import torch
from timm.optim import create_optimizer_v2

from simpgan.components.core.data.pairs import PairSampler
from simpgan.components.core.training.device import autocast, choose_device, supported_precision
from simpgan.components.pretrain.settings import PretrainSettings
from simpgan.components.pretrain.stage import build_classifier
from simpgan.components.pretrain.trainer import PretrainTrainer

IDENTITIES, OF_EACH = 751, 4


def our_step(sizes: Namespace) -> Callable[[int], object]:
    """One step of our trainer, with the losses and changes of the preset `small`."""
    device = choose_device()
    settings = PretrainSettings(
        height=sizes.height, width=sizes.width, pairs=sizes.images // 2, weights="none", bn_neck=True, dropout=0.5
    )
    shape = (IDENTITIES * OF_EACH, 3, sizes.height, sizes.width)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, device=device)
    sampler = PairSampler(np.repeat(np.arange(IDENTITIES), OF_EACH))
    return PretrainTrainer(build_classifier(settings, IDENTITIES).to(device), images, sampler, settings).step


def timm_step(sizes: Namespace) -> Callable[[int], object]:
    """What timm's benchmark.py does in training: a forward, a backward and a step on the same random batch."""
    device = choose_device()
    model = timm.create_model("resnet50", num_classes=IDENTITIES).to(device, memory_format=torch.channels_last).train()
    optimizer = create_optimizer_v2(model, opt="sgd", lr=1e-4)
    images = torch.randn(sizes.images, 3, sizes.height, sizes.width, device=device)
    images = images.contiguous(memory_format=torch.channels_last)

    def step(_: int) -> None:
        optimizer.zero_grad()
        with autocast(device, supported_precision(device, "auto")):
            output = model(images)
            target = torch.randint(IDENTITIES, (len(output),), device=device)
            torch.nn.functional.cross_entropy(output, target).backward()
        optimizer.step()

    return step


def seconds(step: Callable[[int], object], number: int) -> float:
    """How long step `number` takes until the device has done it."""
    started = time.perf_counter()
    step(number)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> None:
    on_gpu = torch.cuda.is_available()
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--height", type=int, default=256 if on_gpu else 128)
    parser.add_argument("--width", type=int, default=128 if on_gpu else 64)
    parser.add_argument("--images", type=int, default=64 if on_gpu else 16, help="in a batch")
    parser.add_argument("--rounds", type=int, default=50 if on_gpu else 5)
    sizes = parser.parse_args()
    ours, theirs = our_step(sizes), timm_step(sizes)
    for step in range(3):  # the first steps allocate memory and choose kernels
        ours(step)
        theirs(step)
    times = [(seconds(ours, step), seconds(theirs, step)) for step in range(3, 3 + sizes.rounds)]
    for name, each in zip(("ours", "timm"), zip(*times, strict=True), strict=True):
        print(f"{name}  {sizes.images / median(each):8.2f} images/s")
    print(f"ours has {median(other / own for own, other in times):.2f} times timm's speed")


if __name__ == "__main__":
    main()
