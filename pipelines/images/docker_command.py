"""The Docker command, which builds by whichever builder this machine has, and logs in as its user does."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from components.core.runtime.errors import UserError


def docker(
    *arguments: str, failed: str, do: str, input: bytes | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """Run a docker command and return what it prints.

    Args:
        failed: what it means when the command fails; the last thing that docker said is added to it.
        do: what to do then.
        input: what the command reads.
        environment: variables besides those of this process.

    Raises:
        UserError: it failed, or there is no docker.
    """
    try:
        ran = subprocess.run(
            ["docker", *arguments],
            input=input,
            capture_output=True,
            check=False,
            env={**os.environ, **(environment or {})},
        )
    except FileNotFoundError:
        raise UserError("docker is not installed: get it from https://docs.docker.com/engine/install") from None
    if ran.returncode:
        said = (ran.stderr or ran.stdout).decode(errors="replace").strip().splitlines()
        raise UserError(f"{failed} ({said[-1].strip() if said else 'docker says nothing'}): {do}")
    return ran.stdout.decode(errors="replace")


def exists(image: str) -> bool:
    """Whether the engine has the image."""
    inspect = ["docker", "image", "inspect", "--format", "{{.Id}}", image]
    return subprocess.run(inspect, capture_output=True, check=False).returncode == 0


def size(image: str) -> int:
    """Bytes of an image, with the base that it stands on."""
    failed = f"there is no image {image}"
    return int(docker("image", "inspect", "--format", "{{.Size}}", image, failed=failed, do="simpgan images build"))


def run(image: str, *command: str) -> str:
    """What a command prints in a new container without network, user or place to write of its own."""
    options = ["run", "--rm", "--network", "none", "--read-only", "--entrypoint", command[0]]
    failed = f"{image} cannot run {Path(command[0]).name}"
    return docker(*options, image, *command[1:], failed=failed, do="is it an image for these stages?")
