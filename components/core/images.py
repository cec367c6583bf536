"""Names of the container images of the stages."""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field

from simpgan.components.core.errors import UserError
from simpgan.components.core.settings import Settings
from simpgan.components.core.storage import has_scheme

LOCK = Path(__file__).resolve().parents[2] / "images" / "digests.json"
REGISTRY = "SIMPGAN_REGISTRY"
LOCAL = "simpgan"

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


def image(stage: str) -> str:
    """Return the image of `stage` on this machine. `stage` is its folder's name: `train_gan` is `simpgan/train-gan`."""
    return f"{LOCAL}/{name_of(stage)}:latest"


def name_of(stage: str) -> str:
    """Return the last part of the name of a stage's image."""
    return stage.replace("_", "-")


def stage_of(image: str) -> str:
    """Return the stage whose image has this name; registry, tag and digest are ignored."""
    return re.split("[:@]", image.rpartition("/")[2])[0].replace("-", "_")


class StageImages(Settings):
    """The images as a cluster finds them."""

    registry: str = Field(
        LOCAL, description="Registry, with the prefix of the images' names: ghcr.io/somebody/simpgan."
    )
    digests: dict[str, Digest] = Field(
        default_factory=dict, description="Digest of an image's manifest, by the last part of its name."
    )

    @classmethod
    def locked(cls, registry: str = "", lock: Path | None = None) -> Self:
        """Read the lock file, if there is one.

        Args:
            registry: replaces the registry of the lock file, such as by a mirror; empty: SIMPGAN_REGISTRY may do so.
            lock: path of the lock file; None: images/digests.json.

        Raises:
            UserError: the lock file has another form, or the variable names no registry.
        """
        lock = lock or LOCK
        try:
            values = json.loads(lock.read_text()) if lock.is_file() else {}
        except ValueError as error:
            raise UserError(f"{lock} is not JSON ({error}): write it again with simpgan images lock") from None
        if not isinstance(values, dict):
            raise UserError(f"{lock} holds no registry and digests: write it again with simpgan images lock")
        named = os.environ.get(REGISTRY, "")
        if has_scheme(named):
            raise UserError(f"{REGISTRY}={named}: give a registry without a scheme, as ghcr.io/somebody/simpgan")
        chosen = (registry or named).rstrip("/")
        return cls.parse({**values, **({"registry": chosen} if chosen else {})}, stage=lock.name)

    def repository(self, stage: str) -> str:
        """Return the name of a stage's image, without tag or digest."""
        return f"{self.registry}/{name_of(stage)}"

    def reference(self, stage: str) -> str:
        """Return the image reference for a cluster: by digest, which always means the same content, if there is one.

        Kubeflow's cache knows an image by this text alone, so a tag would hide that the code has changed.
        """
        digest = self.digests.get(name_of(stage))
        return f"{self.repository(stage)}@{digest}" if digest else f"{self.repository(stage)}:latest"

    def without_digest(self, stages: Iterable[str]) -> list[str]:
        """Return those of the stages whose image may change behind its name."""
        return [stage for stage in stages if name_of(stage) not in self.digests]
