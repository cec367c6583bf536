"""The images, built once a session on base images that need no image registry."""

from collections.abc import Mapping

import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.core.images import image
from simpgan.pipelines.images.build import IMAGES, Bases, build_all
from simpgan.pipelines.runner.docker_engine import connect
from tests.containers import base_images


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine answers."""
    try:
        connect().close()
    except UserError as error:
        pytest.fail(f"{error}; without one: make test WITHOUT=docker", pytrace=False)


@pytest.fixture(scope="session")
def bases(engine: None) -> Bases:
    """The base images."""
    base_images.build()
    return Bases(base_images.TORCH, base_images.SLIM)


@pytest.fixture(scope="session")
def stage_images(bases: Bases) -> Mapping[str, str]:
    """The names of the images, which have been built, by component. They are those that `make images` builds."""
    for _ in build_all(IMAGES, bases):
        pass
    return {stage: image(stage) for stage in IMAGES}
