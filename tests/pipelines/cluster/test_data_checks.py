"""Data on a cluster: what can be seen from here, and what cannot be."""

import pytest

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cluster.data_checks import (
    LOOKED_AT_EVERY_TIME,
    ClusterPlaces,
    check_data_root,
    check_parameter,
    check_weights,
)


def refused(act, *arguments):
    """What is said, in one line."""
    with pytest.raises(UserError) as error:
        act(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_prefix_has_the_fingerprint_of_its_objects(object_store):
    object_store.fill({"grid/a.jpg": b"1"})
    text = f"grid:{object_store.location}/grid"
    first = ClusterPlaces().data_set(text, "--target", "station").as_arguments("target")
    assert first["target_name"] == "station"
    assert first["target_location"] == f"{object_store.location}/grid"
    assert ClusterPlaces().data_set(text, "--target").fingerprint == first["target_fingerprint"]
    object_store.fill({"grid/b.jpg": b"2"})
    assert ClusterPlaces().data_set(text, "--target").fingerprint != first["target_fingerprint"]
    assert ClusterPlaces(scheduled=True).data_set(text, "--target").fingerprint == LOOKED_AT_EVERY_TIME


def test_a_path_that_only_the_cluster_has_is_new_every_time(tmp_path):
    there = f"grid:{tmp_path}/not-here/./grid"
    first, second = (ClusterPlaces().data_set(there, "--target") for _ in range(2))
    assert first.location == f"{tmp_path}/not-here/./grid"
    assert first.fingerprint != second.fingerprint
    (tmp_path / "here").mkdir()
    first, second = (ClusterPlaces().data_set(f"grid:{tmp_path}/here", "--target") for _ in range(2))
    assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid:underground_reid", "--target: the cluster has no folder 'underground_reid': give an s3:// prefix, or"),
        ("grid:", "--target: the cluster has no folder '': give an s3:// prefix"),
        (".", "--target '.' names no layout: write --target market1501:."),
        ("s3://bucket/grid", "--target 's3://bucket/grid' names no layout: write --target market1501:s3://"),
        ("gird:/data", "--target: unknown layout 'gird': did you mean 'grid'?"),
        ("gird:s3://bucket/data", "--target: unknown layout 'gird': did you mean 'grid'?"),
    ],
)
def test_what_is_no_data_set_of_a_cluster_is_refused(text, message):
    assert refused(ClusterPlaces().data_set, text, "--target").startswith(message)


def test_what_does_not_exist_in_the_store_is_refused(object_store):
    at = object_store.location
    said = refused(ClusterPlaces().data_set, f"grid:{at}/grid", "--target")
    assert said == f"--target: nothing lies under {at}/grid: correct the bucket or the prefix"
    assert refused(ClusterPlaces().data_set, "grid:s3://no-bucket/grid", "--target").startswith(
        "no such bucket: s3://no-bucket"
    )
    assert refused(check_data_root, "s3://no-bucket/data").startswith("no such bucket: s3://no-bucket/data")
    assert refused(check_weights, f"{at}/resnet.safetensors").startswith("pretrain.weights: no such file")
    assert refused(check_parameter, "images", f"{at}/new").startswith("parameter 'images': nothing lies under")
    assert refused(check_parameter, "data_root", "s3://no-bucket/data").startswith("no such bucket")


def test_what_exists_or_may_be_new_is_taken(object_store):
    object_store.fill({"weights/resnet.safetensors": b"1"})
    at = object_store.location
    check_data_root(f"{at}/new")
    check_data_root("/mnt/data")
    check_weights("imagenet")
    check_weights("/mnt/resnet.safetensors")
    check_weights(f"{at}/weights/resnet.safetensors")
    check_parameter("data_root", f"{at}/new")
    check_parameter("weights", f"{at}/weights/resnet.safetensors")
    check_parameter("weights", f"{at}/weights")


def test_a_folder_of_this_machine_is_no_place_of_the_cluster():
    assert refused(check_data_root, "data").startswith("--data-root: the cluster has no folder 'data'")
    assert refused(check_weights, "resnet.safetensors").startswith("pretrain.weights: the cluster has no folder")
