"""What `adapt` and `table1` share: sources, a target, and what is trained for them."""

from collections.abc import Sequence
from functools import cache, partial
from typing import Annotated

from pydantic import BeforeValidator, Field

from simpgan.components.core.errors import UserError
from simpgan.pipelines.config.defaults import SHARED_PEOPLE, Combination, split
from simpgan.pipelines.config.presets import RunSettings, resolve
from simpgan.pipelines.requests.data_sets import (
    DataSet,
    Source,
    combined,
    data_sets_of,
    names_of_sources,
    refuse_same_data,
    refuse_same_names,
)
from simpgan.pipelines.requests.early_checks import foresee, with_table
from simpgan.pipelines.requests.places import Places
from simpgan.pipelines.requests.request import PipelineRequest
from simpgan.pipelines.requests.sweep import Plan, plan

STAGES_OF_A_SEED = ("pretrain", "train_gan", "translate", "self_train", "umdl", "evaluate")
"""Stages that run for every seed."""

Several = Annotated[list[str], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)]
"""Type of an option that may be repeated; a schedule may give a single value as text."""


class ExperimentRequest(PipelineRequest):
    """The options of a pipeline that has sources and a target."""

    source: Several = Field(min_length=1, description="labelled data sets, market1501:s3://bucket/prefix or likewise")
    source_name: Several = Field([], description="what results call the sources, in their order")
    combine: Combination | None = Field(None, description="how several sources are used together")
    target: str = Field(description="data set to adapt to, grid:s3://bucket/prefix or likewise")
    target_name: str = Field("", description="what results call the target")
    method: str = Field("", description="methods, with commas")
    protocol: str = Field("", description="protocols of the target with folds, with commas")
    allow_shared_people: bool = Field(False, description="also where source and target show the same people")

    def sources(self, places: Places, combination: Combination | None) -> list[Source]:
        """Return the sources.

        Args:
            combination: How all data sets are used together; None: each is a source of its own.

        Raises:
            UserError: A data set is not there, or two of them could not be told apart, or there is nothing to combine.
        """
        if self.combine and len(self.source) == 1:
            raise UserError(f"--combine {self.combine}: there is one --source only: give several, or leave it out")
        joint = combination is not None and combination.joins_data
        names, name = names_of_sources(self.source_name, len(self.source), joint=joint)
        found = [places.data_set(text, "--source", each) for text, each in zip(self.source, names, strict=True)]
        refuse_same_names(found)
        return combined(found, combination, name)

    def settings(self, seed: int | None, source: Source, places: Places) -> RunSettings:
        """Resolve the settings of one seed.

        Raises:
            UserError: A preset, a setting or the weights file does not exist.
        """
        shared = SHARED_PEOPLE if self.allow_shared_people else ()
        return places.with_weights(resolve(self.preset, [*self.assignments, *shared], seed, source.parts[0].layout))

    def with_tables(
        self, sources: Sequence[Source], target: DataSet, settings: RunSettings, places: Places
    ) -> tuple[list[Source], DataSet]:
        """Return sources and target with what their tables tell, which protocols depend on.

        Raises:
            UserError: as `with_table`.
        """
        read = cache(partial(with_table, settings=settings, scheduled=places.scheduled))
        read_all = {each: read(each) for each in data_sets_of(sources)}
        return [each.with_data_sets(read_all) for each in sources], read(target)

    def planned(
        self,
        sources: Sequence[Source],
        target: DataSet,
        settings: RunSettings,
        places: Places,
        *,
        protocols: Sequence[str],
        sweep: Sequence[str] = (),
        needs_rows: bool = False,
    ) -> tuple[Plan, list[str]]:
        """Return what is trained, and a sentence about each part that is left out.

        Args:
            protocols, sweep: as in `plan`.
            needs_rows: as in `foresee`.

        Raises:
            UserError: A source is the target, or as in `plan` and `foresee`.
        """
        if not (settings.train_gan.allow_shared_people and settings.evaluate.allow_shared_people):
            refuse_same_data(sources, target)
        asked = plan(settings.train_gan, split(self.method), protocols, target, sweep)
        return foresee(sources, target, settings, asked, needs_rows=needs_rows, scheduled=places.scheduled)


def shape_of(combination: Combination | None) -> dict[str, bool]:
    """Return the arguments of a pipeline's builder for the way in which several sources are used together."""
    return {
        "joint": combination is not None and combination.joins_data,
        "with_companions": combination is not None and combination.joins_features,
    }


def tags_of(sources: Sequence[Source], target: DataSet, settings: RunSettings, planned: Plan) -> dict[str, str]:
    """Return the values by which people search runs."""
    return {
        "source": ",".join(source.title for source in sources),
        "target": target.name,
        "method": ",".join(planned.methods) or "direct",
        "preset": settings.evaluate.preset,
    }


def title_of(
    pipeline: str,
    sources: Sequence[Source],
    target: DataSet,
    settings: Sequence[RunSettings],
    planned: Plan,
) -> str:
    """Return a title such as `adapt market1501 to grid, simpgan, folds10 x 10, paper, seed 0`.

    Args:
        settings: Settings of each seed.
    """
    folds: dict[str, set[int]] = {}
    for part in planned.splits:
        folds.setdefault(part.protocol, set()).add(part.fold)
    splits = [
        f"{protocol}:{','.join(map(str, sorted(some)))}" if len(some) < 4 else f"{protocol}, {len(some)} folds"
        for protocol, some in folds.items()
    ]
    names = " and ".join(source.title for source in sources)
    preset = settings[0].evaluate.preset or "defaults"
    seeds = ",".join(str(each.train_gan.seed) for each in settings)
    methods = "+".join(planned.methods) or "direct"
    seed = f"seed{'s' if len(settings) > 1 else ''} {seeds}"
    return ", ".join([f"{pipeline} {names} to {target.name}", methods, *splits, preset, seed])
