"""The request of `table1`: several sources and seeds, one target."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field

from simpgan.pipelines.config.defaults import TABLE1_METHODS, Combination, split
from simpgan.pipelines.requests.data_sets import data_sets_of
from simpgan.pipelines.requests.experiment import STAGES_OF_A_SEED, ExperimentRequest, shape_of, tags_of, title_of
from simpgan.pipelines.requests.places import Places
from simpgan.pipelines.requests.request import CheckedRequest, settings_as_text
from simpgan.pipelines.requests.sweep import every_split, refuse_unknown

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent


class Table1Request(ExperimentRequest):
    """The options of `table1`."""

    method: str = Field(TABLE1_METHODS, description="methods, with commas")
    seed: list[int] = Field([], description="seeds")

    @classmethod
    def graph_for(cls, method: str, combine: Combination | None = None) -> "GraphComponent":
        """Return the pipeline for methods, separated by commas; by default for those of Table 1."""
        refuse_unknown(split(method))
        return build(split(method or TABLE1_METHODS), **shape_of(combine))

    def check(self, places: Places) -> CheckedRequest:
        """Check all data sets, the settings of every seed, and what is trained."""
        sources = self.sources(places, self.combine)
        target = places.data_set(self.target, "--target", self.target_name)
        seeds: Sequence[int | None] = list(dict.fromkeys(self.seed)) or [None]
        settings = [self.settings(seed, sources[0], places) for seed in seeds]
        sources, target = self.with_tables(sources, target, settings[0], places)
        planned, left_out = self.planned(
            sources,
            target,
            settings[0],
            places,
            protocols=split(self.protocol) or every_split(target),
            needs_rows=True,
        )
        title = title_of("table1", sources, target, settings, planned)
        locations = [place for each in (*data_sets_of(sources), target) for place in each.reads]
        return CheckedRequest(
            pipeline="table1",
            build=partial(build, planned.methods, **shape_of(self.combine)),
            arguments={
                **(
                    sources[0].as_arguments()
                    if self.combine
                    else {"sources": [each.as_arguments() for each in sources]}
                ),
                **target.as_arguments("target"),
                "seeds": [settings_as_text(each, STAGES_OF_A_SEED) for each in settings],
                **planned.as_arguments(),
                **settings_as_text(settings[0], ("ingest", "summarise")),
            },
            settings=settings[0],
            reads=[*locations, *(each.pretrain.weights for each in settings)],
            tags=tags_of(sources, target, settings[0], planned),
            title=", ".join([title, *self.assignments]),
            notes=left_out,
        )


def build(methods: Sequence[str], **options: Any) -> "GraphComponent":
    """Return the pipeline for some methods, with the shape and the limits that `table1_pipeline` takes."""
    from simpgan.pipelines.graphs.table1 import table1_pipeline

    return table1_pipeline(methods, **options)
