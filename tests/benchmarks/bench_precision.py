"""What bfloat16 gains where features are measured, and what comparing it with float32 costs.

    python -m tests.benchmarks.bench_precision

Passes batches of random images through a ResNet-50 classifier, in turns in float32 and in the precision that
`Inference` chooses. The comparison is made for the first batch of a network and size, and its outcome kept in the
cache. That of a training compares every layer forward and backward.
"""

import os
import time
from argparse import ArgumentParser
from collections.abc import Callable
from statistics import median
from tempfile import TemporaryDirectory

import torch

from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.precision import Inference, training_outcome
from simpgan.components.core.process.provenance import hardware


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--height", type=int, default=128)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--images", type=int, default=128, help="in a batch")
    parser.add_argument("--rounds", type=int, default=9)
    sizes = parser.parse_args()
    config = ClassifierConfig(identities=751, height=sizes.height, width=sizes.width)
    network = SiameseClassifier(config).eval()
    images = torch.rand(sizes.images, 3, sizes.height, sizes.width) * 2 - 1
    exact, chosen = Inference(network, "fp32"), Inference(network, "auto")
    with TemporaryDirectory() as cache:
        os.environ["SIMPGAN_CACHE"] = cache
        exact(images)
        first = seconds(lambda: chosen(images))
        times = [(seconds(lambda: exact(images)), seconds(lambda: chosen(images))) for _ in range(sizes.rounds)]
        again = seconds(lambda: Inference(network, "auto").outcome(images))
        training = seconds(lambda: training_outcome("auto", [(network, images)]))
    batch = median(own for _, own in times)
    print(f"{hardware()}; {sizes.images} images of {sizes.height}x{sizes.width}; {chosen}")
    for name, each in zip(("float32", chosen.precision), zip(*times, strict=True), strict=True):
        print(f"{name:8} {sizes.images / median(each):8.1f} images/s")
    print(f"{chosen.precision} has {median(slow / fast for slow, fast in times):.2f} times the speed of float32")
    print(f"the comparison takes as long as {first / batch - 1:.1f} batches, reading its outcome {again / batch:.2f}")
    print(f"the comparison of a training, forward and backward, takes as long as {training / batch:.1f} batches")


if __name__ == "__main__":
    main()
