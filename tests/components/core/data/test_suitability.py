"""What manifests and settings forbid is refused by one sentence, before anything is trained."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.suitability import PlannedExperiment, matches, rankable_splits, refuse_impossible
from simpgan.components.core.errors import UserError
from simpgan.components.ingest.join import joined
from simpgan.components.ingest.layouts.base import role

TRAIN, QUERY, GALLERY = "train", "query", "gallery"


def manifest(dataset: str, *images: tuple[str, int | None, int | None]) -> Manifest:
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
JOINT = joined([SOURCE, manifest("other", (TRAIN, 1, 1), (TRAIN, 1, 2), (TRAIN, 2, 1))], "joint")
ASKED = PlannedExperiment(translations=[("standard", 0)])


def test_what_can_be_trained_and_measured_passes():
    refuse_impossible(SOURCE, TARGET, dataclasses.replace(ASKED, umdl=[("standard", 0)], needs_rows=True))
    refuse_impossible(JOINT, TARGET, dataclasses.replace(ASKED, style="other"))


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
        (SOURCE, TARGET, {"style": "sourc"}, "train_gan.style 'sourc' is no part of the source source: did you mean"),
        (JOINT, TARGET, {"style": "joint"}, "train_gan.style .joint. is no part of the source joint"),
        (SOURCE, TARGET, {"protocols": ["other"]}, "target has no protocol 'other'"),
        (SOURCE, TARGET, {"translations": [("standard", 3)]}, "has no fold 3"),
        (SOURCE, manifest("t", (QUERY, 3, 1), (GALLERY, 3, 2)), {}, "the target t has no training images"),
        (SOURCE, manifest("t", (TRAIN, 3, 1)), {}, "1 training image of the target t in standard, fold 0"),
        (SOURCE, manifest("t", (TRAIN, 3, 1)), {"translations": []}, "1 training image of the target t"),
        (
            SOURCE,
            TARGET,
            {"self_trainings": [("standard", 0)], "neighbours": 3},
            "has 2 training images in standard, fold 0, and self-training needs 30",
        ),
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
    same_camera = manifest("t", (TRAIN, 1, 1), (TRAIN, 2, 2), (QUERY, 3, 1), (GALLERY, 3, 1), (GALLERY, 4, 2))
    assert rankable_splits(same_camera, splits) == []
    refuse_impossible(SOURCE, same_camera, ASKED)  # it is looked at without labels


@pytest.mark.parametrize("camera", [1, None])
def test_with_one_camera_or_none_any_other_image_of_the_person_is_a_match(camera: int | None):
    one_camera = manifest("t", (QUERY, 3, camera), (GALLERY, 3, camera), (QUERY, 4, camera), (GALLERY, 5, camera))
    assert matches(one_camera.images, one_camera.roles)["matched"].tolist() == [True, False]


def test_no_image_is_a_match_of_itself():
    """Two images of person 3 and one of person 4, all of which are searched for among all; no camera is known."""
    images = manifest("t", (QUERY, 3, None), (QUERY, 3, None), (QUERY, 4, None)).images
    roles = pd.concat([role("standard", 0, each, np.ones(3, dtype=bool)) for each in (QUERY, GALLERY)])
    assert matches(images, roles)["matched"].tolist() == [True, True, False]


@given(
    st.lists(st.tuples(st.sampled_from([1, 2, None]), st.sampled_from([1, 2, None])), min_size=1, max_size=12),
    st.lists(st.sampled_from([(QUERY,), (GALLERY,), (QUERY, GALLERY), ()]), min_size=12, max_size=12),
)
def test_a_probe_is_matched_if_ranking_finds_a_match(labels, played):
    images = manifest("t", *((TRAIN, *each) for each in labels)).images
    chosen = played[: len(labels)]
    roles = pd.concat(
        role("standard", 0, each, np.array([each in one for one in chosen], dtype=bool)) for each in (QUERY, GALLERY)
    )
    cameras = {camera for _, camera in labels if camera}
    expected = {
        one: any(
            GALLERY in chosen[other]
            and other != one
            and labels[other][0] == labels[one][0]
            and (len(cameras) < 2 or labels[one][1] is None or labels[other][1] != labels[one][1])
            for other in range(len(labels))
        )
        for one in range(len(labels))
        if QUERY in chosen[one] and labels[one][0]
    }
    found = matches(images, roles)
    assert dict(zip(found["image"], found["matched"], strict=True)) == expected
