"""A stage as a container of its image, on the Docker engine of this machine."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.images import Image
from docker.types import DeviceRequest, Mount
from kfp import local
from requests import RequestException
from urllib3.exceptions import HTTPError

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError
from simpgan.components.core.process.task import TASK
from simpgan.components.core.tracking.store_address import sqlite_file
from simpgan.pipelines.runner.docker_engine import connect, digest_of, in_a_line
from simpgan.pipelines.runner.folder_lock import FolderLock, container_of
from simpgan.pipelines.runner.kfp_patches import RunStage, container_replaced
from simpgan.pipelines.runner.stage_log import INDENT, Ended, StageOutput

SECONDS_TO_END = 60  # a training finishes its step, and writes its checkpoint
NOT_STARTED = 125  # as the command `docker run` says it
ENGINE_ERRORS = (DockerException, RequestException)
SHARED_MEMORY = "2g"
"""Size of /dev/shm, which processes share; it takes memory only as far as it is used."""

AS_ONE_STREAM = ("sh", "-c", 'exec "$@" 2>&1', "sh")
"""Prefix of a command: the engine reads output and errors apart, and mixes up their order."""

PASSED = ("AWS_", "MLFLOW_", "SIMPGAN_")
PASSED_BY_NAME = {"CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "TERM"} | {
    name for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY") for name in (proxy, proxy.lower())
}
KEPT_BACK = {"SIMPGAN_COMMIT", "SIMPGAN_IMAGE", "SIMPGAN_KFP_TOKEN", "SIMPGAN_NOTIFICATION_URL"}
"""Variables that an image sets itself, and secrets that no stage needs."""

AWS_FILES = {
    "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
    "AWS_CONFIG_FILE": "~/.aws/config",
    "AWS_CA_BUNDLE": "",
}
"""Variables that name a file, and their defaults."""


class Containers:
    """Runs stages as containers, which have the paths, the user and the network of this process.

    Args:
        lock: of the folder that the run works in.
        writes: folders that stages write to; what is no path of this machine is left out.
        reads: files and folders that stages only read, likewise.
        environment: whose variables stages get as far as they concern them.
    """

    def __init__(
        self,
        lock: FolderLock,
        writes: Iterable[str],
        reads: Iterable[str],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.lock = lock
        self.environment = environment
        self.client = connect()
        self.kfp_runner = local.DockerRunner()
        self.name = container_of(lock.folder)
        self.images: dict[str, Image] = {}
        self.arguments = {
            **arguments_for(self.client.info()),
            "name": self.name,
            "hostname": self.name,
            "extra_hosts": {self.name: "127.0.0.1"},
            "mounts": mounts([str(lock.folder), *writes, *folders_of_environment()], [*reads, *aws_files().values()]),
        }

    def check(self, images: Iterable[str]) -> None:
        """Find the images, and keep using them until the end of the run, even if their names change meaning.

        Raises:
            UserError: an image is missing.
        """
        for name in images:
            with suppress(ImageNotFound):
                self.images[name] = self.client.images.get(name)
        missing = sorted(set(images) - self.images.keys())
        if missing:
            raise UserError(f"no image {', '.join(missing)}: make images")

    def code(self, image: str) -> str:
        """Return the part of the cache key for a stage's code: the layers of its image, packages included."""
        return " ".join(self.images[image].attrs["RootFS"]["Layers"])

    def start(self, image: str, command: Sequence[str], task: str, output: StageOutput) -> "StageContainer":
        """Prepare a container of a stage whose run is recorded as `task`; `wait` starts it."""
        self.lock.note_container(self.name)
        environment = environment_of(self.environment, task, digest_of(self.images[image]))
        given = {**self.arguments, "environment": environment}
        return StageContainer(self.client, self.images[image].id, command, given, output, self.lock.forget_container)

    def instead_of_kfp(self, run: RunStage) -> AbstractContextManager[None]:
        """Let kfp call `run` for every stage in this block."""
        return container_replaced(run)


class StageContainer:
    """A container that runs to its end, and is removed only then."""

    def __init__(
        self,
        client: DockerClient,
        image: str,
        command: Sequence[str],
        arguments: Mapping[str, Any],
        output: StageOutput,
        removed: Callable[[], None],
    ) -> None:
        self.client = client
        self.image = image
        self.command = command
        self.arguments = arguments
        self.output = output
        self.removed = removed
        self.terminal = sys.stderr.isatty()  # only a terminal gets progress bars
        self.asked_to_end = False

    def wait(self) -> Ended:
        """Start the container and follow its output until it ends."""
        try:
            return self.run()
        except ImageNotFound:
            raise UserError(
                f"the image of {self.output.log.stem} was removed in the middle of the run: make images"
            ) from None
        except APIError as error:
            disturbed = "the Docker engine failed" if error.is_server_error() else ""
            return Ended(NOT_STARTED, disturbed, f"the container did not start: {in_a_line(error)}")
        except ENGINE_ERRORS as error:
            return Ended(NOT_STARTED, "the Docker engine went away", f"the Docker engine went away: {in_a_line(error)}")
        finally:
            with suppress(*ENGINE_ERRORS):
                self.remove()

    def run(self) -> Ended:
        """Do what `wait` does, but raise the engine's errors."""
        with suppress(NotFound):  # left there when the engine went away
            self.client.containers.get(self.arguments["name"]).remove(force=True)
        container = self.client.containers.create(
            self.image, [*AS_ONE_STREAM, *self.command], tty=self.terminal, **self.arguments
        )
        output = container.attach(stream=True)
        container.start()
        if self.terminal:
            columns, rows = shutil.get_terminal_size()
            container.resize(rows, columns - len(INDENT))
        if self.asked_to_end:  # before there was anything to end
            self.kill(signal.SIGTERM)
        self.output.follow(to_its_end(output))
        try:
            ended = container.wait()["StatusCode"]
            container.reload()
        except NotFound:  # removed by somebody else
            return Ended(128 + signal.SIGKILL, disturbed="killed")
        if ended and container.attrs["State"]["OOMKilled"]:
            return Ended(ended, disturbed="out of memory", reason="out of memory")
        return Ended.with_status(ended)

    def kill(self, with_signal: signal.Signals) -> None:
        """Send a signal to all processes in the container, if it runs."""
        self.asked_to_end = True
        # A client of its own, since it may be in the middle of the other's call that the signal has come.
        with suppress(UserError, *ENGINE_ERRORS), closing(connect()) as client:
            container = client.containers.get(self.arguments["name"])
            if with_signal == signal.SIGKILL:
                container.kill()
            else:  # Linux keeps signals from the first process of a container, and kfp makes a shell the first.
                container.exec_run(["sh", "-c", f"kill -{with_signal.value} -1"])

    def remove(self) -> None:
        """Remove the container; if it was told to end, wait until it has closed its run."""
        try:
            container = self.client.containers.get(self.arguments["name"])
            with suppress(RequestException):
                container.wait(timeout=SECONDS_TO_END)
            container.remove(force=True)
        except NotFound:
            pass
        self.removed()


def to_its_end(output: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the output of a container until its end, or until the engine goes away."""
    with suppress(OSError, HTTPError):
        yield from output


def arguments_for(engine: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of every container for an engine with this description."""
    given: dict[str, Any] = {
        "user": f"{os.getuid()}:{os.getgid()}",
        "group_add": [str(group) for group in os.getgroups()],
        "network_mode": "host",  # so that servers on this machine have the same address
        "read_only": True,
        "tmpfs": {"/tmp": "exec"},  # torch.compile loads what it writes there
        "shm_size": SHARED_MEMORY,
        "working_dir": os.getcwd(),
        "security_opt": ["no-new-privileges"],
    }
    if any("selinux" in option for option in engine.get("SecurityOptions") or []):
        given["security_opt"].append("label=disable")  # else it would hide the folders of this user
    if "nvidia" in (engine.get("Runtimes") or {}):
        given["device_requests"] = [DeviceRequest(count=-1, capabilities=[["gpu"]])]
    return given


def environment_of(here: Mapping[str, str], task: str, image: str) -> dict[str, str]:
    """Return the environment of a stage: the needed variables of `here`, and those that its container requires."""
    passed = {
        name: value
        for name, value in here.items()
        if (name.startswith(PASSED) or name in PASSED_BY_NAME) and name not in KEPT_BACK
    }
    return {
        "OMP_WAIT_POLICY": "PASSIVE",
        **passed,
        **aws_files(),
        "HOME": "/tmp",
        "USER": here.get("USER", "simpgan"),  # the image knows no name for this user's number
        "PYTHONUNBUFFERED": "1",
        "SIMPGAN_CACHE": str(storage.cache_folder().absolute()),
        "TORCH_HOME": str(torch_home()),
        TASK: task,
        "SIMPGAN_IMAGE": image,
    }


def mounts(writes: Iterable[str], reads: Iterable[str]) -> list[Mount]:
    """Mount folders and files of this machine at the same paths in a container; folders to write to are created."""
    writable = {path for location in writes if (path := path_of(location))}
    for path in writable:
        path.mkdir(parents=True, exist_ok=True)
    readable = {path for location in reads if (path := path_of(location)) and path.exists()} - writable
    return [
        Mount(str(path), str(path), type="bind", read_only=path in readable) for path in sorted(writable | readable)
    ]


def path_of(location: str) -> Path | None:
    """Return a location as the path that a stage uses; None in an object store."""
    return None if storage.is_s3(location) else Path(os.path.abspath(location))


def folders_of_environment() -> list[str]:
    """Return the folders that stages write to besides those of the run: caches, and a store of runs that is a file."""
    store = sqlite_file(os.environ.get("MLFLOW_TRACKING_URI", ""))
    stores = [str(store.parent)] if store else []
    return [str(storage.cache_folder()), str(torch_home()), *stores]


def torch_home() -> Path:
    """Return the folder of weights that torchvision has downloaded."""
    return Path(storage.named_by("TORCH_HOME") or storage.home_folder("TORCH_HOME") / ".cache" / "torch").absolute()


def aws_files() -> dict[str, str]:
    """Return the files with boto3's keys and certificates, by the variables that name them."""
    found = {name: Path(os.environ.get(name) or path).expanduser().absolute() for name, path in AWS_FILES.items()}
    return {name: str(path) for name, path in found.items() if path.is_file()}
