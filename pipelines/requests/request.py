"""The request of a pipeline: its options, and the arguments that they become once they are checked."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from simpgan.components.core.settings import Settings
from simpgan.pipelines.config.defaults import Combination
from simpgan.pipelines.config.presets import RunSettings
from simpgan.pipelines.requests.places import Places

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent


@dataclass(frozen=True)
class CheckedRequest:
    """A pipeline with everything that it is given except its data root.

    Attributes:
        pipeline: Name of the pipeline.
        build: Builds the pipeline; `parallelism` limits the iterations of a loop that run at a time.
        arguments: Arguments of the pipeline. Settings are JSON, which KFP leaves as it is.
        settings: Settings of all stages; those of the first seed if there are several.
        reads: Locations that the stages read.
        tags: Values by which people search runs.
        title: Text that tells the run from others of the same pipeline.
        notes: Sentences about what is left out.
    """

    pipeline: str
    build: Callable[..., "GraphComponent"]
    arguments: Mapping[str, Any]
    settings: RunSettings
    reads: Sequence[str]
    tags: Mapping[str, str]
    title: str
    notes: Sequence[str] = ()


class PipelineRequest(Settings):
    """The options of a pipeline, as the command line and schedules name them."""

    preset: str | None = Field(None, description="name of a preset, or a YAML file")
    assignments: list[str] = Field([], alias="set", description="stage.setting=value")

    @classmethod
    def graph_for(cls, method: str, combine: Combination | None = None) -> "GraphComponent":
        """Return the pipeline for methods, separated by commas, without checking what it is given.

        Args:
            combine: How several sources are used together; None: there is one, or they are used one by one.

        Raises:
            UserError: A method is unknown, or the pipeline has no sources.
        """
        raise NotImplementedError

    def check(self, places: Places) -> CheckedRequest:
        """Check everything that can be checked before the pipeline runs.

        Raises:
            UserError: Something that is asked for is impossible.
        """
        raise NotImplementedError


def settings_as_text(settings: RunSettings, stages: Sequence[str]) -> dict[str, str]:
    """Return the settings of some stages as JSON, by the names of a pipeline's arguments."""
    values = settings.as_values()
    return {f"{stage}_settings": json.dumps(values[stage]) for stage in stages}
