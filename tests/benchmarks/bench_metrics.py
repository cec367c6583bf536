"""Scoring a Market-1501-sized gallery: counting ranks against sorting every probe's whole list.

Run with `python -m tests.benchmarks.bench_metrics`. Features are random; persons, cameras and distractors
are as many as in Market-1501. Each way runs in a process of its own, so that its peak memory is its own.
"""

import multiprocessing
import resource
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from simpgan.components.evaluate.metrics import rank

PROBES, GALLERY, DISTRACTORS, WIDTH, PERSONS, CAMERAS = 3368, 15913, 2798, 512, 750, 6


class Cost(NamedTuple):
    seconds: float
    processor_seconds: float
    peak_gigabytes: float
    rank_1: float
    mean_average_precision: float


def market_sized(seed: int = 0) -> dict[str, np.ndarray]:
    """Arguments of `rank`."""
    random = np.random.default_rng(seed)

    def unit(count: int) -> np.ndarray:
        features = random.standard_normal((count, WIDTH), dtype=np.float32)
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        return features

    gallery_person = np.concatenate([random.integers(0, PERSONS, GALLERY - DISTRACTORS), np.full(DISTRACTORS, -1)])
    return {
        "query": unit(PROBES),
        "gallery": unit(GALLERY),
        "query_person": random.integers(0, PERSONS, PROBES),
        "gallery_person": gallery_person,
        "query_camera": random.integers(0, CAMERAS, PROBES),
        "gallery_camera": random.integers(0, CAMERAS, GALLERY),
    }


def by_counting(case: dict[str, np.ndarray]) -> tuple[float, float]:
    result = rank(**case)
    return result.cmc[0], result.mean_average_precision


def by_sorting(case: dict[str, np.ndarray]) -> tuple[float, float]:
    """The usual way: one matrix of all similarities, sorted row by row."""
    order = np.argsort(-(case["query"] @ case["gallery"].T), axis=1)
    hits, precisions = [], []
    for probe, listed in enumerate(order):
        same = case["gallery_person"][listed] == case["query_person"][probe]
        same_camera = case["gallery_camera"][listed] == case["query_camera"][probe]
        correct = same[~(same & same_camera)]
        if correct.any():
            hits.append(correct[0])
            ranks = np.flatnonzero(correct) + 1
            precisions.append((np.arange(1, len(ranks) + 1) / ranks).mean())
    return float(np.mean(hits)), float(np.mean(precisions))


def cost(way: Callable[[dict[str, np.ndarray]], tuple[float, float]]) -> Cost:
    case = market_sized()
    start, processor_start = time.perf_counter(), time.process_time()
    rates = way(case)
    seconds, processor_seconds = time.perf_counter() - start, time.process_time() - processor_start
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Cost(seconds, processor_seconds, kibibytes * 1024 / 1e9, *rates)


def main() -> None:
    costs = []
    for way in (by_counting, by_sorting):
        with multiprocessing.get_context("spawn").Pool(1) as fresh:
            costs.append(fresh.apply(cost, (way,)))
        seconds, processor_seconds, gigabytes, rank_1, average_precision = costs[-1]
        print(
            f"{way.__name__:12} {seconds:6.2f} s ({processor_seconds:.2f} s of processor time), "
            f"{gigabytes:.2f} GB at most, rank-1 {rank_1:.6f}, mAP {average_precision:.6f}"
        )
    counting, sorting = costs
    print(
        f"counting takes 1/{sorting.seconds / counting.seconds:.1f} of the time "
        f"and 1/{sorting.peak_gigabytes / counting.peak_gigabytes:.1f} of the memory"
    )


if __name__ == "__main__":
    main()
