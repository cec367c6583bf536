"""Which process a run belongs to, so that runs of dead processes can be told from living ones."""

import os
import socket
from pathlib import Path


def host_name() -> str:
    """This machine, or this container."""
    return socket.gethostname()


def process_mark() -> str:
    """Names this process for good: machine, number and start time, since numbers come again."""
    return f"{host_name()}:{os.getpid()}:{_start_time(os.getpid())}"


def has_ended(mark: str) -> bool:
    """Whether the process of `mark` has ended. Of another machine's nothing can be known: False."""
    host, number, start = mark.rsplit(":", 2)
    return host == host_name() and _start_time(int(number)) != start


def _start_time(number: int) -> str:
    """Start in clock ticks since boot, from Linux's /proc; "ended" for none and for zombies."""
    try:
        state, *fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "ended"
    return "ended" if state == "Z" else fields[18]
