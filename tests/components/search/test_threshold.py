"""From which similarity on two images are accepted: counted pair by pair."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.ingest.join import joined
from simpgan.components.ingest.layouts.base import role
from simpgan.components.search.threshold import (
    ANY_CAMERA,
    calibrate,
    calibration_images,
    clopper_pearson,
    compared_by_part,
)
from tests.conftest import Ingested


def unit(count: int, seed: int = 0) -> np.ndarray:
    features = np.random.default_rng(seed).normal(size=(count, 6))
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.2, 1.0])
def test_the_share_of_accepted_pairs_is_the_highest_not_above_the_rate(rate: float) -> None:
    features = unit(40)
    person, camera, part = (
        np.arange(40) % 10,
        np.arange(40) // 5 % 3,
        np.array(["one", "other"])[np.arange(40) // 7 % 2],
    )
    camera[part == "other"] = ANY_CAMERA
    threshold = calibrate(features, person, camera, part, rate, unseen=True, data_set="market1501")
    similarities = [
        float(features[i] @ features[j])
        for i, j in combinations(range(40), 2)
        if person[i] != person[j] and part[i] == part[j] and (camera[i] != camera[j] or part[i] == "other")
    ]
    accepted = sum(each > threshold.similarity + 1e-7 for each in similarities)
    assert threshold.pairs == len(similarities)
    assert threshold.false_accepts == pytest.approx(accepted / len(similarities))
    assert threshold.false_accepts <= rate
    if rate < 1:
        assert accepted + 1 > rate * len(similarities)
    assert 0 <= threshold.low <= threshold.high <= 1


def test_the_interval_holds_the_share_and_narrows_with_more_people() -> None:
    def width(people: int) -> float:
        features = unit(4 * people, seed=1)
        person, camera = np.arange(4 * people) % people, np.arange(4 * people) // people % 2
        threshold = calibrate(
            features, person, camera, np.full(4 * people, "one"), 0.1, unseen=True, data_set="market1501"
        )
        assert threshold.low < threshold.false_accepts < threshold.high
        return threshold.high - threshold.low

    assert width(80) < width(8)


def test_that_no_pair_of_a_few_is_accepted_says_little() -> None:
    threshold = calibrate(
        unit(8), np.arange(8), np.arange(8) % 2, np.full(8, "one"), 0.0, unseen=True, data_set="market1501"
    )
    assert (threshold.pairs, threshold.false_accepts, threshold.low) == (16, 0, 0)
    assert threshold.high == pytest.approx(1 - 0.025 ** (1 / 16))


@given(st.data(), st.integers(1, 10**7))
def test_the_exact_interval_is_that_of_scipy(data: st.DataObject, trials: int) -> None:
    successes = data.draw(st.integers(0, trials))
    expected = binomtest(successes, trials).proportion_ci(0.95)
    assert clopper_pearson(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_people_that_the_classifier_has_not_seen_are_taken_if_there_are_any(ingested: Ingested) -> None:
    source = Manifest.load(ingested.source)
    rows, unseen = calibration_images(source, source.source_protocol)
    trained = source.images["person"].iloc[source.rows(source.source_protocol, 0, "train")]
    assert unseen
    assert len(rows)
    assert not source.images["person"].iloc[rows].isin(trained).any()
    only = source.images["person"].isin(trained)
    assert not calibration_images(kept(source, only), "standard")[1]


def test_the_people_of_the_protocol_that_was_trained_on_are_no_strangers(ingested: Ingested) -> None:
    source = Manifest.load(ingested.source)
    others = ~source.images["person"].isin(source.images["person"].iloc[source.rows("standard", 0, "train")])
    own = role("own", 0, "train", others & source.images["person"].notna())
    both = replace(source, roles=pd.concat([source.roles, own], ignore_index=True))
    rows, unseen = calibration_images(both, "own")
    assert unseen
    assert not others.iloc[rows].any()


def test_images_of_unknown_cameras_are_left_out_where_cameras_are_told_apart(ingested: Ingested) -> None:
    """They may be of one camera, whose pairs are left out."""
    source = Manifest.load(ingested.source)
    unknown = source.images.index % 2 == 0
    some = replace(source, images=source.images.assign(camera=source.images["camera"].mask(unknown)))
    rows, _ = calibration_images(some, "standard")
    assert len(rows)
    assert some.images["camera"].iloc[rows].notna().all()


def test_a_source_whose_cameras_saw_one_person_gives_no_threshold(ingested: Ingested) -> None:
    source = Manifest.load(ingested.source)
    first = (source.images["person"] == source.images["person"].dropna().iloc[0]).fillna(False).astype(bool)
    with pytest.raises(UserError, match="no images of different people by different cameras"):
        calibration_images(kept(source, first), "standard")
    no_camera = Manifest(source.dataset, source.images.assign(camera=None), source.roles, source_protocol="standard")
    with pytest.raises(UserError, match="no images of different people, which"):
        calibration_images(kept(no_camera, first), "standard")


@pytest.mark.parametrize("camera", [1, None])
def test_people_of_one_camera_or_none_are_compared_with_one_another(ingested: Ingested, camera: int | None) -> None:
    source = Manifest.load(ingested.source)
    images = source.images.assign(camera=camera)
    of_one = Manifest(source.dataset, images, source.roles, source_protocol="standard")
    rows, _ = calibration_images(of_one, "standard")
    assert images["person"].iloc[rows].nunique() > 1
    assert compared_by_part(of_one).isna().all()
    any_camera, one = np.full(4, ANY_CAMERA), np.full(4, "one")
    threshold = calibrate(unit(4), np.array([0, 0, 1, 2]), any_camera, one, 0.5, unseen=True, data_set="own")
    assert threshold.pairs == 5


def test_of_a_joint_source_each_data_set_is_compared_with_itself_as_it_would_be_alone(ingested: Ingested) -> None:
    market, grid = Manifest.load(ingested.source), Manifest.load(ingested.target)
    one_camera = kept(grid, grid.images["camera"] == 1)
    one_person = kept(grid, (grid.images["person"] == 1).fillna(False).astype(bool))
    for other, expected in ((one_camera, {"market1501", "grid"}), (one_person, {"market1501"})):
        joint = joined([kept(part, part.images["person"].notna()) for part in (market, other)], "joint")
        every = replace(joint, roles=role("joint", 0, "train", joint.images["person"].notna()))  # nobody is unseen
        rows, unseen = calibration_images(every, "joint")
        assert not unseen
        parts = every.part_of_images
        assert set(parts.iloc[rows]) == expected
        assert compared_by_part(every)[parts == "market1501"].notna().all()
        assert compared_by_part(every)[parts == "grid"].isna().all() == (other is one_camera)


def kept(manifest: Manifest, rows: pd.Series) -> Manifest:
    """The manifest with some of its images."""
    place = pd.Series(np.flatnonzero(rows), name="old").reset_index().set_index("old")["index"]
    roles = manifest.roles[manifest.roles["image"].isin(place.index)]
    return Manifest(
        dataset=manifest.dataset,
        images=manifest.images[rows].reset_index(drop=True),
        roles=roles.assign(image=place.loc[roles["image"]].to_numpy()).reset_index(drop=True),
        source_protocol=manifest.source_protocol,
    )
