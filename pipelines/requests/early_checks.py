"""Checks of the data sets before a run starts, by the names of their files."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from simpgan.components.core import storage
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.suitability import (
    PlannedExperiment,
    images_to_adapt_to,
    images_to_cluster,
    probes_for_umdl,
    rankable_splits,
    refuse_source,
    refuse_target,
    splits_to_evaluate,
    unrankable,
)
from simpgan.components.core.errors import UserError
from simpgan.components.core.results.methods import SELF_TRAINED, SELF_TRAINING, SIMPGAN_SELF_TRAINING, SOURCE_TO_TARGET
from simpgan.components.ingest.join import joined
from simpgan.components.ingest.preview import preview
from simpgan.pipelines.config.presets import RunSettings
from simpgan.pipelines.requests.data_sets import DataSet, Source, refuse_unlabelled
from simpgan.pipelines.requests.sweep import UMDL, Plan, Split


def foresee(
    sources: Sequence[Source],
    target: DataSet,
    settings: RunSettings,
    planned: Plan,
    *,
    needs_rows: bool = False,
    scheduled: bool = False,
) -> tuple[Plan, list[str]]:
    """Return the part of the plan that the target allows, and a sentence for each part that is left out.

    Only names of files are read, which takes seconds. Their contents are checked by ingest and the check after it, and
    so is everything in a place that cannot be read from here.

    Args:
        needs_rows: Whether results without a single ranking are useless.
        scheduled: Whether the pipeline runs later, on what its places hold then, so that nothing is read now.

    Raises:
        UserError: A place holds no data set of its layout, no classifier can be trained on a source, or nothing can be
            measured on the target.
    """
    refuse_unlabelled(sources)
    if scheduled:
        return planned, []
    values = settings.as_values()
    asked = PlannedExperiment.of_settings(
        *(values[stage] for stage in ("pretrain", "train_gan", "self_train", "evaluate")),
        translations=with_gan(planned),
        needs_rows=needs_rows,
    )
    for source in sources:
        seen = look_at_source(source, settings)
        if seen is not None:
            refuse_source(seen, asked)
        for companion in source.companions:
            seen = look_at(companion, settings)
            if seen is not None:
                refuse_source(seen, replace(asked, style=""))
    looked_in = look_at(target, settings)
    if looked_in is None:
        return planned, []
    possible, sentences = possible_part(looked_in, planned, settings.self_train.k1)
    refuse_target(looked_in, replace(asked, translations=with_gan(possible)))
    return possible, sentences


def look_at_source(source: Source, settings: RunSettings) -> Manifest | None:
    """Return the manifest of a source as far as names of files tell; None if a part of it cannot be read from here."""
    parts = [look_at(part, settings) for part in source.parts]
    seen = [part for part in parts if part is not None]
    if len(seen) < len(parts):
        return None
    return joined(seen, source.name) if source.is_joint else seen[0]


def look_at(data_set: DataSet, settings: RunSettings) -> Manifest | None:
    """Return the manifest of a data set as far as names of files tell; None if it cannot be read from here."""
    if data_set.seen is not None or not is_here(data_set):
        return data_set.seen
    return preview(data_set.location, data_set.ingest_settings(settings.ingest))


def is_here(data_set: DataSet) -> bool:
    """Tell whether a data set can be read from here."""
    return storage.is_s3(data_set.location) or Path(data_set.location).exists()


def with_table(data_set: DataSet, settings: RunSettings, *, scheduled: bool) -> DataSet:
    """Return a data set with what its table tells, if it is a table that can be read from here now.

    Raises:
        UserError: There is no table, or its rows have no common form.
    """
    if scheduled or not data_set.is_table or not is_here(data_set):
        return data_set
    return data_set.looked_at(settings.ingest)


def possible_part(target: Manifest, planned: Plan, neighbours: int) -> tuple[Plan, list[str]]:
    """Return the trainings of the plan that the target has images for and whose results can be measured.

    Args:
        neighbours: as in `images_to_cluster`.

    Raises:
        UserError: Nothing but self-training was asked for, and no split has enough images for it.
    """
    rankable = rankable_splits(target, splits_to_evaluate(target))
    sentences: list[str] = []

    def can_be(what: str, split: Split, needed: Callable[[Manifest, str, int], object]) -> bool:
        place = (split.protocol, split.fold)
        try:
            needed(target, *place)
            if place not in rankable and (rankable or what == UMDL):
                raise UserError(f"{target.dataset}: {unrankable(target, [place])}")
        except UserError as obstacle:
            sentences.append(f"{what} {split.protocol}:{split.fold} is left out: {obstacle}")
            return False
        return True

    enough = partial(images_to_cluster, neighbours=neighbours)
    kept = Plan(
        tuple(each for each in planned.adaptations if can_be(each.method, each.split, images_to_adapt_to)),
        tuple(each for each in planned.counterparts if can_be(SOURCE_TO_TARGET, each, images_to_adapt_to)),
        tuple(each for each in planned.umdl if can_be(UMDL, each, probes_for_umdl)),
        tuple(each for each in planned.self_trainings if can_be(SELF_TRAINING, each, enough)),
        tuple(each for each in planned.simpgan_self_trainings if can_be(SIMPGAN_SELF_TRAINING, each, enough)),
    )
    if planned.methods and set(planned.methods) <= set(SELF_TRAINED) and not kept.methods:
        raise UserError(sentences[0])
    return kept, list(dict.fromkeys(sentences))


def with_gan(planned: Plan) -> list[tuple[str, int]]:
    """Return the splits in which GANs are trained, each once."""
    return [(split.protocol, split.fold) for split in planned.with_gan]
