"""The process that owns a run, so that runs of dead processes can be told from those of living ones."""

import os
import socket
from pathlib import Path


def host_name() -> str:
    """Return the name of this machine or container."""
    return socket.gethostname()


def process_mark() -> str:
    """Identify this process by machine, number and start time, since numbers are reused."""
    return f"{host_name()}:{os.getpid()}:{_start_time(os.getpid())}"


def has_ended(mark: str) -> bool:
    """Tell whether the process of `mark` has ended; False for a process of another machine, which is unknown."""
    host, number, start = mark.rsplit(":", 2)
    return host == host_name() and _start_time(int(number)) != start


def _start_time(number: int) -> str:
    """Return the start in clock ticks since boot, from Linux's /proc; "ended" for no process and for zombies."""
    try:
        state, *fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "ended"
    return "ended" if state == "Z" else fields[18]
