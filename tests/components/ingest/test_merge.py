"""Parts that are read one by one and merged are the data set that one ingest of everything reads."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simpgan.components.core import storage
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.new_files import Listing
from simpgan.components.core.data.object_versions import new_objects, objects_at
from simpgan.components.core.data.shards import read_images
from simpgan.components.core.errors import UserError
from simpgan.components.ingest import merge, part, stage
from simpgan.components.ingest.settings import IngestSettings
from tests.components.ingest.data_sets import encoded, files_of, write
from tests.servers.seaweedfs import S3

LOOSE = IngestSettings(layout="cameras", name="station", max_rejected_share=1)
DROP = {f"{camera}/{number}.jpg": encoded(20 * row + number) for row, camera in enumerate("NEW") for number in range(4)}
DAMAGED = {"N/text.jpg": b"a text", "E/notes.txt": b"mine", "W/empty.png": b"", "W/Thumbs.db": b"a file manager's"}
REASONS = {"N/text.jpg": "not a JPEG, PNG or BMP image", "E/notes.txt": "its name", "W/empty.png": "empty file"}


def ingest_in_parts(
    location: Path | str,
    data_root: Path | str,
    out: Path,
    *,
    part_images: int = 5,
    order: Sequence[int] | None = None,
    former: Path | None = None,
    chosen: IngestSettings = LOOSE,
) -> merge.Merged:
    """Everything at a place that `former` lacks, in parts that come in any `order` and may come again."""
    known = Manifest.load(former) if former else None
    objects = objects_at(str(location))
    listing = Listing.split(str(location), new_objects(objects, known) if known else objects, part_images)
    listing.save(out / "listing")
    folders = []
    for number in listing.parts if order is None else order:
        folders.append(out / f"part-{len(folders)}")
        part.run(out / "listing", number, chosen, str(data_root), folders[-1])
    return merge.run(folders, chosen, out / "manifest", former)


def shards(data_root: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (data_root / "shards").iterdir()}


def contents(data_root: Path | str, manifest: Manifest) -> dict[str, bytes]:
    images = read_images(str(data_root), manifest, np.arange(len(manifest.images)))
    return dict(zip(manifest.images["name"], images, strict=True))


@pytest.fixture(scope="module")
def drop(tmp_path_factory) -> Path:
    return write(DROP | DAMAGED, tmp_path_factory.mktemp("drop"))


@pytest.fixture(scope="module")
def whole(drop: Path, tmp_path_factory) -> Manifest:
    """The drop as one ingest reads it."""
    folder = tmp_path_factory.mktemp("whole")
    stage.run(str(drop), LOOSE, str(folder / "data"), folder / "manifest")
    return Manifest.load(folder / "manifest")


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part_images=st.integers(4, 16), seed=st.integers(0, 99), again=st.integers(0, 2))
def test_any_parts_in_any_order_some_of_them_twice_are_one_ingest_of_everything(
    drop: Path, whole: Manifest, tmp_path: Path, part_images: int, seed: int, again: int
):
    draw = random.Random(seed)
    numbers = list(range(-(-(len(DROP) + len(REASONS)) // part_images)))
    order = draw.sample(numbers, len(numbers)) + draw.choices(numbers, k=again)
    data_root = tmp_path / "data"
    merged = ingest_in_parts(drop, data_root, tmp_path / uuid4().hex, part_images=part_images, order=order)
    assert merged.manifest.digest == whole.digest
    assert merged.new == len(DROP)
    assert merged.manifest.objects.equals(whole.objects)
    assert contents(data_root, merged.manifest) == DROP


def test_a_part_that_is_read_again_writes_nothing(drop: Path, tmp_path: Path):
    first = ingest_in_parts(drop, tmp_path / "data", tmp_path / "one")
    before = shards(tmp_path / "data")
    second = ingest_in_parts(drop, tmp_path / "data", tmp_path / "two", order=[2, 2, 1, 0])
    assert shards(tmp_path / "data") == before
    assert second.manifest.files_digest == first.manifest.files_digest


def test_what_every_part_rejected_is_listed_and_no_longer_new(drop: Path, tmp_path: Path):
    manifest = ingest_in_parts(drop, tmp_path / "data", tmp_path).manifest
    rejected = dict(manifest.rejected.itertuples(index=False))
    assert rejected.keys() == REASONS.keys()
    assert all(rejected[name].startswith(reason) for name, reason in REASONS.items())
    assert new_objects(objects_at(str(drop)), manifest).empty


def test_names_that_are_no_utf_8_are_read_in_parts_and_no_longer_new(tmp_path: Path):
    names = {"f\udcfcr/1.jpg": r"f\xfcr/1.jpg", "für/\udce9.JPG": r"für/\xe9.JPG", r"N/\xfc.jpg": r"N/\x5cxfc.jpg"}
    files = {name: encoded(40 * row) for row, name in enumerate(names)}
    place = write(files, tmp_path / "drop")
    manifest = ingest_in_parts(place, tmp_path / "data", tmp_path, part_images=2).manifest
    assert contents(tmp_path / "data", manifest) == {names[name]: content for name, content in files.items()}
    assert new_objects(objects_at(str(place)), manifest).empty
    write({"f\udcfcr/2.jpg": encoded(200)}, place)
    assert new_objects(objects_at(str(place)), manifest)["name"].tolist() == [r"f\xfcr/2.jpg"]


def test_the_share_of_damaged_files_is_that_of_all_parts(drop: Path, tmp_path: Path):
    strict = LOOSE.model_copy(update={"max_rejected_share": 0.19})
    with pytest.raises(UserError, match=r"3 of 15 files in station were rejected .* max_rejected_share = 0\.19"):
        ingest_in_parts(drop, tmp_path / "data", tmp_path / "refused", part_images=4, chosen=strict)
    assert not (tmp_path / "refused/manifest").exists()
    allowing = LOOSE.model_copy(update={"max_rejected_share": 0.2})
    ingest_in_parts(drop, tmp_path / "data", tmp_path / "allowed", part_images=4, chosen=allowing)


def test_nothing_but_damaged_files_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match=r"no image in station \(N/1\.jpg: not a JPEG, PNG or BMP image\)"):
        ingest_in_parts(write({"N/1.jpg": b"text"}, tmp_path / "drop"), tmp_path / "data", tmp_path)


def grown(tmp_path: Path, more: Mapping[str, bytes], **how) -> merge.Merged:
    """A data set of the drop, and then more files at the same place; its manifests are in `one` and `two`."""
    write(DROP, tmp_path / "drop")
    ingest_in_parts(tmp_path / "drop", tmp_path / "data", tmp_path / "one")
    write(dict(more), tmp_path / "drop")
    former = tmp_path / "one/manifest"
    return ingest_in_parts(tmp_path / "drop", tmp_path / "data", tmp_path / "two", former=former, **how)


def test_a_data_set_grows_by_what_is_new_and_is_what_one_ingest_of_everything_reads(tmp_path: Path):
    new = {"A/first.jpg": encoded(201), "N/9.jpg": encoded(202), "Z/last.jpg": encoded(203)}
    merged = grown(tmp_path, new)
    assert merged.new == 3
    assert Listing.load(tmp_path / "two/listing").objects["name"].tolist() == sorted(new)
    everything = stage.run(str(tmp_path / "drop"), LOOSE, str(tmp_path / "other"), tmp_path / "everything")
    assert merged.manifest.digest == everything.digest, "a camera in front of the others moves their numbers"
    assert contents(tmp_path / "data", merged.manifest) == DROP | new


def test_a_replaced_file_counts_as_it_is_now(tmp_path: Path):
    merged = grown(tmp_path, {"N/1.jpg": encoded(201)})
    assert merged.new == 1
    assert contents(tmp_path / "data", merged.manifest) == DROP | {"N/1.jpg": encoded(201)}


def test_a_file_that_was_replaced_by_a_damaged_one_is_rejected(tmp_path: Path):
    new = {"N/1.jpg": b"text", "N/8.jpg": encoded(201)}
    merged = grown(tmp_path, new)
    assert merged.manifest.rejected["name"].tolist() == ["N/1.jpg"]
    assert sorted(merged.manifest.images["name"]) == sorted(DROP.keys() - {"N/1.jpg"} | {"N/8.jpg"})


def test_a_rejected_file_that_was_put_right_is_an_image(tmp_path: Path):
    write(DROP | {"N/8.jpg": encoded(201)[:200]}, tmp_path / "drop")
    ingest_in_parts(tmp_path / "drop", tmp_path / "data", tmp_path / "one")
    merged = grown(tmp_path, {"N/8.jpg": encoded(201)})
    assert merged.manifest.rejected.empty
    assert contents(tmp_path / "data", merged.manifest)["N/8.jpg"] == encoded(201)


def test_the_same_bytes_put_there_again_are_nothing_new(tmp_path: Path):
    write(DROP, tmp_path / "drop")
    former = ingest_in_parts(tmp_path / "drop", tmp_path / "data", tmp_path / "one").manifest
    before = shards(tmp_path / "data")
    for path in (tmp_path / "drop").rglob("*.jpg"):
        path.touch()
    merged = ingest_in_parts(
        tmp_path / "drop", tmp_path / "data", tmp_path / "two", former=tmp_path / "one/manifest", part_images=3
    )
    assert merged.new == 0
    assert merged.manifest.digest == former.digest
    assert merged.manifest.images.equals(former.images), "the shards that were there are enough"
    assert new_objects(objects_at(str(tmp_path / "drop")), merged.manifest).empty
    assert before.items() <= shards(tmp_path / "data").items()


def test_a_file_that_is_removed_after_it_was_listed_counts_for_nothing(tmp_path: Path):
    write(DROP, tmp_path / "drop")
    Listing.split(str(tmp_path / "drop"), objects_at(str(tmp_path / "drop")), 100).save(tmp_path / "listing")
    (tmp_path / "drop/N/1.jpg").unlink()
    manifest = part.run(tmp_path / "listing", 0, LOOSE, str(tmp_path / "data"), tmp_path / "part")
    assert len(manifest.images) == len(manifest.objects) == len(DROP) - 1
    assert manifest.rejected.empty


def test_the_former_data_set_must_be_of_cameras_too(tmp_path: Path):
    write(files_of("market1501"), tmp_path / "set")
    labelled = IngestSettings(layout="market1501")
    stage.run(str(tmp_path / "set"), labelled, str(tmp_path / "data"), tmp_path / "former")
    write(DROP, tmp_path / "drop")
    with pytest.raises(UserError, match=r"market1501 has the protocol 'standard'.*adapt to cameras:PATH once"):
        ingest_in_parts(tmp_path / "drop", tmp_path / "data", tmp_path / "two", former=tmp_path / "former")


def test_the_former_name_stays(tmp_path: Path):
    other = LOOSE.model_copy(update={"name": None})
    merged = grown(tmp_path, {"N/8.jpg": encoded(201)}, chosen=other)
    assert merged.manifest.dataset == "station"


def test_a_part_that_is_not_there_is_named(drop: Path, tmp_path: Path):
    with pytest.raises(UserError, match=r"has no part 7: it has 3 parts from 0"):
        ingest_in_parts(drop, tmp_path / "data", tmp_path, order=[7])


@pytest.mark.servers
def test_an_object_store_gives_the_same(
    s3_server: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, whole: Manifest
):
    for name, value in {**s3_server.environment, "SIMPGAN_CACHE": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    bucket = s3_server.bucket(f"drop-{uuid4().hex[:8]}")
    for name, content in (DROP | DAMAGED).items():
        storage.write_bytes(f"{bucket}/raw/{name}", content)
    data_root = f"{bucket}/data"
    first = ingest_in_parts(f"{bucket}/raw", data_root, tmp_path / "one", order=[1, 0, 2, 2])
    assert first.manifest.digest == whole.digest
    keys = s3_server.keys(bucket.removeprefix("s3://"))

    storage.write_bytes(f"{bucket}/raw/N/1.jpg", DROP["N/1.jpg"])  # the same again
    assert new_objects(objects_at(f"{bucket}/raw"), first.manifest).empty
    storage.write_bytes(f"{bucket}/raw/N/2.jpg", encoded(201))
    storage.write_bytes(f"{bucket}/raw/A/1.jpg", encoded(202))
    second = ingest_in_parts(f"{bucket}/raw", data_root, tmp_path / "two", former=tmp_path / "one/manifest")
    assert second.new == 2
    now = DROP | {"N/2.jpg": encoded(201), "A/1.jpg": encoded(202)}
    assert contents(data_root, second.manifest) == now
    assert len(s3_server.keys(bucket.removeprefix("s3://"))) == len(keys) + 2, "one image and one shard more"
