"""Work that is told to stop ends at the next unit of its progress, and only that work."""

from threading import Event, Thread

import pytest

from simpgan.components.core.process.progress import Progress
from simpgan.components.core.process.stoppable import Stopped, stoppable


def test_told_work_stops_and_cleans_up_and_other_work_goes_on() -> None:
    told, ended = Event(), []

    def work() -> None:
        try:
            with stoppable(told), Progress("features", 10**9, "image") as bar:
                while True:
                    bar.update()
        except Stopped:
            ended.append("cleaned up")

    thread = Thread(target=work)
    thread.start()
    told.set()
    with Progress("other work", 1, "image") as bar:
        bar.update()
    thread.join(60)
    assert ended == ["cleaned up"]


def test_after_the_block_nothing_stops() -> None:
    told = Event()
    told.set()
    bar = Progress("features", 2, "image")
    with stoppable(told), pytest.raises(Stopped):
        bar.update()
    bar.update()
