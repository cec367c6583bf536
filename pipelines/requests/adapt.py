"""The request of `adapt`: one source, which several data sets may be joined to, one target, one seed."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field

from simpgan.pipelines.config.defaults import Combination, split
from simpgan.pipelines.requests.data_sets import data_sets_of
from simpgan.pipelines.requests.experiment import STAGES_OF_A_SEED, ExperimentRequest, shape_of, tags_of, title_of
from simpgan.pipelines.requests.places import Places
from simpgan.pipelines.requests.request import CheckedRequest, settings_as_text
from simpgan.pipelines.requests.sweep import refuse_unknown

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent


class AdaptRequest(ExperimentRequest):
    """The options of `adapt`."""

    sweep: list[str] = Field([], description="train_gan.setting=value,value")
    seed: int | None = Field(None, ge=0, description="seed of every stage that has one")

    @classmethod
    def graph_for(cls, method: str, combine: Combination | None = None) -> "GraphComponent":
        """Return the pipeline for methods, separated by commas; by default for simpgan."""
        refuse_unknown(split(method))
        return build(split(method) or ["simpgan"], **shape_of(combine))

    def check(self, places: Places) -> CheckedRequest:
        """Check both data sets, the settings, and what is trained."""
        combination = self.combine or (Combination.DATA if len(self.source) > 1 else None)
        [source] = self.sources(places, combination)
        target = places.data_set(self.target, "--target", self.target_name)
        settings = self.settings(self.seed, source, places)
        [source], target = self.with_tables([source], target, settings, places)
        planned, left_out = self.planned(
            [source], target, settings, places, protocols=split(self.protocol), sweep=self.sweep
        )
        places_read = [place for each in (*data_sets_of([source]), target) for place in each.reads]
        title = title_of("adapt", [source], target, [settings], planned)
        return CheckedRequest(
            pipeline="adapt",
            build=partial(build, planned.methods, **shape_of(combination)),
            arguments={
                **source.as_arguments(),
                **target.as_arguments("target"),
                **planned.as_arguments(),
                **settings_as_text(settings, ("ingest", *STAGES_OF_A_SEED)),
            },
            settings=settings,
            reads=[*places_read, settings.pretrain.weights],
            tags=tags_of([source], target, settings, planned),
            title=", ".join([title, *self.sweep, *self.assignments]),
            notes=left_out,
        )


def build(methods: Sequence[str], **options: Any) -> "GraphComponent":
    """Return the pipeline for some methods, with the shape and the limits that `adapt_pipeline` takes."""
    from simpgan.pipelines.graphs.adapt import adapt_pipeline

    return adapt_pipeline(methods, **options)
