"""Jobs are joined into batches, and each gets its own answer."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence

import pytest

from simpgan.components.search.serve import batches as module
from simpgan.components.search.serve.batches import Batches

Doubling = Batches[int, int]


class Recorded:
    """A computation that doubles numbers and keeps the batches it was given."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.batches = seconds, []

    def __call__(self, jobs: Sequence[int]) -> list[int]:
        self.batches.append(list(jobs))
        time.sleep(self.seconds)
        if 13 in jobs:
            raise ValueError("an unlucky number")
        return [2 * job for job in jobs]


def during(batches: Doubling, work: Callable[[], Awaitable[None]]) -> None:
    """Run something while batches are computed."""

    async def both() -> None:
        running = asyncio.create_task(batches.run())
        try:
            await work()
        finally:
            running.cancel()

    asyncio.run(both())


def test_jobs_that_are_on_their_way_are_waited_for_and_each_gets_its_answer() -> None:
    compute = Recorded()
    batches = Doubling(compute, 8, lambda: 5)

    async def work() -> None:
        first = asyncio.create_task(batches.answer(1))
        await asyncio.sleep(0.001)
        assert await asyncio.gather(first, *(batches.answer(job) for job in (2, 3, 4, 5))) == [2, 4, 6, 8, 10]

    during(batches, work)
    assert compute.batches == [[1, 2, 3, 4, 5]]


def test_jobs_that_come_during_a_computation_are_the_next_batch_of_the_largest_size() -> None:
    compute = Recorded(seconds=0.1)
    batches = Doubling(compute, 3, lambda: 0)

    async def work() -> None:
        first = asyncio.create_task(batches.answer(0))
        await asyncio.sleep(0.05)
        assert await asyncio.gather(first, *map(batches.answer, range(1, 6))) == [0, 2, 4, 6, 8, 10]

    during(batches, work)
    assert compute.batches == [[0], [1, 2, 3], [4, 5]]


def test_workers_share_the_jobs_that_come_together_and_compute_at_the_same_time() -> None:
    all_compute = threading.Barrier(3)
    sizes = []

    def compute(jobs: Sequence[int]) -> list[int]:
        all_compute.wait(60)
        sizes.append(len(jobs))
        return [2 * job for job in jobs]

    batches = Doubling(compute, 8, lambda: 10, workers=3)

    async def work() -> None:
        assert await asyncio.gather(*map(batches.answer, range(10))) == list(range(0, 20, 2))

    during(batches, work)
    assert sorted(sizes) == [2, 4, 4]


def test_a_worker_leaves_their_share_to_those_that_are_free_soon() -> None:
    few_may_end, many_have_begun = threading.Event(), threading.Event()
    sizes = []

    def compute(jobs: Sequence[int]) -> list[int]:
        sizes.append(len(jobs))
        if 0 in jobs:
            assert few_may_end.wait(60)
        elif len(sizes) == 2:
            few_may_end.set()
            assert many_have_begun.wait(60)
        else:
            many_have_begun.set()
        return list(jobs)

    batches = Doubling(compute, 8, lambda: 0, workers=2)

    async def work() -> None:
        first = asyncio.create_task(batches.answer(0))
        while not batches.computing:
            await asyncio.sleep(0.001)
        assert await asyncio.gather(first, *map(batches.answer, range(1, 8))) == list(range(8))

    during(batches, work)
    assert sizes == [1, 4, 3]


def test_a_free_worker_does_not_wait_for_jobs_that_another_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 60)
    others_come = threading.Event()
    unanswered = 0

    def compute(jobs: Sequence[int]) -> list[int]:
        if 0 in jobs:
            assert others_come.wait(60)
        else:
            others_come.set()
        return list(jobs)

    batches = Doubling(compute, 8, lambda: unanswered, workers=2)

    async def work() -> None:
        nonlocal unanswered
        unanswered = 1
        first = asyncio.create_task(batches.answer(0))
        while not batches.computing:
            await asyncio.sleep(0.001)
        unanswered = 2
        assert await asyncio.wait_for(batches.answer(1), 30) == 1
        assert await first == 0

    during(batches, work)


def test_what_does_not_come_is_not_waited_for_long() -> None:
    batches = Doubling(Recorded(), 8, lambda: 5)

    async def work() -> None:
        assert await asyncio.wait_for(batches.answer(1), 60) == 2

    during(batches, work)


def test_a_failure_is_that_of_its_batch_alone() -> None:
    batches = Doubling(Recorded(), 8, lambda: 0)

    async def work() -> None:
        with pytest.raises(ValueError, match="an unlucky number"):
            await batches.answer(13)
        assert await batches.answer(14) == 28

    during(batches, work)


def test_a_job_that_is_given_up_does_not_disturb_the_others() -> None:
    batches = Doubling(Recorded(seconds=0.1), 8, lambda: 2)

    async def work() -> None:
        given_up, other = (asyncio.create_task(batches.answer(job)) for job in (1, 2))
        await asyncio.sleep(0.05)
        given_up.cancel()
        assert await other == 4
        assert await batches.answer(3) == 6

    during(batches, work)
