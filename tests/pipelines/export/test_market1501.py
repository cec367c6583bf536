"""An exported folder is in Market-1501's layout: our own ingest and other loaders' pattern read the same from it."""

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import ExifTags, Image

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.shards import read_images
from simpgan.components.core.errors import UserError
from simpgan.components.ingest import stage as ingest
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.translate import stage as translate
from simpgan.components.translate.settings import TranslateSettings
from simpgan.pipelines.export.market1501 import export_market1501, file_names
from tests.components.translate.test_stage import translator
from tests.conftest import Ingested

ROLE_OF = {"bounding_box_train": "train", "query": "query", "bounding_box_test": "gallery"}
OFFICIAL = re.compile(r"(-1|\d{4})_c([1-6])s1_\d{6}_\d{2}\.jpg")


def shown(manifest: Manifest, protocol: str) -> list[tuple[str, int, int, str]]:
    """(role, person or 0, camera, digest of the bytes) of every image that plays a role in fold 0."""
    roles = manifest.roles.query("protocol == @protocol and fold == 0")
    images = manifest.images.loc[roles["image"], ["person", "camera", "sha256"]].fillna({"person": 0})
    return sorted(zip(roles["role"], *(images[column] for column in images), strict=True))


def ingested_again(folder: Path, data_root: str, manifest: Path) -> Manifest:
    ingest.run(str(folder), IngestSettings(layout="market1501", name="again"), data_root, manifest)
    return Manifest.load(manifest)


def as_loaders_read(folder: Path) -> dict[str, list[tuple[int, int]]]:
    """(person, camera) of each image as torchreid and fastreid find them, junk passed over, by role."""
    found = {}
    for name, role in ROLE_OF.items():
        labels = [
            tuple(int(part) for part in re.search(r"([-\d]+)_c(\d)", str(path)).groups())
            for path in (folder / name).glob("*.jpg")
        ]
        found[role] = sorted(label for label in labels if label[0] != -1)
    return found


def small(changes: dict[str, list], roles: str = "train") -> Manifest:
    """Two images with the role; their bytes are nowhere."""
    images = {"name": ["a.jpg", "b.jpg"], "shard": "s", "position": [0, 1], "sha256": ["0a", "0b"], "width": 64}
    images |= {"height": 128, "person": [1, 2], "camera": [1, 6], "time": pd.NA} | changes
    table = pd.DataFrame({"image": [0, 1], "protocol": "p", "fold": 0, "role": roles})
    return Manifest("cameras", pd.DataFrame(images), table)


@pytest.mark.parametrize(("layout", "protocol"), [("source", "standard"), ("target", "folds10"), ("target", "all250")])
def test_ingest_reads_back_the_same_images_people_cameras_and_roles(
    ingested: Ingested, tmp_path: Path, layout: str, protocol: str
) -> None:
    manifest = Manifest.load(getattr(ingested, layout))
    export_market1501(manifest, protocol, 0, ingested.data_root, tmp_path / "out")
    again = ingested_again(tmp_path / "out", str(tmp_path / "data"), tmp_path / "again")
    assert again.rejected.empty
    assert shown(again, "standard") == shown(manifest, protocol)


def test_the_names_are_official_and_other_loaders_read_the_same_from_them(ingested: Ingested, tmp_path: Path) -> None:
    manifest = Manifest.load(ingested.target)
    export_market1501(manifest, "folds10", 3, ingested.data_root, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([*ROLE_OF, "names.csv"])
    for folder in ROLE_OF:
        assert all(OFFICIAL.fullmatch(path.name) for path in (tmp_path / "out" / folder).iterdir())
    images = manifest.images
    expected = {
        role: sorted(
            zip(
                images["person"].fillna(0).iloc[manifest.rows("folds10", 3, role)],
                images["camera"].iloc[manifest.rows("folds10", 3, role)],
                strict=True,
            )
        )
        for role in ROLE_OF.values()
    }
    assert as_loaders_read(tmp_path / "out") == expected
    assert any(person == 0 for person, _ in expected["gallery"])


def test_names_csv_leads_back_to_the_manifest(ingested: Ingested, tmp_path: Path) -> None:
    manifest = Manifest.load(ingested.target)
    export_market1501(manifest, "folds10", 0, ingested.data_root, tmp_path / "out")
    names = pd.read_csv(tmp_path / "out" / "names.csv")
    assert names["file"].is_unique
    assert len(names) == len(list((tmp_path / "out").glob("*/*.jpg")))
    row_of = pd.Series(np.arange(len(manifest.images)), manifest.images["name"])
    contents = read_images(ingested.data_root, manifest, row_of[names["image"]].to_numpy())
    for file, content in zip(names["file"], contents, strict=True):
        assert (tmp_path / "out" / file).read_bytes() == content


def test_translated_images_become_jpeg_that_is_nearly_the_same(ingested: Ingested, tmp_path: Path) -> None:
    model = translator(tmp_path / "translator", 0.3)
    manifest = translate.run(
        ingested.target, model, TranslateSettings(batch=8), ingested.data_root, tmp_path / "translated"
    )
    sentences = export_market1501(manifest, "folds10", 0, ingested.data_root, tmp_path / "out")
    files = sorted((tmp_path / "out").glob("*/*.jpg"))
    assert sentences == [f"{len(files)} images were no JPEG: encoded with quality 95, without chroma subsampling"]
    names = pd.read_csv(tmp_path / "out" / "names.csv").set_index("image")["file"]
    rows = manifest.rows("folds10", 0, "query")
    for row, content in zip(rows, read_images(ingested.data_root, manifest, rows), strict=True):
        before = np.asarray(Image.open(io.BytesIO(content))).astype(float)
        with Image.open(tmp_path / "out" / names[manifest.images["name"][row]]) as image:
            assert image.format == "JPEG"
            assert np.abs(np.asarray(image) - before).mean() < 2


def test_what_only_exif_turns_upright_is_upright_for_loaders_that_ignore_it(tmp_path: Path) -> None:
    """A phone's JPEG, and a grey PNG of 16 bits: in the manifest as seen, and written so."""
    seen = np.zeros((32, 16, 3), np.uint8)
    seen[:16, :8] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    (tmp_path / "set" / "a").mkdir(parents=True)
    (tmp_path / "set" / "b").mkdir()
    Image.fromarray(seen).rotate(90, expand=True).save(tmp_path / "set" / "a" / "1.jpg", quality=95, exif=exif)
    Image.fromarray(seen[..., 0].astype(np.uint16) * 257).save(tmp_path / "set" / "b" / "2.png")
    settings = IngestSettings(layout="cameras")
    ingest.run(str(tmp_path / "set"), settings, str(tmp_path / "data"), tmp_path / "manifest")
    manifest = Manifest.load(tmp_path / "manifest")
    assert manifest.images[["width", "height"]].to_numpy().tolist() == [[16, 32]] * 2
    protocol = manifest.protocols()["protocol"][0]
    sentences = export_market1501(manifest, protocol, 0, str(tmp_path / "data"), tmp_path / "out")
    assert "images were not upright: turned, and encoded with quality 95" in " ".join(sentences)
    written = list((tmp_path / "out").glob("*/*.jpg"))
    assert written
    for path in written:
        with Image.open(path) as image:
            assert dict(image.getexif()) == {}
            assert np.abs(np.asarray(image, float) - seen).mean() < 8


def test_images_of_one_person_camera_and_frame_get_names_of_their_own() -> None:
    images = pd.DataFrame(
        {
            "role": "gallery",
            "person": [7, 7, pd.NA, pd.NA, 7],
            "camera": [1, 1, 2, 2, 1],
            "time": [5, 5, pd.NA, pd.NA, 6],
        }
    ).astype({"person": "Int64", "time": "Int64"})
    assert file_names(images) == [
        "bounding_box_test/0007_c1s1_000005_00.jpg",
        "bounding_box_test/0007_c1s1_000005_01.jpg",
        "bounding_box_test/0000_c2s1_000000_00.jpg",
        "bounding_box_test/0000_c2s1_000000_01.jpg",
        "bounding_box_test/0007_c1s1_000006_00.jpg",
    ]


def test_training_images_of_unknown_people_are_passed_over_by_loaders(ingested: Ingested, tmp_path: Path) -> None:
    manifest = Manifest.load(ingested.source)
    images = manifest.images.copy()
    hidden = manifest.rows("standard", 0, "train")[:3]
    images.loc[hidden, "person"] = pd.NA
    partly_labelled = Manifest("cameras", images, manifest.roles)
    sentences = export_market1501(partly_labelled, "standard", 0, ingested.data_root, tmp_path / "out")
    assert sentences == ["3 training images of unknown people are named -1_*: loaders pass over them"]
    assert len(list((tmp_path / "out" / "bounding_box_train").glob("-1_*.jpg"))) == 3
    assert len(as_loaders_read(tmp_path / "out")["train"]) == len(manifest.rows("standard", 0, "train")) - 3


def test_people_in_training_and_test_are_pointed_out(ingested: Ingested, tmp_path: Path) -> None:
    manifest = Manifest.load(ingested.target)
    sentences = export_market1501(manifest, "all250", 0, ingested.data_root, tmp_path / "out")
    assert sentences == ["8 people are in training and among the queries: no fair test of what was trained on this"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"person": [1, 12_345]}, r"b\.jpg and 0 more: its person is not numbered 1 to 1501"),
        ({"person": [1502, 2]}, r"a\.jpg and 0 more: its person is not numbered 1 to 1501"),
        ({"person": [0, 0]}, r"a\.jpg and 1 more: its person is not numbered 1 to 1501"),
        ({"camera": [7, 1]}, r"a\.jpg and 0 more: its camera is not numbered 1 to 6"),
        ({"camera": [1, 0]}, r"b\.jpg and 0 more: its camera is not numbered 1 to 6"),
        ({"camera": [pd.NA, 1]}, r"a\.jpg and 0 more: its camera is not known"),
    ],
)
def test_labels_that_loaders_stop_at_are_refused(tmp_path: Path, changes: dict[str, list], message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        export_market1501(small(changes), "p", 0, str(tmp_path), tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_a_path_that_loaders_would_read_a_person_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="would take '3_c2' in this path"):
        export_market1501(small({}), "p", 0, str(tmp_path), tmp_path / "trial3_c2" / "out")


def test_a_lost_shard_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        export_market1501(small({}), "p", 0, str(tmp_path / "data"), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
