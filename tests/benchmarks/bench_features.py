"""Features of images, with batch normalisation by itself and folded into the convolutions, in images per second.

    python -m tests.benchmarks.bench_features --height 128 --width 64

Passes batches of random images through a ResNet-50 classifier, in turns.
"""

from argparse import ArgumentParser
from statistics import median

import torch

from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.extraction import features_of
from simpgan.components.core.models.precision import Inference
from simpgan.components.core.process.provenance import hardware
from simpgan.components.core.training.device import choose_device
from tests.benchmarks.timing import ratio, take_turns


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    for name, default in {"height": 128, "width": 64, "images": 64, "turns": 9}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--precision", default="fp32")
    sizes = parser.parse_args()
    torch.manual_seed(0)
    device = choose_device()
    config = ClassifierConfig(identities=751, height=sizes.height, width=sizes.width)
    network = SiameseClassifier(config).to(device).train()
    images = torch.rand(sizes.images, 3, sizes.height, sizes.width, device=device) * 2 - 1
    with torch.no_grad():
        network(images)  # statistics that are not those of a new network
    networks = {"by itself": network.eval(), "folded": network.folded()}
    kinds = {name: Inference(each, sizes.precision, kept=False) for name, each in networks.items()}
    plain, folded = (features_of(each, images)[0] for each in kinds.values())
    times = take_turns(
        {name: lambda _, each=each: features_of(each, images) for name, each in kinds.items()}, sizes.turns
    )
    print(f"{hardware()}; {sizes.images} images of {sizes.height}x{sizes.width} and their mirror images")
    for name, each in times.items():
        print(f"{name:10} {sizes.images / median(each):8.1f} images/s")
    print(f"folded has {ratio(times['by itself'], times['folded']):.2f} times the speed")
    print(f"features differ by at most {float((plain - folded).abs().max()):.1e}")


if __name__ == "__main__":
    main()
