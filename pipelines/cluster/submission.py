"""A request as it is sent to a cluster: its pipeline compiled, its arguments complete."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from simpgan.components.core.errors import UserError
from simpgan.components.core.images import StageImages
from simpgan.components.core.settings import Settings
from simpgan.pipelines.cluster.compilation import compile_for_cluster
from simpgan.pipelines.cluster.compiled import Compiled, read_compiled
from simpgan.pipelines.cluster.data_checks import ClusterPlaces, check_data_root, check_parameter
from simpgan.pipelines.cluster.image_registry import gone
from simpgan.pipelines.config.defaults import PROFILE
from simpgan.pipelines.config.profiles import STAGES, read_profile
from simpgan.pipelines.config.profiles.settings import Profile
from simpgan.pipelines.requests.request import PipelineRequest

LONGEST_TITLE = 160
SETTINGS = "_settings"


@dataclass(frozen=True)
class Submission:
    """A pipeline with all its arguments, ready to be sent.

    Attributes:
        title: Text that tells it from others of the same pipeline.
        notes: Sentences that a person should know, though they are no reason to refuse it.
        tags: Values by which people search its run in MLflow.
    """

    compiled: Compiled
    arguments: Mapping[str, Any]
    title: str
    notes: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


class ClusterOptions(Settings):
    """The options that a request has on a cluster only, as the command line and schedules name them."""

    data_root: str = Field("", description="s3:// prefix, or folder in all pods; without, that of the profile")
    profile: str = Field(PROFILE, description="name of a profile of pods, or a YAML file")
    registry: str = Field("", description="where the cluster finds the images; without, what their lock says")

    def place(self, profile: Profile) -> str:
        """Return the data root.

        Raises:
            UserError: Neither the options nor the profile name one, or the cluster cannot write there.
        """
        data_root = self.data_root or profile.data_root
        if not data_root:
            raise UserError("no place for images and checkpoints: give --data-root s3://BUCKET/PREFIX, or a profile's")
        check_data_root(data_root)
        return data_root


def submission(request: PipelineRequest, options: ClusterOptions, *, scheduled: bool = False) -> Submission:
    """Check everything that can be checked from here, and compile the pipeline.

    Args:
        scheduled: Whether it runs later and repeatedly, on what its places hold then.

    Raises:
        UserError: Something that is asked for is impossible.
    """
    checked = request.check(ClusterPlaces(scheduled))
    profile = read_profile(options.profile)
    arguments = {**checked.arguments, "data_root": options.place(profile)}
    images = StageImages.locked(options.registry)
    notes = [*checked.notes, *notes_on(images)]
    title = checked.title[:LONGEST_TITLE]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        # The title depends on the arguments: in a submitted pipeline it would make each one a new version.
        notes.extend(compile_for_cluster(checked.build(), profile, images, str(path), title if scheduled else ""))
        compiled = read_compiled(path)
    compiled = compiled.named(f"simpgan-{compiled.name}")
    compiled = looking_at_data(compiled) if scheduled else compiled
    return Submission(compiled, compiled.complete(arguments), title, tuple(notes), checked.tags)


def file_submission(file: Path, parameters: Mapping[str, Any], *, scheduled: bool = False) -> Submission:
    """Read a pipeline that was compiled to a file, and check its parameters.

    Raises:
        UserError: The file holds no pipeline, a parameter is wrong, or the cluster does not have a place of data.
    """
    compiled = read_compiled(file)
    arguments = compiled.complete(parameters)
    for name, value in arguments.items():
        if isinstance(value, str):
            check_parameter(name, value)
    return Submission(looking_at_data(compiled) if scheduled else compiled, arguments, compiled.name)


def as_read(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments as they are recorded: the JSON of a stage's settings as values, by the stage's name."""
    return {
        name.removesuffix(SETTINGS): json.loads(value) if name.endswith(SETTINGS) else value
        for name, value in arguments.items()
    }


def looking_at_data(pipeline: Compiled) -> Compiled:
    """Return the pipeline as a schedule starts it: the cache would return its data of the first time."""
    return pipeline.without_cache(taking="fingerprint")


def notes_on(images: StageImages) -> list[str]:
    """Return what cannot be known of the images from here.

    Raises:
        UserError: Their registry no longer has one of them.
    """
    try:
        missing = gone(images, STAGES)
    except UserError as error:
        return [f"images not looked at: {error}"]
    if missing:
        raise UserError(
            f"{images.registry} no longer has the locked images of {', '.join(missing)}: push and lock again"
        )
    return []
