"""The Docker engine of this machine: its connection, its images, and its errors in one line."""

import os
from contextlib import closing, suppress

import docker
from docker.errors import DockerException, ImageNotFound, NotFound
from docker.models.images import Image

from simpgan.components.core.errors import UserError
from simpgan.components.core.process.provenance import COMMIT


def connect() -> docker.DockerClient:
    """Connect to the engine.

    Raises:
        UserError: it does not answer, or does not let this user in.
    """
    try:
        return docker.from_env()
    except DockerException as error:
        where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        raise UserError(
            f"cannot reach the Docker engine at {where} ({in_a_line(error)}): start it, or name it by DOCKER_HOST"
        ) from None


def end_container(name: str) -> None:
    """Kill and remove the container of this name, if there is one.

    Raises:
        UserError: the engine cannot be asked.
    """
    with closing(connect()) as client, suppress(NotFound):
        client.containers.get(name).remove(force=True)


def code_in(name: str) -> tuple[str, str]:
    """Return the commit of the code in the image of a stage, and the image by its digest.

    Raises:
        UserError: the engine has no such image, or cannot be asked.
    """
    with closing(connect()) as client:
        try:
            image = client.images.get(name)
        except ImageNotFound:
            raise UserError(f"no image {name}: make images") from None
    environment = dict(each.split("=", 1) for each in image.attrs["Config"]["Env"])
    return environment.get(COMMIT, "unknown"), digest_of(image)


def digest_of(image: Image) -> str:
    """Return the image by its digest in a registry, else by its id in the engine."""
    return str(next(iter(image.attrs.get("RepoDigests") or []), image.id))


def in_a_line(error: Exception) -> str:
    """Return the message of an error of the engine, or of its connection, on one line."""
    said = str(getattr(error, "explanation", None) or error)
    return " ".join(said.split())
