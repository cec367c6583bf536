"""Join labelled data sets into one source."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.manifest_tables import NAMED
from simpgan.components.core.data.shards import shards_exist
from simpgan.components.core.errors import UserError
from simpgan.components.core.process.task import current_task
from simpgan.components.core.tracking import stage_run

logger = logging.getLogger(__name__)

PROTOCOL = "joint"
"""The only protocol of a joint data set. Its only role is train."""


def run(sources: Sequence[Path], name: str, data_root: str, output: Path) -> Manifest:
    """Write the manifest of all sources together. No byte of an image is read: the shards are those of the sources.

    Args:
        sources: folders of the manifests, in any order.
        name: name of the joint data set; empty: the names of the sources, as `cuhk01+market1501`.
        data_root: folder or `s3://` prefix that holds the shards of all of them.
        output: folder for the manifest.

    Raises:
        UserError: the shards of a source lie elsewhere, or as in `joined`.
    """
    parts = [Manifest.load(source) for source in sources]
    for part in parts:
        if not shards_exist(data_root, part):
            raise UserError(
                f"images of {part.dataset} are not in {data_root}: ingest all sources to one data root, and give that"
            )
    name = name or name_of(part.dataset for part in parts)
    inputs = {f"source-{place}": part.digest for place, part in enumerate(parts)}
    with stage_run(
        "join", task=current_task(), settings={"name": name}, label=f"join {name}", inputs=inputs
    ) as tracked:
        for part, folder in zip(parts, sources, strict=True):
            tracked.log_data_set(part, folder, "part")
        manifest = joined(parts, name)
        manifest.save(output)
        tracked.log_data_set(manifest, output, "made")
        tracked.log_summary({"images": len(manifest.images), "rejected": len(manifest.rejected)})
        for warning in manifest.warnings:
            logger.warning(warning)
        trained = len(manifest.rows(PROTOCOL, 0, "train"))
        people = manifest.images["person"].nunique()
        logger.info(f"{name}: {len(manifest.images):,} images of {people:,} people, {trained:,} of them for training")
    return manifest


def name_of(parts: Iterable[str]) -> str:
    """Return the name of a joint data set, whatever the order of its parts: `cuhk01+market1501`."""
    return "+".join(sorted(parts))


def joined(parts: Sequence[Manifest], name: str) -> Manifest:
    """Return the manifest of several labelled data sets together; their order does not matter.

    Names of images, people and cameras begin with the name of their data set. People and cameras are numbered from 1,
    in the order of the data sets' names, so that those of two data sets are never the same. The training images are
    those that each data set is trained on by itself. An image that several data sets have, byte for byte, stays in one
    of them only: the first that trains on it, else the first.

    Args:
        parts: manifests; digests of images may be empty, and then are not compared.
        name: name of the joint data set.

    Raises:
        UserError: fewer than two data sets, two of one name, one without training images of its own, or one that was
            joined before.
    """
    parts = sorted(parts, key=lambda part: part.dataset)
    refuse_unfit(parts)
    images = pd.concat([with_part(part) for part in parts], ignore_index=True)
    images, warnings = without_repeated(images)
    for part in parts:
        if not (images["trained"] & (images["part"] == part.dataset)).any():
            raise UserError(
                f"all training images of {part.dataset} are also in another of the sources to join: leave one out"
            )
    for column in ("person", "camera"):
        images[column] = kept_apart(images["part"], images[column])
    images = images.sort_values("name", ignore_index=True)
    rejected = pd.concat([part.rejected.assign(name=prefixed(part, part.rejected["name"])) for part in parts])
    roles = pd.DataFrame({"image": images.index[images["trained"]], "protocol": PROTOCOL, "fold": 0, "role": "train"})
    return Manifest(
        dataset=name,
        images=images,
        roles=roles,
        rejected=rejected.sort_values("name", ignore_index=True),
        source_protocol=PROTOCOL,
        warnings=tuple(warnings),
        parts=tuple(part.dataset for part in parts),
    )


def refuse_unfit(parts: Sequence[Manifest]) -> None:
    """Raise UserError for data sets that cannot be joined."""
    if len(parts) < 2:
        raise UserError("one data set alone cannot be joined: give another one too")
    names = [part.dataset for part in parts]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two of the data sets to join are called '{name}': name one of them differently")
        if "/" in name:
            raise UserError(f"a data set called '{name}' cannot be joined: name it without '/'")
    for part in parts:
        if part.parts:
            raise UserError(f"{part.dataset} was joined before: give the data sets it was made of")
        if len(part.rows(part.source_protocol, 0, "train")) == 0:
            raise UserError(f"{part.dataset} has no training images in protocol '{part.source_protocol}': leave it out")


def with_part(part: Manifest) -> pd.DataFrame:
    """Return the images of a part by their names in the joint data set, with their `part`, and whether `trained`."""
    trained = pd.Series(False, part.images.index)
    trained.iloc[part.rows(part.source_protocol, 0, "train")] = True
    names = {f"{label}_name": prefixed(part, part.shown(label)) for label in NAMED}
    return part.images.assign(name=prefixed(part, part.images["name"]), part=part.dataset, trained=trained, **names)


def prefixed(part: Manifest, names: pd.Series) -> pd.Series:
    """Return names of files, people or cameras of a part in the joint data set; missing ones stay."""
    return f"{part.dataset}/" + names


def without_repeated(images: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the images without those that another part has too, and a sentence for each two such parts.

    Several copies of an image within one part stay, as its makers meant it.
    """
    known = images[images["sha256"] != ""]
    in_several = known.groupby("sha256")["part"].nunique().loc[lambda count: count > 1].index
    # The parts come in the order of their names, and a stable sort keeps it.
    owners = known[known["sha256"].isin(in_several)].sort_values("trained", ascending=False, kind="stable")
    owner = images["sha256"].map(owners.drop_duplicates("sha256").set_index("sha256")["part"])
    repeated = owner.notna() & (owner != images["part"])
    sentences = []
    for (kept, part), some in images[repeated].assign(owner=owner).groupby(["owner", "part"]):
        sentences.append(
            f"{kept} and {part} share {len(some):,} images, such as {some['name'].iloc[0]}: they are used once, as "
            f"images of {kept}; other images of these people count as different people in the two"
        )
    return images[~repeated].reset_index(drop=True), sentences


def kept_apart(parts: pd.Series, codes: pd.Series) -> pd.Series:
    """Return the people or cameras of all parts, numbered from 1; <NA> stays.

    Args:
        parts: [N], part of each image.
        codes: [N] Int64, numbers within the part.
    """
    return 1 + pd.DataFrame({"part": parts, "code": codes}).groupby(["part", "code"]).ngroup().astype("Int64")
