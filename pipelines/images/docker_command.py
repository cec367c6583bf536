"""The docker command, which uses the builder of this machine and the login of its user."""

import re
import subprocess
from pathlib import Path

from simpgan.components.core.errors import UserError

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def docker(*arguments: str, failed: str, do: str, input: bytes | None = None) -> str:
    """Run a docker command and return its output.

    Args:
        *arguments: Arguments of the command.
        failed: Error message if the command fails; the reason is added.
        do: Advice at the end of the message.
        input: Standard input of the command.

    Raises:
        UserError: The command fails, or docker is not installed.
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
    """Return the line that explains a failure: the first error of a build, else the last line of docker."""
    lines = [COLOURS.sub("", line).strip() for text in (output, errors) for line in text.splitlines()]
    of_build = [line.partition("ERROR: ")[2] for line in lines if "ERROR: " in line]
    return next(iter(of_build), "") or next((line for line in reversed(lines) if line), "docker gives no reason")


def exists(image: str) -> bool:
    """Return whether the engine has the image."""
    inspect = ["docker", "image", "inspect", "--format", "{{.Id}}", image]
    return subprocess.run(inspect, capture_output=True, check=False).returncode == 0


def size(image: str) -> int:
    """Return the size of an image with its base, in bytes."""
    failed = f"there is no image {image}"
    return int(docker("image", "inspect", "--format", "{{.Size}}", image, failed=failed, do="simpgan images build"))


def run(image: str, *command: str) -> str:
    """Return the output of a command in a new, read-only container without network."""
    options = ["run", "--rm", "--network", "none", "--read-only", "--entrypoint", command[0]]
    failed = f"{image} cannot run {Path(command[0]).name}"
    return docker(*options, image, *command[1:], failed=failed, do="is it an image for these stages?")
