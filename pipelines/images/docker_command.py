"""The Docker command, which builds by whichever builder this machine has, and logs in as its user does."""

import re
import subprocess
from pathlib import Path

from simpgan.components.core.errors import UserError

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def docker(*arguments: str, failed: str, do: str, input: bytes | None = None) -> str:
    """Run a docker command and return what it prints.

    Args:
        failed: what it means when the command fails; why is added to it.
        do: what to do then.
        input: what the command reads.

    Raises:
        UserError: it failed, or there is no docker.
    """
    try:
        ran = subprocess.run(["docker", *arguments], input=input, capture_output=True, check=False)
    except FileNotFoundError:
        raise UserError("docker is not installed: get it from https://docs.docker.com/engine/install") from None
    if ran.returncode:
        output, errors = ran.stdout.decode(errors="replace"), ran.stderr.decode(errors="replace")
        raise UserError(f"{failed} ({reason(output, errors)}): {do}")
    return ran.stdout.decode(errors="replace")


def reason(output: str, errors: str) -> str:
    """The line that says why a command failed: the first error of what a build ran, else docker's last word."""
    lines = [COLOURS.sub("", line).strip() for text in (output, errors) for line in text.splitlines()]
    of_build = [line.partition("ERROR: ")[2] for line in lines if "ERROR: " in line]
    return next(iter(of_build), "") or next((line for line in reversed(lines) if line), "docker says nothing")


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
