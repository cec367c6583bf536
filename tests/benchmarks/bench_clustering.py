"""Measure time and memory of the clustering of self_train on generated features.

    python -m tests.benchmarks.bench_clustering --images 12936

The features are those of people with 17 images on average, seen by several cameras, in the number of dimensions of a
ResNet-50. The peak of memory counts everything of the process, torch and features included.
"""

import argparse
import resource
import time

import numpy as np
import torch
from torch.nn import functional

from simpgan.components.core.neighbours.jaccard import (
    distances_up_to,
    expanded_reciprocal,
    membership,
    neighbour_weights,
)
from simpgan.components.core.neighbours.nearest import nearest
from simpgan.components.self_train.clustering import agreement, cluster, described


def generated_features(images: int, dimensions: int, seed: int) -> tuple[torch.Tensor, np.ndarray]:
    """Return features [images, dimensions] of length 1, and the person of each.

    A feature is the sum of its person, the person's look to a camera, and a pose, all in a subspace of 32 dimensions,
    so that strangers may look alike; and of noise in all dimensions.
    """
    generator = torch.Generator().manual_seed(seed)
    people, cameras = max(2, images // 17), 6
    person = torch.randint(people, (images,), generator=generator)
    camera = torch.randint(cameras, (images,), generator=generator)
    looks = torch.randn(people, 32, generator=generator)[person]
    looks += 0.6 * torch.randn(people * cameras, 32, generator=generator)[person * cameras + camera]
    looks += 0.5 * torch.randn(images, 32, generator=generator)
    features = looks @ (torch.randn(32, dimensions, generator=generator) / 32**0.5)
    features.add_(torch.randn(images, dimensions, generator=generator), alpha=0.3)
    return functional.normalize(features, out=features), person.numpy()


def main() -> None:
    """Print the seconds of each part, and the peak of memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=12_936)
    parser.add_argument("--dimensions", type=int, default=2048)
    parser.add_argument("--parts", action="store_true", help="measure each part of the distance by itself, too")
    options = parser.parse_args()
    features, person = generated_features(options.images, options.dimensions, 0)
    print(f"{options.images} images, {options.dimensions} dimensions, {torch.get_num_threads()} threads of torch")
    if options.parts:
        neighbours = timed("neighbours", lambda: nearest(features, 30))
        expanded = timed("expansion", lambda: expanded_reciprocal(neighbours, 30))
        weights = timed("weights", lambda: neighbour_weights(features, expanded))
        averaged = timed("query expansion", (membership(neighbours[:, :6]) / np.float32(6) @ weights).tocsr)
        distances = timed("distances", lambda: distances_up_to(averaged, 0.6))
        print(f"{weights.nnz:,} weights, {averaged.nnz:,} averaged, {distances.nnz:,} distances up to 0.6")
    labels = timed("clustering", lambda: cluster(features, k1=30, k2=6, eps=0.6, min_samples=4))
    found = timed("centres and silhouette", lambda: described(features, labels))
    print(
        f"{found.count} clusters for {len(np.unique(person))} people, {100 * found.outliers:.1f} % outliers, "
        f"adjusted Rand index with the people {agreement(found.labels, person):.3f}"
    )
    print(f"peak of memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


def timed(name, compute):
    """Return what `compute` returns, and print how long it took."""
    start = time.perf_counter()
    result = compute()
    print(f"{name}: {time.perf_counter() - start:.1f} s", flush=True)
    return result


if __name__ == "__main__":
    main()
