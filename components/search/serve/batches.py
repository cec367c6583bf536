"""Requests that wait are computed together, one batch at a time, in a thread of its own."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Job = TypeVar("Job")
Answer = TypeVar("Answer")


class Batches(Generic[Job, Answer]):
    """Joins jobs into batches.

    A job that comes while nothing is computed starts at once. Those that come during a computation form the next batch,
    so batches grow with the load, and no job waits for others to come.

    Args:
        compute: computes the answers of up to `most` jobs, in their order; called in one thread.
        most: number of jobs in the largest batch.
    """

    def __init__(self, compute: Callable[[Sequence[Job]], Sequence[Answer]], most: int) -> None:
        self.compute, self.most = compute, most
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
                await self._came.wait()
                batch = [self.waiting.popleft() for _ in range(min(self.most, len(self.waiting)))]
                if not self.waiting:
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
