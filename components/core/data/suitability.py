"""Requirements of each stage on its data sets: refusals that depend on manifests and settings alone.

The stages and the check before every training call the same functions, so each refusal has one wording.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simpgan.components.core.data.cameras import are_told_apart, compared_cameras
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.overlap import refuse_shared_people
from simpgan.components.core.errors import UserError
from simpgan.components.core.settings import nearest

FEWEST = 2
"""Number of images that a domain needs for a distribution."""

FEWEST_CLUSTERS = 10
"""Clusters that self-training needs; with fewer, most people share one with others, and it would learn that."""

NEIGHBOURS = 30
"""Nearest images that describe an image in self-training, unless its settings say otherwise."""

Split = tuple[str, int]  # protocol and fold


@dataclass(frozen=True)
class PlannedExperiment:
    """What is to be trained and measured on a source and a target.

    Attributes:
        source_protocol: protocol of the source to train a classifier in; empty: the source's own.
        identities: people in an identity-balanced batch of the classifier's training; 0: batches are not balanced.
        style: part of the source whose images a GAN takes as the style; empty: all images.
        translations: splits of the target in which a GAN is trained, in either direction.
        umdl: splits of the target in which UMDL is learned.
        self_trainings: splits of the target on whose unlabelled images a classifier is trained.
        neighbours: nearest images that describe an image there.
        protocols: protocols of the target to evaluate; empty: all.
        needs_rows: whether results without a single ranking are useless.
        allow_shared_people: whether source and target may show the same people.
    """

    source_protocol: str = ""
    identities: int = 0
    style: str = ""
    translations: Sequence[Split] = ()
    umdl: Sequence[Split] = ()
    self_trainings: Sequence[Split] = ()
    neighbours: int = NEIGHBOURS
    protocols: Sequence[str] = ()
    needs_rows: bool = False
    allow_shared_people: bool = False

    @classmethod
    def of_settings(
        cls,
        pretrain: Mapping[str, Any],
        train_gan: Mapping[str, Any],
        self_train: Mapping[str, Any],
        evaluate: Mapping[str, Any],
        *,
        translations: Sequence[Split],
        umdl: Sequence[Split] = (),
        self_trainings: Sequence[Split] = (),
        needs_rows: bool = False,
    ) -> Self:
        """Return the experiment for the settings of four stages, given by name; missing ones have their defaults."""
        images = pretrain.get("images_per_identity", 0)
        looking = [evaluate, train_gan] if translations else [evaluate]
        return cls(
            source_protocol=pretrain.get("protocol", ""),
            identities=2 * pretrain["pairs"] // images if images and "pairs" in pretrain else 0,
            style=train_gan.get("style", "") if translations else "",
            translations=translations,
            umdl=umdl,
            self_trainings=self_trainings,
            neighbours=self_train.get("k1", NEIGHBOURS),
            protocols=evaluate.get("protocols", ()),
            needs_rows=needs_rows,
            allow_shared_people=all(settings.get("allow_shared_people", False) for settings in looking),
        )


def refuse_impossible(source: Manifest, target: Manifest, asked: PlannedExperiment) -> None:
    """Raise UserError for the first reason for which a stage of the experiment would stop."""
    refuse_shared_people(source, target, asked.allow_shared_people)
    refuse_source(source, asked)
    for protocol, fold in asked.translations:
        images_to_adapt_to(target, protocol, fold)
    for protocol, fold in asked.umdl:
        probes_for_umdl(target, protocol, fold)
    for protocol, fold in asked.self_trainings:
        images_to_cluster(target, protocol, fold, asked.neighbours)
    refuse_target(target, asked)


def refuse_source(source: Manifest, asked: PlannedExperiment) -> None:
    """Raise UserError if no classifier can be trained on the source."""
    rows = labelled_images(source, asked.source_protocol)
    refuse_few_identities(source.images["person"].iloc[rows].nunique(), asked.identities)
    if asked.style:
        images_of_style(source, rows, asked.style)


def refuse_target(target: Manifest, asked: PlannedExperiment) -> None:
    """Raise UserError if nothing can be measured on the target, or nothing that is trained for it."""
    splits = splits_to_evaluate(target, asked.protocols)
    rankable = rankable_splits(target, splits)
    if not rankable:
        if asked.needs_rows:
            raise UserError(
                f"the target {target.dataset}: {unrankable(target, splits)}, and this pipeline compares what was "
                "measured: simpgan run adapt says what can be known without labels"
            )
        if not asked.translations:
            refuse_single_image(f"target {target.dataset}", len(images_in(target, *splits[0])))
    trained = sorted({*asked.translations, *asked.umdl, *asked.self_trainings})
    if rankable and trained and not rankable_splits(target, trained):
        raise UserError(
            f"the target {target.dataset}: {unrankable(target, trained)}, so what is trained there has no result: "
            f"train in another split, such as {rankable[0][0]}:{rankable[0][1]}"
        )


def labelled_images(source: Manifest, protocol: str = "") -> NDArray[np.int64]:
    """Return the rows of the images that a classifier is trained on, ascending.

    Args:
        source: manifest of the source.
        protocol: protocol of the source; empty: its own.

    Raises:
        UserError: there are no images, their people are unknown, or they form no pairs.
    """
    protocol = protocol or source.source_protocol
    rows = source.rows(protocol, 0, "train")
    if len(rows) == 0:
        raise UserError(f"the source {source.dataset} has no training images in protocol '{protocol}'")
    person = source.images["person"].iloc[rows]
    if person.isna().any():
        raise UserError(
            f"the source {source.dataset} has no labels: {person.isna().sum()} of its {len(rows)} training images show "
            "unknown people; give a labelled data set as the source"
        )
    refuse_without_pairs(person.to_numpy(dtype=np.int64))
    return rows


def images_of_style(source: Manifest, rows: NDArray[np.int64], style: str) -> NDArray[np.int64]:
    """Return those of the source's training images `rows` that are of the part `style`; empty: all.

    Raises:
        UserError: the source has no such part, or its people form no pairs.
    """
    if not style:
        return rows
    parts = source.parts or (source.dataset,)
    if style not in parts:
        raise UserError(f"train_gan.style '{style}' is no part of the source {source.dataset}: {nearest(style, parts)}")
    chosen = rows[(source.part_of_images.iloc[rows] == style).to_numpy()]
    refuse_without_pairs(source.images["person"].iloc[chosen].to_numpy(dtype=np.int64))
    return chosen


def refuse_without_pairs(person: NDArray[np.int64]) -> None:
    """Raise UserError unless images of the people `person` [N] form pairs of one person and of two."""
    identities, counts = np.unique(person, return_counts=True)
    if len(identities) < 2:
        raise UserError(
            f"the source has {len(identities)} identity: a classifier needs at least two; "
            "check the source's layout and folder"
        )
    if counts.max() < 2:
        raise UserError(
            "the source has no positive pair: every identity has a single image; "
            "give a source with several images of a person"
        )


def refuse_few_identities(
    there: int, wanted: int, remedy: str = "lower pretrain.pairs, or raise pretrain.images_per_identity"
) -> None:
    """Raise UserError if an identity-balanced batch needs more people than there are."""
    if wanted > there:
        raise UserError(f"a batch of {wanted} identities cannot be drawn from a source with {there}: {remedy}")


def refuse_other_source(classifier: Path, trained_on: str, source: Manifest) -> None:
    """Raise UserError if a classifier was trained on another data set than the source.

    Args:
        classifier: model folder, for messages.
        trained_on: `source` of its config.
        source: manifest of the source.
    """
    if trained_on != source.dataset:
        raise UserError(
            f"the classifier in '{classifier}' was trained on {trained_on}, and the source is {source.dataset}: "
            f"give the manifest of {trained_on}, or train a classifier on {source.dataset}"
        )


def refuse_single_image(domain: str, images: int) -> None:
    """Raise UserError if a domain, source or target, has too few images for a distribution."""
    if images < FEWEST:
        count = f"{images} training image{'s' * (images != 1)}"
        raise UserError(f"{count} of the {domain}: label-free checks need two; give more images")


def images_to_adapt_to(target: Manifest, protocol: str, fold: int) -> NDArray[np.int64]:
    """Return the rows of the unlabelled images that a GAN is trained on in a split, ascending.

    Raises:
        UserError: there is no such split, or it has fewer than two.
    """
    rows = training_images(target, protocol, fold)
    refuse_single_image(f"target {target.dataset} in {protocol}, fold {fold}", len(rows))
    return rows


def images_to_cluster(target: Manifest, protocol: str, fold: int, neighbours: int) -> NDArray[np.int64]:
    """Return the rows of the unlabelled images that self-training learns from in a split, ascending.

    Args:
        target: manifest of the target.
        protocol, fold: the split.
        neighbours: nearest images that describe an image, `k1` of self_train.

    Raises:
        UserError: there is no such split, or it has fewer images than `FEWEST_CLUSTERS` times as many neighbours.
    """
    rows = training_images(target, protocol, fold)
    needed = FEWEST_CLUSTERS * neighbours
    if len(rows) < needed:
        raise UserError(
            f"the target {target.dataset} has {len(rows)} training images in {protocol}, fold {fold}, and "
            f"self-training needs {needed}: it tells people apart by the {neighbours} images nearest to each, which "
            "must be few of all; give more images, or lower self_train.k1 if each person has few"
        )
    return rows


def training_images(target: Manifest, protocol: str, fold: int) -> NDArray[np.int64]:
    """Return the rows of the target's training images in a split, ascending.

    Raises:
        UserError: there is no such split, or it has none.
    """
    rows = target.rows(protocol, fold, "train")
    if len(rows) == 0:
        raise UserError(f"the target {target.dataset} has no training images in protocol '{protocol}', fold {fold}")
    return rows


def probes_for_umdl(target: Manifest, protocol: str, fold: int) -> NDArray[np.int64]:
    """Return the rows of the probes and gallery images that get UMDL features in a split, ascending.

    Raises:
        UserError: there is no such split, or it has no training images or no probes.
    """
    training_images(target, protocol, fold)
    probes, gallery = (target.rows(protocol, fold, role) for role in ("query", "gallery"))
    if len(probes) == 0:
        raise UserError(f"the target {target.dataset} has no probes in protocol '{protocol}', fold {fold}")
    return np.union1d(probes, gallery)


def splits_to_evaluate(target: Manifest, protocols: Sequence[str] = ()) -> list[Split]:
    """Return the splits of some protocols, or of all, sorted.

    Raises:
        UserError: there is no such protocol, or no image has a role.
    """
    for protocol in protocols:
        target.rows(protocol, 0, "query")
    every = target.protocols().itertuples(index=False)
    splits = [(protocol, int(fold)) for protocol, fold in every if not protocols or protocol in protocols]
    if not splits:
        raise UserError(f"the target {target.dataset} has no images: nothing can be measured")
    return splits


def rankable_splits(target: Manifest, splits: Iterable[Split]) -> list[Split]:
    """Return the splits in which a probe has a correct match in the gallery."""
    found = matches(target.images, target.roles)
    rankable = set(found.loc[found["matched"], ["protocol", "fold"]].itertuples(index=False, name=None))
    return [split for split in splits if split in rankable]


def unrankable(target: Manifest, splits: Sequence[Split]) -> str:
    """Explain why splits without a match cannot be ranked."""
    found = matches(target.images, target.roles)
    probes = sum(((found["protocol"] == protocol) & (found["fold"] == fold)).sum() for protocol, fold in splits)
    where = "; ".join(f"{protocol}, fold {fold}" for protocol, fold in splits[:3])
    where += f" and {len(splits) - 3} more splits" if len(splits) > 3 else ""
    if probes == 0:
        return f"no probe in {where} shows a person who is known"
    match = correct_match(target.images)
    return f"none of the {probes:,} probes in {where} has {match} in the gallery"


def correct_match(images: pd.DataFrame) -> str:
    """Return what a probe must find among images like these, in words."""
    return f"a correct match{' by another camera' if are_told_apart(images) else ''}"


def matches(images: pd.DataFrame, roles: pd.DataFrame) -> pd.DataFrame:
    """Return one row per probe of a known person: protocol, fold, image, and `matched`.

    A probe is matched if the gallery has another image of the same person that another camera took. An unknown camera
    counts as another one.
    """
    labels = images[["person"]].assign(camera=compared_cameras(images))
    tested = roles[roles["role"].isin(["query", "gallery"])]
    shown = tested.join(labels, on="image").dropna(subset="person")
    split = ["protocol", "fold"]
    queries, gallery = (
        shown[shown["role"] == role].drop_duplicates([*split, "image"]) for role in ("query", "gallery")
    )

    def in_gallery(key: list[str]) -> "pd.Series[int]":
        """Count the gallery images with the same values of `key` as each query."""
        counts = gallery.dropna(subset=key).groupby(key).size().rename("count")
        return queries.join(counts, on=key)["count"].fillna(0)

    itself = in_gallery([*split, "image"]).where(queries["camera"].isna(), 0)
    others = in_gallery([*split, "person"]) - in_gallery([*split, "person", "camera"]) - itself
    return queries[[*split, "image"]].assign(matched=others > 0).sort_values([*split, "image"], ignore_index=True)


def images_in(target: Manifest, protocol: str, fold: int) -> NDArray[np.int64]:
    """Return the rows of the images that represent a split of the target, ascending.

    They are the training images, or images of all roles if there are few training images.
    """
    train = target.rows(protocol, fold, "train")
    if len(train) >= FEWEST:
        return train
    in_split = (target.roles["protocol"] == protocol) & (target.roles["fold"] == fold)
    return np.unique(target.roles.loc[in_split, "image"].to_numpy())
