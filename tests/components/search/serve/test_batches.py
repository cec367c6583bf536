"""Jobs are joined into batches, and each gets its own answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import pytest

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
