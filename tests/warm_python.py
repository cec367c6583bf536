"""Python programs that start at once: each is forked from a process that has imported what they import.

A command or a stage imports torch, kfp and MLflow for seconds, and at the sizes of a test works for tenths of one.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

CLIENT = """\
#!{python} -IS
import json, os, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
request = json.dumps([[*{first!r}, *sys.argv[1:]], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [len(request).to_bytes(8, "big")], [0, 1, 2])
server.sendall(request)
answers = server.makefile()
child = int(answers.readline())
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, frame: os.kill(child, number))
status = int(answers.readline())
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
"""
PROGRAMS: dict[str, list[str]] = {"python": [], "python3": [], "simpgan": ["-m", "simpgan.pipelines.cli"]}
DEMO = {"source_identities": 6, "target_identities": 4}
"""How many people the demo's networks have, in the place of 160 and 120."""

PACKAGE = "simpgan"
OTHERS = ("torchvision", "sklearn.utils", "kfp.local", "kfp.dsl.executor", "mlflow.store.tracking.sqlalchemy_store")


@contextlib.contextmanager
def programs(folder: Path, presets: Path | None = None) -> Iterator[None]:
    """Write `python`, `python3` and `simpgan` into `folder`. They work until the block ends, which ends them too.

    Args:
        presets: folder of the presets that go by a name, instead of those of the software.
    """
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as private:  # the path of a socket is short
        address = Path(private) / "socket"
        command = [sys.executable, "-m", __name__, address, folder / "python", *([presets] if presets else [])]
        server = subprocess.Popen(command, cwd=root, start_new_session=True, stdout=subprocess.PIPE)
        try:
            assert server.stdout
            assert server.stdout.readline() == b"ready\n"
            for name, first in PROGRAMS.items():
                program = folder / name
                program.write_text(CLIENT.format(python=sys.executable, address=str(address), first=first))
                program.chmod(0o755)
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.communicate()


def serve(address: str, python: str, presets: str = "") -> list[str]:
    """Wait for clients. Returns in a new process for each, with its arguments, streams, folder and environment."""
    import_all()
    from simpgan.pipelines import demo_data
    from simpgan.pipelines.config import presets as pipelines_presets

    if presets:
        pipelines_presets.PRESETS = replace(pipelines_presets.PRESETS, folder=Path(presets))
    demo_data.generate.__kwdefaults__ = DEMO
    sys.executable = python
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            client, _ = server.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                server.close()
                return take_over(client)
            client.close()


def import_all() -> None:
    """Import what commands and stages import."""
    for module in pkgutil.walk_packages([PACKAGE], f"{PACKAGE}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in OTHERS:
        importlib.import_module(name)


def take_over(client: socket.socket) -> list[str]:
    """Become the program of a client, which another process tells how it has ended. Returns its arguments."""
    head, streams, _, _ = socket.recv_fds(client, 8, 3)
    content = b""
    while len(content) < int.from_bytes(head, "big"):
        content += client.recv(1 << 20)
    child = os.fork()
    if child:
        for stream in streams:
            os.close(stream)
        client.sendall(f"{child}\n".encode())
        ended, *_ = select.select([os.pidfd_open(child), client], [], [])
        if client in ended:  # which sends nothing more: it was killed
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(BrokenPipeError):
            client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    client.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    arguments, folder, environment = json.loads(content)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    return arguments


def run(arguments: list[str]) -> None:
    """Do what `python ARGUMENTS` does."""
    while arguments and arguments[0] in ("-u", "-I", "-s"):
        arguments.pop(0)
    kind, *rest = arguments or ["-"]
    if kind == "-m":
        sys.argv = rest
        sys.path[0] = os.getcwd()
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind in ("-c", "-"):
        sys.argv = ["-c", *rest[1:]]
        sys.path[0] = ""
        code = rest[0] if kind == "-c" else sys.stdin.read()
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = arguments
        sys.path[0] = str(Path(kind).parent)
        runpy.run_path(kind, run_name="__main__")


def leave() -> None:
    """End at once: to clear away all modules takes seconds."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


if __name__ == "__main__":
    atexit.register(leave)  # as the first, to be called as the last
    status = 1
    try:
        run(serve(*sys.argv[1:]))
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
