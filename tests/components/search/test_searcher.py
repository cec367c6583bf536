"""Searching a gallery with an adaptation, from pictures to a page."""

import io
import os
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import ExifTags, Image

from mlflow import MlflowClient
from simpgan.components.core.data.image_tensors import iterate_batches
from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.errors import UserError
from simpgan.components.core.registry.adaptation import save_adaptation
from simpgan.components.core.registry.description import verify
from simpgan.components.core.registry.local_models import folder_of
from simpgan.components.core.registry.model_registry import ModelRegistry
from simpgan.components.ingest.layouts.base import role
from simpgan.components.search import Searcher, features, searcher
from simpgan.components.search.page import write_page
from simpgan.components.search.searcher import probe_files
from simpgan.pipelines.cli.search import search
from tests.components.core.registry.adaptations import (
    rewrite_config,
    write_classifier,
    write_translator,
    write_two_cameras,
)
from tests.components.ingest.test_verify import png_that_claims
from tests.conftest import Ingested


@pytest.fixture(scope="module")
def model(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an adaptation that translates."""
    folder = tmp_path_factory.mktemp("model")
    classifier = write_classifier(folder / "classifier", ingested)
    translator = write_translator(folder / "translator", ingested, classifier)
    given = {"source": ingested.source, "target": ingested.target, "data_root": ingested.data_root}
    save_adaptation(folder / "model", "simpgan+adabn", classifier=classifier, translator=translator, **given)
    return folder / "model"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def opened(model: Path, ingested: Ingested) -> Searcher:
    return Searcher.open(model, ingested.target, ingested.data_root)


@pytest.fixture
def probe(ingested: Ingested) -> Path:
    return next((ingested.folder / "underground_reid" / "probe").iterdir())


def brute_force(model: Path, ingested: Ingested) -> np.ndarray:
    """Features of the gallery, all at once."""
    opened = Searcher.open(model, ingested.target, ingested.data_root)
    gallery = Manifest.load(ingested.target)
    rows = np.arange(len(gallery.images))
    size = opened.adaptation.size
    batches = list(iterate_batches(ingested.data_root, gallery, rows, *size, 64))
    return np.concatenate([opened.adaptation.features(each) for each in batches])


def test_what_is_found_is_what_comparing_everything_finds(
    opened: Searcher, model: Path, ingested: Ingested, probe: Path
) -> None:
    found = opened.search([probe, probe], top=5)
    similarities = brute_force(model, ingested) @ opened.probe_features([probe])[0]
    expected = np.argsort(-similarities, kind="stable")[:5]
    assert found["image"].tolist() == 2 * Manifest.load(ingested.target).images["name"].iloc[expected].tolist()
    assert found["similarity"].to_numpy() == pytest.approx(np.tile(similarities[expected], 2), abs=1e-4)
    assert found["rank"].tolist() == [1, 2, 3, 4, 5] * 2
    assert (found["accepted"] == (found["similarity"] > opened.threshold.similarity)).all()


def test_a_model_of_joined_features_is_searched_with_a_threshold_of_such(
    ingested: Ingested, tmp_path: Path, probe: Path
) -> None:
    given = {"source": ingested.source, "target": ingested.target, "data_root": ingested.data_root}
    first, second = (write_classifier(tmp_path / f"classifier-{seed}", ingested, seed=seed) for seed in (0, 1))
    more = {"companions": [second], "companion_sources": [ingested.source]}
    save_adaptation(tmp_path / "joined", "camera-adabn+joined", classifier=first, **more, **given)
    opened = Searcher.open(tmp_path / "joined", ingested.target, ingested.data_root)
    assert opened.gallery.features == pytest.approx(brute_force(tmp_path / "joined", ingested), abs=1e-3)
    found = opened.search([probe], top=3)
    assert found["similarity"].is_monotonic_decreasing
    rows = np.arange(6)
    cosines = []
    for classifier in (first, second):
        save_adaptation(tmp_path / f"alone-{classifier.name}", "camera-adabn", classifier=classifier, **given)
        alone = Searcher.open(tmp_path / f"alone-{classifier.name}", ingested.target, ingested.data_root)
        features = alone.source_features(rows)
        cosines.append(features @ features.T)
    joined = opened.source_features(rows)
    assert joined @ joined.T == pytest.approx(np.mean(cosines, axis=0), abs=1e-5)


def test_the_threshold_of_whitened_features_is_of_whitened_ones(ingested: Ingested, tmp_path: Path) -> None:
    given = {"source": ingested.source, "target": ingested.target, "data_root": ingested.data_root}
    classifier = write_classifier(tmp_path / "classifier", ingested)
    opened = []
    for method in ("camera-adabn", "camera-adabn+whitened"):
        save_adaptation(tmp_path / method, method, classifier=classifier, **given)
        opened.append(Searcher.open(tmp_path / method, ingested.target, ingested.data_root))
    plain, whitened = (each.threshold.similarity for each in opened)
    assert whitened < plain, "a classifier that was hardly trained finds all people alike until they are whitened"
    assert opened[1].gallery.features == pytest.approx(
        brute_force(tmp_path / "camera-adabn+whitened", ingested), abs=1e-3
    )


def test_a_probe_is_seen_with_the_statistics_of_its_camera(ingested: Ingested, tmp_path: Path) -> None:
    """As the images of the gallery are; without a camera, with those of the whole set."""
    gallery = write_two_cameras(tmp_path / "target", ingested)
    given = {"source": ingested.source, "target": tmp_path / "target", "data_root": ingested.data_root}
    classifier = write_classifier(tmp_path / "classifier", ingested)
    save_adaptation(tmp_path / "model", "camera-adabn", classifier=classifier, protocol="all250", **given)
    opened = Searcher.open(tmp_path / "model", tmp_path / "target", ingested.data_root)
    row = np.flatnonzero(gallery.images["camera"] == 1)[0]
    probe = ingested.folder / "underground_reid" / gallery.images["name"].iloc[row]
    best = opened.search([probe], top=1, camera="1").iloc[0]
    assert (best["image"], best["similarity"]) == (gallery.images["name"].iloc[row], pytest.approx(1, abs=1e-3))
    unknown = opened.probe_features([probe])
    assert opened.probe_features([probe], "2") == pytest.approx(unknown, abs=1e-6)
    assert unknown @ opened.gallery.features[row] < 0.999
    with pytest.raises(UserError, match="no camera is named '3': choose from: 1, 2"):
        opened.search([probe], camera="3")


def test_a_picture_that_is_in_the_gallery_is_found_first(opened: Searcher, ingested: Ingested) -> None:
    probe = next((ingested.folder / "underground_reid" / "gallery").iterdir())
    best = opened.search([probe], top=1).iloc[0]
    assert best["image"] == f"gallery/{probe.name}"
    assert best["similarity"] == pytest.approx(1, abs=1e-3)


def test_features_are_computed_once(
    opened: Searcher, model: Path, ingested: Ingested, probe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened.search([probe])
    monkeypatch.setattr(features, "extract_to", lambda *_: pytest.fail("the features are there"))
    again = Searcher.open(model, ingested.target, ingested.data_root).search([probe])
    pd.testing.assert_frame_equal(first, again)


def test_the_threshold_is_calibrated_once(
    opened: Searcher, model: Path, ingested: Ingested, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened.threshold
    other = Searcher.open(model, ingested.target, ingested.data_root, false_accepts=0.2).threshold
    assert other.similarity < first.similarity
    for kept in (own_cache / "thresholds").iterdir():
        kept.write_bytes(kept.read_bytes()[:-9])
    assert Searcher.open(model, ingested.target, ingested.data_root).threshold == first, "a damaged file"
    monkeypatch.setattr(Searcher, "calibrated", lambda _: pytest.fail("the threshold is there"))
    assert Searcher.open(model, ingested.target, ingested.data_root).threshold == first


def test_the_threshold_is_of_people_outside_the_protocol_that_trained_the_classifier(
    ingested: Ingested, tmp_path: Path
) -> None:
    known = Manifest.load(ingested.source)
    people = known.images["person"]
    first = people.isin(sorted(people.dropna().unique())[:3])
    source = replace(known, roles=pd.concat([known.roles, role("own", 0, "train", first)], ignore_index=True))
    source.save(tmp_path / "source")
    classifier = write_classifier(tmp_path / "classifier", ingested)
    rewrite_config(classifier, protocol="own", inputs={"source": source.digest})
    given = {"source": tmp_path / "source", "target": ingested.target, "data_root": ingested.data_root}
    save_adaptation(tmp_path / "model", "direct", classifier=classifier, **given)
    threshold = Searcher.open(tmp_path / "model", ingested.target, ingested.data_root).threshold
    assert threshold.unseen
    assert threshold.people == people[people.notna() & ~first].nunique()


@pytest.mark.parametrize("damage", [b"", b"no array", None])
def test_a_damaged_file_of_features_is_made_again(
    opened: Searcher, model: Path, ingested: Ingested, probe: Path, own_cache: Path, damage: bytes | None
) -> None:
    first = opened.search([probe])
    for kept in (own_cache / "features").iterdir():
        kept.write_bytes(kept.read_bytes()[:-100] if damage is None else damage)
    again = Searcher.open(model, ingested.target, ingested.data_root).search([probe])
    pd.testing.assert_frame_equal(first, again)


@pytest.mark.slow
def test_two_processes_may_make_the_same_features(
    model: Path, ingested: Ingested, probe: Path, own_cache: Path
) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        first, second = pool.map(found_by, [(model, ingested.target, ingested.data_root, probe)] * 2)
    pd.testing.assert_frame_equal(first, second)
    assert sorted(path.suffix for path in (own_cache / "features").iterdir()) == [".npy", ".npy"]


def found_by(given: tuple[Path, Path, str, Path]) -> pd.DataFrame:
    model, gallery, data_root, probe = given
    return Searcher.open(model, gallery, data_root).search([probe])


def test_the_command_writes_a_table_and_a_page(
    model: Path, ingested: Ingested, probe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search(probe, str(ingested.target), str(model), tmp_path / "out", ingested.data_root, top=3)
    table = pd.read_parquet(tmp_path / "out" / "search.parquet")
    assert len(table) == 3
    page = (tmp_path / "out" / "search.html").read_text()
    assert re.search(r"probes computed in (fp32|bf16)\.", page)
    assert page.count("<img") == 4
    assert page.count("<img") == page.count('alt="')
    assert "pairs of different people" in page
    said = capsys.readouterr().out
    assert f"best {table['image'][0]}" in said
    assert "Threshold: accepted above a similarity of" in said


def test_a_champion_is_fetched_once(client: MlflowClient, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = ModelRegistry("station")
    registry.promote(registry.register(model, card="# Card", tags={}, metrics={}))
    folder = folder_of("station@champion")
    assert verify(folder) == verify(model)
    monkeypatch.setattr(ModelRegistry, "fetch", lambda *_: pytest.fail("it is there"))
    assert folder_of("station@champion") == folder_of("station@1") == folder
    with pytest.raises(UserError, match="no version of station is 'previous'"):
        folder_of("station@previous")
    assert folder_of(str(model)) == model


@pytest.mark.slow
def test_a_second_search_imports_little_and_looks_at_no_image_again(
    client: MlflowClient, model: Path, ingested: Ingested, probe: Path, tmp_path: Path
) -> None:
    """Imports are most of its time: of what a first search needs, it needs torch for the probe and tables."""
    registry = ModelRegistry("station")
    registry.promote(registry.register(model, card="# Card", tags={}, metrics={}))
    given = (probe, str(ingested.target), "station@champion", tmp_path / "out", ingested.data_root)
    search(*given)
    script = (
        "import sys; from pathlib import Path; from simpgan.pipelines.cli.search import search; "
        "search(Path(sys.argv[1]), *sys.argv[2:4], Path(sys.argv[4]), sys.argv[5]); "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    command = [sys.executable, "-c", script, *map(str, given)]
    *said, imported = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert f"{probe}: " in said[0]
    without = {"mlflow", "kfp", "torchvision", "scipy", "sklearn", "matplotlib", "boto3", "sqlalchemy", "sympy"}
    assert not without & set(imported.split())
    assert {"torch", "pandas"} <= set(imported.split())


def test_bad_input_is_told_in_a_line(model: Path, ingested: Ingested, tmp_path: Path, probe: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    (tmp_path / "empty").mkdir()
    refused = [
        (lambda: probe_files(tmp_path / "nothing"), "no such image or folder"),
        (lambda: probe_files(tmp_path / "empty"), "no image in the folder"),
        (lambda: Searcher.open(tmp_path / "empty", ingested.target, ingested.data_root), "no adaptation in"),
        (lambda: Searcher.open(model, tmp_path / "empty", ingested.data_root), "manifest"),
        (lambda: Searcher.open(model, ingested.target, str(tmp_path / "empty")).search([probe]), "shard"),
        (lambda: Searcher.open(model, ingested.target, ingested.data_root).search([text]), "is no image"),
        (
            lambda: Searcher.open(model, ingested.target, ingested.data_root).search([tmp_path / "x"]),
            "no such image",
        ),
    ]
    for refuse, message in refused:
        with pytest.raises(UserError, match=message) as error:
            refuse()
        assert "\n" not in str(error.value)


def test_a_huge_picture_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "large.png")
    monkeypatch.setattr(searcher, "LARGEST", 100)
    with pytest.raises(UserError, match="40 x 40 pixels"):
        searcher.open_probe(tmp_path / "large.png")


@pytest.fixture
def folder_of_probes(probe: Path, tmp_path: Path) -> Path:
    """A good picture, what a Mac, Windows and a NAS leave beside it, and files that are no images."""
    folder = tmp_path / "probes"
    (folder / "more").mkdir(parents=True)
    content = probe.read_bytes()
    encoded = io.BytesIO()
    with Image.open(probe) as image:
        image.save(encoded, "png")
    png = encoded.getvalue()
    place = png.index(b"IDAT")
    files = {
        "good.jpg": content,
        "._good.jpg": b"\0\5\x16\7" + bytes(100),
        ".hidden.png": png,
        "Thumbs.db": bytes(512),
        "chunk.png": png[:place] + b"JDAT" + png[place + 4 :],
        "cut.jpg": content[: len(content) // 2],
        "empty.jpg": b"",
        "text.jpg": b"no image",
        "bomb.png": png_that_claims(60_000, 60_000),
        "notes.txt": b"who is who",
    }
    for name, each in files.items():
        (folder / name).write_bytes(each)
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    return folder


REJECTED = {
    "bomb.png": "more than 50000000 pixels",
    "chunk.png": "damaged or truncated image",
    "cut.jpg": "damaged or truncated image",
    "empty.jpg": "empty file",
    "gone.jpg": "No such file or directory",
    "loop.jpg": "Too many levels of symbolic links",
    "more": "not a file",
    "notes.txt": "not a JPEG, PNG or BMP image",
    "text.jpg": "not a JPEG, PNG or BMP image",
}


def test_a_bad_file_among_the_probes_is_named_and_the_others_are_searched(
    folder_of_probes: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert probe_files(folder_of_probes) == [folder_of_probes / "good.jpg"]
    assert caplog.messages == [f"{folder_of_probes / name} was rejected: {reason}" for name, reason in REJECTED.items()]


def test_a_bad_probe_given_by_itself_is_refused_in_the_same_words(folder_of_probes: Path) -> None:
    for name, reason in REJECTED.items():
        if name not in ("more", "gone.jpg", "loop.jpg"):
            with pytest.raises(UserError) as refused:
                searcher.open_probe(folder_of_probes / name)
            assert str(refused.value) == f"{folder_of_probes / name} is no image that can be read: {reason}"
    (folder_of_probes / "good.jpg").unlink()
    with pytest.raises(UserError, match=r"no image in the folder .*: bomb\.png: more than 50000000 pixels; chunk"):
        probe_files(folder_of_probes)


def test_a_probe_whose_name_is_no_utf_8_is_searched(opened: Searcher, probe: Path, tmp_path: Path) -> None:
    named = Path(os.fsdecode(os.fsencode(tmp_path) + b"/f\xfcr.jpg"))
    named.write_bytes(probe.read_bytes())
    found = opened.search(probe_files(named), top=1)
    assert found["probe"].tolist() == [rf"{tmp_path}/f\xfcr.jpg"]
    found.to_parquet(tmp_path / "search.parquet")
    write_page(tmp_path / "search.html", opened, found)
    assert r"f\xfcr.jpg" in (tmp_path / "search.html").read_text(encoding="utf-8")


def test_a_probe_that_lies_on_its_side_is_found_as_if_it_stood(
    opened: Searcher, ingested: Ingested, tmp_path: Path
) -> None:
    """As a phone stores it: turned, with the EXIF Orientation that turns it back."""
    recorded = next((ingested.folder / "underground_reid" / "gallery").iterdir())
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    with Image.open(recorded) as image:
        image.convert("RGB").transpose(Image.Transpose.ROTATE_90).save(tmp_path / "phone.png", exif=exif)
    best = opened.search([tmp_path / "phone.png"], top=1).iloc[0]
    assert (best["image"], best["similarity"]) == (f"gallery/{recorded.name}", pytest.approx(1, abs=1e-3))


def test_the_source_is_looked_at_as_the_classifier_was_trained(opened: Searcher, model: Path) -> None:
    """Not translated, and not with the target's statistics."""
    from simpgan.components.core.data.image_tensors import to_unit_range
    from simpgan.components.core.models.classifier import load_classifier
    from simpgan.components.core.models.extraction import features_of
    from simpgan.components.core.models.precision import Inference

    source, rows = Manifest.load(model / "source"), np.arange(3)
    classifier = load_classifier(model / "classifier")[0].folded()  # bf16 rounds folded weights in another way
    size = classifier.config.height, classifier.config.width
    (images,) = iterate_batches(opened.data_root, source, rows, *size, 3)
    expected = features_of(Inference(classifier.folded(), opened.adaptation.precision), to_unit_range(images))[0]
    assert opened.source_features(rows) == pytest.approx(expected.numpy(), abs=1e-5)
    assert isinstance(images, torch.Tensor)
