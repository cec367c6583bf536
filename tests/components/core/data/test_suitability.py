"""What manifests and settings forbid is refused by one sentence, before anything is trained."""

import dataclasses

import pandas as pd
import pytest

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.suitability import PlannedExperiment, rankable_splits, refuse_impossible
from simpgan.components.core.errors import UserError
from simpgan.components.ingest.layouts.base import role

TRAIN, QUERY, GALLERY = "train", "query", "gallery"


def manifest(dataset: str, *images: tuple[str, int | None, int]) -> Manifest:
    """Images with their role, person and camera."""
    roles, person, camera = zip(*images, strict=True)
    count = len(images)
    table = pd.DataFrame({"name": [f"{row:03}" for row in range(count)], "shard": "s", "position": range(count)})
    table = table.assign(sha256=[f"{dataset}{row}" for row in range(count)], width=64, height=128, time=pd.NA)
    table = table.assign(person=pd.array(person, dtype="Int64"), camera=pd.array(camera, dtype="Int64"))
    parts = [role("standard", 0, each, pd.Series(roles) == each) for each in (TRAIN, QUERY, GALLERY)]
    return Manifest(dataset, table, pd.concat(parts), source_protocol="standard")


SOURCE = manifest("source", (TRAIN, 1, 1), (TRAIN, 1, 2), (TRAIN, 2, 1))
TARGET = manifest("target", (TRAIN, 1, 1), (TRAIN, 2, 1), (QUERY, 3, 1), (GALLERY, 3, 2))
ASKED = PlannedExperiment(translations=[("standard", 0)])


def test_what_can_be_trained_and_measured_passes():
    refuse_impossible(SOURCE, TARGET, dataclasses.replace(ASKED, umdl=[("standard", 0)], needs_rows=True))


@pytest.mark.parametrize(
    ("source", "target", "change", "message"),
    [
        (manifest("target", (TRAIN, 1, 1), (TRAIN, 2, 1)), TARGET, {}, "source and target are both target"),
        (manifest("s", (TRAIN, None, 1), (TRAIN, None, 2)), TARGET, {}, "the source s has no labels"),
        (manifest("s", (QUERY, 1, 1)), TARGET, {}, "the source s has no training images"),
        (manifest("s", (TRAIN, 1, 1), (TRAIN, 1, 2)), TARGET, {}, "the source has 1 identity"),
        (manifest("s", (TRAIN, 1, 1), (TRAIN, 2, 2)), TARGET, {}, "the source has no positive pair"),
        (SOURCE, TARGET, {"identities": 3}, "a batch of 3 identities cannot be drawn from a source with 2"),
        (SOURCE, TARGET, {"source_protocol": "other"}, "source has no protocol 'other'"),
        (SOURCE, TARGET, {"protocols": ["other"]}, "target has no protocol 'other'"),
        (SOURCE, TARGET, {"translations": [("standard", 3)]}, "has no fold 3"),
        (SOURCE, manifest("t", (QUERY, 3, 1), (GALLERY, 3, 2)), {}, "the target t has no training images"),
        (SOURCE, manifest("t", (TRAIN, 3, 1)), {}, "1 training image of the target t in standard, fold 0"),
        (SOURCE, manifest("t", (TRAIN, 3, 1)), {"translations": []}, "1 training image of the target t"),
        (
            SOURCE,
            manifest("t", (TRAIN, 1, 1), (TRAIN, 2, 1)),
            {"needs_rows": True},
            "simpgan run adapt says what can be known",
        ),
        (
            SOURCE,
            manifest("t", (TRAIN, 1, 1), (TRAIN, 2, 1)),
            {"umdl": [("standard", 0)]},
            "the target t has no probes in protocol 'standard', fold 0",
        ),
    ],
)
def test_what_a_later_stage_must_refuse_is_refused(source, target, change, message):
    with pytest.raises(UserError, match=message) as refused:
        refuse_impossible(source, target, dataclasses.replace(ASKED, **change))
    assert "\n" not in str(refused.value)


def test_a_split_is_ranked_if_another_camera_saw_a_probe():
    splits = [("standard", 0)]
    assert rankable_splits(TARGET, splits) == splits
    one_camera = manifest("t", (TRAIN, 1, 1), (TRAIN, 2, 1), (QUERY, 3, 1), (GALLERY, 3, 1))
    assert rankable_splits(one_camera, splits) == []
    refuse_impossible(SOURCE, one_camera, ASKED)  # it is looked at without labels
