"""Requests that wait are computed together, in batches that the threads of some workers share."""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

PAUSE = 0.005
"""Seconds that the first job waits, since of many that are sent at once it comes a little earlier than the others."""

PATIENCE = 0.02
"""Further seconds for which a batch waits for jobs that are on their way."""

Job = TypeVar("Job")
Answer = TypeVar("Answer")


class Batches(Generic[Job, Answer]):
    """Joins jobs into batches, and computes as many batches at a time as there are workers.

    A free worker takes its share of all jobs that are not answered. Jobs that come while all workers compute form the
    next batches, so batches grow with the load. A batch starts after `PAUSE` as soon as no further job is on its way,
    or after `PATIENCE`.

    Args:
        compute: computes the answers of up to `most` jobs, in their order; called in the workers' threads.
        most: number of jobs in the largest batch.
        coming: returns how many jobs are not answered yet or will be there soon.
        workers: number of batches that are computed at a time.

    Attributes:
        waiting: jobs that no worker has taken, with what they wait for.
        computing: number of jobs that workers compute.
        free: number of workers that compute nothing.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Job]], Sequence[Answer]],
        most: int,
        coming: Callable[[], int],
        workers: int = 1,
    ) -> None:
        self.compute, self.most, self.coming, self.workers = compute, most, coming, workers
        self.waiting: deque[tuple[Job, asyncio.Future[Answer]]] = deque()
        self.free, self.computing = workers, 0
        self._changed = asyncio.Event()

    async def answer(self, job: Job) -> Answer:
        """Return the answer of a job, once its batch is computed.

        Raises:
            Exception: whatever `compute` raised.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.waiting.append((job, future))
        self._changed.set()
        return await future

    async def run(self) -> None:
        """Compute batches until cancelled."""
        with ThreadPoolExecutor(self.workers, thread_name_prefix="batches") as threads:
            async with asyncio.TaskGroup() as computing:
                while True:
                    if not self.waiting:
                        await self._until(lambda: bool(self.waiting))
                        await asyncio.sleep(PAUSE)
                    await self._until(lambda: self.free > 0)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(PATIENCE):
                            await self._until(self._all_have_come)
                    batch = self._take_share()
                    self.free -= 1
                    self.computing += len(batch)
                    computing.create_task(self._compute(batch, threads))

    async def _compute(self, batch: list[tuple[Job, asyncio.Future[Answer]]], threads: ThreadPoolExecutor) -> None:
        """Compute a batch in a worker's thread and answer its jobs."""
        jobs = [job for job, _ in batch]
        try:
            answers = await asyncio.get_running_loop().run_in_executor(threads, self.compute, jobs)
        except Exception as failure:  # that of every job of the batch
            for _, future in batch:
                if not future.done():
                    future.set_exception(failure)
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():  # that of a client that has gone is cancelled
                    future.set_result(answer)
        await asyncio.sleep(0)  # those that are answered are no longer coming
        self.free += 1
        self.computing -= len(batch)
        self._changed.set()

    def _all_have_come(self) -> bool:
        return len(self.waiting) >= min(self.most, self.coming() - self.computing)

    def _take_share(self) -> list[tuple[Job, asyncio.Future[Answer]]]:
        """Take the jobs that wait longest: no more than every worker has if all have the same number."""
        share = math.ceil((len(self.waiting) + self.computing) / self.workers)
        return [self.waiting.popleft() for _ in range(min(share, self.most, len(self.waiting)))]

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, which changes when a job comes or a worker is free."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()
