"""Labelled data sets that are joined to one source stay what they were, side by side."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.overlap import refuse_shared_people
from simpgan.components.core.data.shards import read_images
from simpgan.components.core.data.suitability import labelled_images
from simpgan.components.core.errors import UserError
from simpgan.components.ingest import join, stage
from simpgan.components.ingest.join import joined
from simpgan.components.ingest.settings import IngestSettings
from tests.components.ingest.data_sets import CUHK, MARKET, encoded, files_of, write

Image = tuple[int | None, int | None, bool, int]  # person, camera, whether it is for training, its bytes


def data_set(name: str, images: list[Image]) -> Manifest:
    """A data set of these images; the first is always for training, since a source needs one."""
    rows = [
        {
            "name": f"{place:03}.jpg",
            "shard": f"shard of {name}",
            "position": place,
            "sha256": f"{content:064x}",
            "width": 8,
            "height": 16,
            "time": pd.NA,
        }
        for place, (_, _, _, content) in enumerate(images)
    ]
    person, camera = (pd.array([image[column] for image in images], dtype="Int64") for column in (0, 1))
    used = [
        {"image": 0, "role": "train"},
        *({"image": i, "role": "train"} for i in range(1, len(images)) if images[i][2]),
    ]
    used += [{"image": i, "role": "query"} for i in range(1, len(images)) if not images[i][2]]
    roles = pd.DataFrame(used).assign(protocol="own", fold=0)
    rejected = pd.DataFrame({"name": ["broken.jpg"], "reason": ["empty file"]})
    return Manifest(
        name, pd.DataFrame(rows).assign(person=person, camera=camera), roles, rejected, source_protocol="own"
    )


codes = st.one_of(st.none(), st.integers(0, 2**63 - 1))
own_images = st.lists(st.tuples(codes, codes, st.booleans()), min_size=1, max_size=8)


@st.composite
def data_sets(draw: st.DrawFn) -> list[Manifest]:
    """Some data sets without a common image."""
    names = draw(st.lists(st.sampled_from(["a", "a-b", "ab", "b", "c+d"]), min_size=2, max_size=4, unique=True))
    return [
        data_set(name, [(*image, 1000 * number + place) for place, image in enumerate(draw(own_images))])
        for number, name in enumerate(names)
    ]


def same_groups(one: pd.Series, other: pd.Series) -> bool:
    """Whether two columns of codes tell the same rows apart, and know the same ones."""
    first, second = one.to_numpy(dtype=object, na_value=None), other.to_numpy(dtype=object, na_value=None)
    pairs = set(zip(first, second, strict=True))
    return len(pairs) == len(set(first)) == len(set(second)) and all((a is None) == (b is None) for a, b in pairs)


@settings(max_examples=60)
@given(parts=data_sets())
def test_each_data_set_is_in_the_joint_one_as_it_was_and_people_and_cameras_are_kept_apart(parts: list[Manifest]):
    joint = joined(parts, "joint")
    assert len(joint.images) == sum(len(part.images) for part in parts)
    assert sorted(joint.parts) == sorted(part.dataset for part in parts)
    trained = set(joint.images["name"].iloc[joint.rows("joint", 0, "train")])
    for part in parts:
        own = joint.images[joint.part_of_images == part.dataset].reset_index(drop=True)
        assert [f"{part.dataset}/{name}" for name in part.images["name"]] == own["name"].tolist()
        kept = ["shard", "position", "sha256", "width", "height", "time"]
        pd.testing.assert_frame_equal(own[kept], part.images[kept])
        assert same_groups(own["person"], part.images["person"])
        assert same_groups(own["camera"], part.images["camera"])
        for label in ("person", "camera"):
            shown = part.shown(label)
            expected = (f"{part.dataset}/" + shown).where(shown.notna(), "")
            assert own[f"{label}_name"].tolist() == expected.tolist()
        assert {own["name"][row] for row in part.rows("own", 0, "train")} == trained & set(own["name"])
        for column in ("person", "camera"):
            others = joint.images.loc[joint.part_of_images != part.dataset, column]
            assert not set(own[column].dropna()) & set(others.dropna())
    for column in ("person", "camera"):
        numbers = joint.images[column].dropna()
        assert sorted(set(numbers)) == list(range(1, numbers.nunique() + 1))
    assert joint.roles["role"].eq("train").all()
    assert sorted(joint.rejected["name"]) == sorted(f"{part.dataset}/broken.jpg" for part in parts)
    assert joint.warnings == ()


@settings(max_examples=30)
@given(parts=data_sets(), order=st.randoms())
def test_the_order_of_the_data_sets_does_not_matter(parts: list[Manifest], order):
    other = order.sample(parts, len(parts))
    one, two = (joined(each, join.name_of(part.dataset for part in each)) for each in (parts, other))
    assert one.digest == two.digest
    assert one.files_digest == two.files_digest
    assert (one.dataset, one.parts) == (two.dataset, two.parts)


@settings(max_examples=60)
@given(
    contents=st.lists(
        st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=8), min_size=2, max_size=3
    )
)
def test_an_image_that_several_data_sets_have_is_in_one_of_them_only(contents: list[list[tuple[int, bool]]]):
    parts = [
        # The first image, of training, is the data set's own, so that some are left.
        data_set(f"set{place}", [(1, 1, True, 100 + place), *((1, 1, trains, content) for content, trains in images)])
        for place, images in enumerate(contents)
    ]
    joint = joined(parts, "joint")
    assert set(joint.images["sha256"]) == {sha for part in parts for sha in part.images["sha256"]}
    where = joint.images.assign(part=joint.part_of_images).groupby("sha256")["part"]
    assert (where.nunique() == 1).all()
    trained = joint.images["sha256"].isin(joint.images["sha256"].iloc[joint.rows("joint", 0, "train")])
    for sha, part in where.first().items():
        holders = [each for each in parts if sha in set(each.images["sha256"])]
        training = [each for each in holders if sha in set(each.images["sha256"].iloc[each.rows("own", 0, "train")])]
        assert part == (training or holders)[0].dataset
        assert trained[joint.images["sha256"] == sha].any() == bool(training)
    left_out = sum(len(part.images) for part in parts) - len(joint.images)
    assert bool(joint.warnings) == bool(left_out)


def test_shared_images_are_said_with_their_number_and_an_example():
    one = data_set("one", [(1, 1, True, 1), (2, 1, True, 2), (3, 2, False, 3)])
    other = data_set("other", [(7, 1, True, 9), (8, 1, True, 2), (8, 2, True, 3)])
    assert joined([other, one], "both").warnings == (
        "one and other share 1 images, such as other/001.jpg: they are used once, as images of one; other images of "
        "these people count as different people in the two",
        "other and one share 1 images, such as one/002.jpg: they are used once, as images of other; other images of "
        "these people count as different people in the two",
    )


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([data_set("one", [(1, 1, True, 1)])], "one data set alone cannot be joined"),
        ([data_set("one", [(1, 1, True, place)]) for place in (1, 2)], "two of the data sets to join are called 'one'"),
        (
            [data_set("one", [(1, 1, True, 1)]), data_set("a/b", [(1, 1, True, 2)])],
            "a data set called 'a/b' cannot be joined: name it without '/'",
        ),
        (
            [data_set("one", [(1, 1, True, 1)]), data_set("other", [(1, 1, True, 1), (2, 1, False, 2)])],
            "all training images of other are also in another of the sources to join: leave one out",
        ),
    ],
)
def test_data_sets_that_cannot_be_joined_are_refused(parts: list[Manifest], message: str):
    with pytest.raises(UserError, match=message):
        joined(parts, "joint")


def test_a_joint_data_set_is_not_joined_again():
    one, other = (data_set(name, [(1, 1, True, place)]) for place, name in enumerate(("one", "other")))
    with pytest.raises(UserError, match="both was joined before: give the data sets it was made of"):
        joined([joined([one, other], "both"), other], "more")


def test_a_target_that_is_part_of_the_source_is_refused():
    one, other = (data_set(name, [(1, 1, True, place)]) for place, name in enumerate(("one", "other")))
    joint = joined([one, other], "both")
    with pytest.raises(UserError, match=r"the target other is part of the source both, .* allow_shared_people=true"):
        refuse_shared_people(joint, data_set("other", [(1, 1, True, 9)]), allowed=False)
    with pytest.raises(UserError, match=r"the source both and the target third .* share 1 images"):
        refuse_shared_people(joint, data_set("third", [(1, 1, True, 1)]), allowed=False)
    refuse_shared_people(joint, data_set("third", [(1, 1, True, 9)]), allowed=False)


@pytest.fixture(scope="module")
def market_and_cuhk(tmp_path_factory) -> tuple[Path, Path, Path]:
    """The manifests of two data sets without a common image, and their data root."""
    folder = tmp_path_factory.mktemp("sources")
    for layout in ("market1501", "cuhk01"):
        files = files_of(layout)
        if layout == "cuhk01":
            files = {name: encoded(128 + place * 3, ".png") for place, name in enumerate(files)}
        chosen = IngestSettings(layout=layout)
        stage.run(str(write(files, folder / "files" / layout)), chosen, str(folder / "data"), folder / layout)
    return folder / "market1501", folder / "cuhk01", folder / "data"


def test_ingested_data_sets_are_joined_to_a_source_whose_images_come_from_their_shards(
    market_and_cuhk: tuple[Path, Path, Path], tmp_path: Path
):
    market, cuhk, data_root = market_and_cuhk
    before = {path: path.stat().st_mtime_ns for path in data_root.rglob("*.parquet")}
    written = join.run([market, cuhk], "", str(data_root), tmp_path / "joint")
    joint = Manifest.load(tmp_path / "joint")
    assert (joint.dataset, joint.parts, joint.digest) == ("cuhk01+market1501", ("cuhk01", "market1501"), written.digest)
    rows = labelled_images(joint)
    assert len(rows) == len(CUHK) + sum(name.startswith("bounding_box_train") for name in MARKET)
    assert joint.images["person"].iloc[rows].nunique() == 8 + 2
    contents = dict(
        zip(joint.images["name"], read_images(str(data_root), joint, np.arange(len(joint.images))), strict=True)
    )
    assert (
        contents["market1501/query/0001_c1s1_001051_00.jpg"] == files_of("market1501")["query/0001_c1s1_001051_00.jpg"]
    )
    assert {path: path.stat().st_mtime_ns for path in data_root.rglob("*.parquet")} == before


def test_a_joint_data_set_may_have_a_name_of_its_own(market_and_cuhk: tuple[Path, Path, Path], tmp_path: Path):
    market, cuhk, data_root = market_and_cuhk
    assert join.run([market, cuhk], "everything", str(data_root), tmp_path / "joint").dataset == "everything"


def test_sources_whose_images_lie_elsewhere_are_refused(market_and_cuhk: tuple[Path, Path, Path], tmp_path: Path):
    market, cuhk, _ = market_and_cuhk
    with pytest.raises(UserError, match=rf"images of market1501 are not in {tmp_path}: ingest all sources to one"):
        join.run([market, cuhk], "", str(tmp_path), tmp_path / "joint")
