"""An exported folder is loaded by Hugging Face datasets with the images, people, cameras and roles of the manifest."""

import io
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pytest
from PIL import ExifTags, Image

from simpgan.components.core.data.decoding import decode_image
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.shards import read_images, write_shards
from simpgan.components.core.errors import UserError
from simpgan.components.ingest import stage as ingest
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.translate import stage as translate
from simpgan.components.translate.settings import TranslateSettings
from simpgan.pipelines.export.imagefolder import export_imagefolder
from tests.components.core.object_store import ObjectStore
from tests.components.ingest.data_sets import files_of, write
from tests.components.translate.test_stage import translator
from tests.conftest import Ingested

SPLIT = {"train": "train", "query": "test", "gallery": "test"}


def loaded(folder: Path, cache: Path) -> datasets.DatasetDict:
    return datasets.load_dataset("imagefolder", data_dir=str(folder), cache_dir=str(cache))


def expected(manifest: Manifest, protocol: str, fold: int) -> list[tuple]:
    """Every use of an image in the split of a manifest, as a loader should find it."""
    images = manifest.images.fillna({"person": -1, "camera": -1, "time": -1})
    return [
        (SPLIT[role], image.name, image.person, image.camera, image.time, role, protocol, fold)
        for role in SPLIT
        for image in images.iloc[manifest.rows(protocol, fold, role)].itertuples(index=False)
    ]


def found(splits: datasets.DatasetDict) -> list[tuple]:
    """The same, as datasets has loaded it."""
    columns = ("name", "person", "camera", "time", "role", "protocol", "fold")
    return [
        (name, *row)
        for name, split in splits.items()
        for row in zip(*(split[column] for column in columns), strict=True)
    ]


@pytest.mark.parametrize(
    ("layout", "protocol", "fold"), [("source", "standard", 0), ("target", "folds10", 3), ("target", "all250", 0)]
)
def test_datasets_loads_the_images_with_their_labels_and_roles(
    ingested: Ingested, tmp_path: Path, layout: str, protocol: str, fold: int
) -> None:
    manifest = Manifest.load(getattr(ingested, layout))
    export_imagefolder(manifest, protocol, fold, ingested.data_root, tmp_path / "out")
    splits = loaded(tmp_path / "out", tmp_path / "cache")
    assert found(splits) == expected(manifest, protocol, fold)
    row_of = pd.Series(np.arange(len(manifest.images)), manifest.images["name"])
    for split in splits.values():
        kept = split.cast_column("image", datasets.Image(decode=False))
        contents = read_images(ingested.data_root, manifest, row_of[kept["name"]].to_numpy())
        for image, content in zip(kept["image"], contents, strict=True):
            assert Path(image["path"]).read_bytes() == content


def test_splits_without_an_unknown_person_have_the_same_types_as_those_with_one(ingested: Ingested, tmp_path: Path):
    manifest = Manifest.load(ingested.target)
    export_imagefolder(manifest, "folds10", 0, ingested.data_root, tmp_path / "out")
    splits = loaded(tmp_path / "out", tmp_path / "cache")
    assert min(splits["train"]["person"]) > 0
    assert min(splits["test"]["person"]) == -1
    assert {split.features["person"].dtype for split in splits.values()} == {"int64"}


def test_translations_stay_png_without_loss(ingested: Ingested, tmp_path: Path) -> None:
    model = translator(tmp_path / "translator", 0.3)
    manifest = translate.run(
        ingested.target, model, TranslateSettings(batch=8), ingested.data_root, tmp_path / "translated"
    )
    remarks = export_imagefolder(manifest, "folds10", 0, ingested.data_root, tmp_path / "out")
    assert not any("PNG" in remark for remark in remarks)
    split = loaded(tmp_path / "out", tmp_path / "cache")["train"]
    contents = read_images(ingested.data_root, manifest, manifest.rows("folds10", 0, "train"))
    for image, content in zip(split["image"], contents, strict=True):
        assert np.array_equal(np.asarray(image), np.asarray(Image.open(io.BytesIO(content))))


def test_images_may_lie_in_an_object_store(object_store: ObjectStore, tmp_path: Path) -> None:
    folder = write(files_of("cuhk01"), tmp_path / "CUHK01")
    data_root = f"{object_store.location}/data"
    ingest.run(str(folder), IngestSettings(layout="cuhk01"), data_root, tmp_path / "manifest")
    manifest = Manifest.load(tmp_path / "manifest")
    export_imagefolder(manifest, "all", 0, data_root, tmp_path / "out")
    assert found(loaded(tmp_path / "out", tmp_path / "cache")) == expected(manifest, "all", 0)


def test_bitmaps_and_names_of_people_and_cameras_are_kept(tmp_path: Path) -> None:
    """Names may look like numbers in one split and not in the other, so they have files of their own."""
    encoded = io.BytesIO()
    Image.new("RGB", (8, 16), (9, 99, 199)).save(encoded, "bmp")
    names = [f"{number}.bmp" for number in range(4)]
    places = write_shards(str(tmp_path / "data"), [(name, encoded.getvalue()) for name in names]).table
    images = places.assign(name=names, width=8, height=16, person=[1, 2, 3, pd.NA], camera=[1, 2, 1, 1], time=pd.NA)
    images = images.assign(person_name=["007", "7", "Zoë", ""], camera_name=["gate", "", "gate", "gate"])
    roles = pd.DataFrame(
        {"image": range(4), "protocol": "p", "fold": 0, "role": ["train", "train", "query", "gallery"]}
    )
    manifest = Manifest("named", images, roles)
    export_imagefolder(manifest, "p", 0, str(tmp_path / "data"), tmp_path / "out")
    splits = loaded(tmp_path / "out", tmp_path / "cache")
    assert found(splits) == expected(manifest, "p", 0)
    assert {image.format for split in splits.values() for image in split["image"]} == {"BMP"}
    people = pd.read_csv(tmp_path / "out" / "people.csv", dtype=str)
    assert people.to_numpy().tolist() == [["1", "007"], ["2", "7"], ["3", "Zoë"]]
    cameras = pd.read_csv(tmp_path / "out" / "cameras.csv")
    assert cameras.to_numpy().tolist() == [[1, "gate"]]


def test_images_that_common_decoders_show_otherwise_become_upright_png_of_8_bits(tmp_path: Path) -> None:
    """A phone's JPEG, a grey PNG of 16 bits, and a plain one."""
    seen = np.zeros((32, 16, 3), np.uint8)
    seen[:16, :8] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    folder = tmp_path / "set" / "gate"
    folder.mkdir(parents=True)
    Image.fromarray(seen).rotate(90, expand=True).save(folder / "1.jpg", quality=95, exif=exif)
    Image.fromarray(seen[..., 0].astype(np.uint16) * 257).save(folder / "2.png")
    Image.fromarray(seen).save(folder / "3.jpg", quality=95)
    settings = IngestSettings(layout="cameras")
    ingest.run(str(tmp_path / "set"), settings, str(tmp_path / "data"), tmp_path / "manifest")
    manifest = Manifest.load(tmp_path / "manifest")
    remarks = export_imagefolder(manifest, "cameras", 0, str(tmp_path / "data"), tmp_path / "out")
    assert remarks == [
        "2 images had 16 bits or were not upright: written as PNG",
        "3 training images show unknown people, whose number is -1",
    ]
    assert sorted(path.name for path in (tmp_path / "out" / "train").iterdir()) == [
        *("000000.png", "000001.png", "000002.jpg", "metadata.csv"),
    ]
    for name in ("1.jpg", "2.png"):
        number = ("1.jpg", "2.png").index(name)
        with Image.open(tmp_path / "out" / "train" / f"00000{number}.png") as image:
            assert (image.mode, dict(image.getexif())) == ("RGB", {})
            assert np.array_equal(np.asarray(image), np.asarray(decode_image((folder / name).read_bytes())))
    assert found(loaded(tmp_path / "out", tmp_path / "cache")) == expected(manifest, "cameras", 0)


def test_what_is_left_out_and_who_is_in_both_is_pointed_out(ingested: Ingested, tmp_path: Path) -> None:
    source, target = Manifest.load(ingested.source), Manifest.load(ingested.target)
    junk = len(source.images) - source.roles["image"].nunique()
    assert junk > 0
    remarks = export_imagefolder(source, "standard", 0, ingested.data_root, tmp_path / "source")
    assert remarks == [f"{junk} images have no role there and are left out"]
    remarks = export_imagefolder(target, "all250", 0, ingested.data_root, tmp_path / "target")
    assert remarks == ["8 people are in training and among the queries: no fair test of what was trained on this"]


def test_a_folder_with_something_in_it_is_refused_and_a_lost_shard_leaves_none(ingested: Ingested, tmp_path: Path):
    manifest = Manifest.load(ingested.target)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").touch()
    with pytest.raises(UserError, match="is not an empty folder"):
        export_imagefolder(manifest, "all250", 0, ingested.data_root, tmp_path / "full")
    with pytest.raises(UserError, match="no such file"):
        export_imagefolder(manifest, "all250", 0, str(tmp_path / "data"), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
