"""Requests that wait are computed together, one batch at a time, in a thread of its own."""

import asyncio
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
    """Joins jobs into batches.

    Jobs that come during a computation form the next batch, so batches grow with the load. A batch starts after `PAUSE`
    as soon as no further job is on its way, or after `PATIENCE`.

    Args:
        compute: computes the answers of up to `most` jobs, in their order; called in one thread.
        most: number of jobs in the largest batch.
        coming: returns how many jobs will be there soon, those that wait included.
    """

    def __init__(
        self, compute: Callable[[Sequence[Job]], Sequence[Answer]], most: int, coming: Callable[[], int]
    ) -> None:
        self.compute, self.most, self.coming = compute, most, coming
        self.waiting: deque[tuple[Job, asyncio.Future[Answer]]] = deque()
        self._came = asyncio.Event()

    async def answer(self, job: Job) -> Answer:
        """Return the answer of a job, once its batch is computed.

        Raises:
            Exception: whatever `compute` raised.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.waiting.append((job, future))
        self._came.set()
        return await future

    async def run(self) -> None:
        """Compute batches until cancelled."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
            while True:
                if not self.waiting:
                    await self._came.wait()
                    await asyncio.sleep(PAUSE)
                await self._others()
                batch = [self.waiting.popleft() for _ in range(min(self.most, len(self.waiting)))]
                self._came.clear()
                jobs = [job for job, _ in batch]
                try:
                    answers = await loop.run_in_executor(thread, self.compute, jobs)
                except Exception as failure:  # that of every job of the batch
                    for _, future in batch:
                        if not future.done():
                            future.set_exception(failure)
                else:
                    for (_, future), answer in zip(batch, answers, strict=True):
                        if not future.done():  # that of a client that has gone is cancelled
                            future.set_result(answer)
                await asyncio.sleep(0)  # those that are answered are no longer on their way

    async def _others(self) -> None:
        """Wait for the jobs that are on their way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while len(self.waiting) < min(self.most, self.coming()):
                    self._came.clear()
                    await self._came.wait()
