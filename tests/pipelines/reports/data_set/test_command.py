"""The command `simpgan describe`, on recorded, translated and damaged data sets."""

import base64
import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.data.shards import read_images
from simpgan.components.ingest import stage as ingest
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.translate import stage as translate
from simpgan.components.translate.settings import TranslateSettings
from simpgan.pipelines import cli
from tests.components.core.object_store import ObjectStore
from tests.components.ingest.data_sets import files_of, write
from tests.components.ingest.tables.test_tables import images_below, table_in
from tests.components.translate.test_stage import SETTINGS, translator
from tests.conftest import Ingested

CROP = re.compile(r'<img src="data:image/jpeg;base64,([^"]+)" alt="[^"]+" title="([^"]+)">')


@pytest.fixture
def simpgan(monkeypatch, capsys):
    """Runs `simpgan describe`; returns its exit status and what it said."""

    def simpgan(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["simpgan", "describe", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, "".join(capsys.readouterr())

    return simpgan


def test_the_terminal_needs_no_images(simpgan, ingested: Ingested):
    status, said = simpgan(ingested.target)
    assert status == 0
    assert said.startswith("grid: 23 images of 8 people by 6 cameras\n")
    assert "folds10   0 to 9" in said
    assert "published are 250 of 125" in said


def test_the_page_shows_the_images_that_it_names(simpgan, ingested: Ingested, tmp_path: Path):
    status, said = simpgan(ingested.source, "--data-root", ingested.data_root, "--out", tmp_path)
    assert (status, said.splitlines()[-1]) == (0, f"The page: {tmp_path / 'describe.html'}")
    manifest = Manifest.load(ingested.source)
    page = (tmp_path / "describe.html").read_text()
    crops = CROP.findall(page)
    assert len(crops) > 50
    rows = manifest.images["name"].searchsorted([name for _, name in crops])
    for (encoded, _), content in zip(crops, read_images(ingested.data_root, manifest, rows), strict=True):
        shown, recorded = (Image.open(io.BytesIO(each)) for each in (base64.b64decode(encoded), content))
        assert np.abs(np.asarray(shown, float) - np.asarray(recorded, float)).mean() < 3
    assert "http" not in page.replace("http-equiv", "")


def test_the_same_seed_draws_the_same_page(simpgan, ingested: Ingested, tmp_path: Path):
    pages = []
    for place, seed in enumerate((0, 0, 1)):
        simpgan(ingested.source, "--data-root", ingested.data_root, "--out", tmp_path / f"{place}", "--seed", seed)
        pages.append([name for _, name in CROP.findall((tmp_path / f"{place}" / "describe.html").read_text())])
    assert pages[0] == pages[1] != pages[2]


def test_a_translation_says_what_made_it(simpgan, ingested: Ingested, tmp_path: Path):
    model = translator(tmp_path / "translator", 0.3, settings={**SETTINGS, "steps": 3})
    translate.run(ingested.target, model, TranslateSettings(batch=8), ingested.data_root, tmp_path / "translated")
    status, said = simpgan(tmp_path / "translated", "--data-root", ingested.data_root, "--out", tmp_path / "out")
    assert status == 0
    assert said.startswith("grid by simpgan: 23 images")
    assert "  Translated into the source's style by simpgan, trained in folds10:0, seed 0.\n" in said
    assert "Translated into the source&#39;s style" in (tmp_path / "out" / "describe.html").read_text()


def test_images_may_lie_in_an_object_store(simpgan, object_store: ObjectStore, tmp_path: Path):
    files = files_of("cuhk01") | {"campus/9999001.png": b"no image"}
    settings = IngestSettings(layout="cuhk01", max_rejected_share=0.1)
    data_root = f"{object_store.location}/data"
    ingest.run(str(write(files, tmp_path / "CUHK01")), settings, data_root, tmp_path / "manifest")
    status, said = simpgan(tmp_path / "manifest", "--data-root", data_root, "--out", tmp_path / "out")
    assert status == 0
    assert f"1 rejected file, listed in {tmp_path / 'manifest' / 'rejected.parquet'}\n" in said
    page = (tmp_path / "out" / "describe.html").read_text()
    assert len(CROP.findall(page)) > 16
    assert "campus/9999001.png" in page
    assert "An unmatched probe does not have a correct match by another camera in the gallery." in page


def test_without_cameras_any_other_image_of_a_person_is_a_match(simpgan, tmp_path: Path):
    rows = [{"path": f"{number}.png", "person": number // 2} for number in range(8)]
    images_below(tmp_path, *(str(row["path"]) for row in rows))
    settings = IngestSettings(layout="table")
    ingest.run(str(table_in(tmp_path, rows)), settings, str(tmp_path / "data"), tmp_path / "manifest")
    status, _ = simpgan(tmp_path / "manifest", "--data-root", tmp_path / "data", "--out", tmp_path / "out")
    assert status == 0
    page = (tmp_path / "out" / "describe.html").read_text()
    assert "An unmatched probe does not have a correct match in the gallery." in page


@pytest.mark.parametrize(
    ("place", "options", "message"),
    [
        ("networks", [], r"networks is not a manifest: it has no manifest.json"),
        ("grid", ["--data-root", "elsewhere"], "images of grid are not in .*elsewhere, which --data-root names"),
        ("grid", [], "--data-root is missing: '.*grid' lies in the folder of no run"),
    ],
)
def test_what_cannot_be_described_is_refused_in_one_line(
    simpgan, ingested: Ingested, tmp_path: Path, place: str, options: list[str], message: str
):
    status, said = simpgan(ingested.target.parent / place, "--out", tmp_path / "out", *options)
    assert status == 2
    assert re.match(f"simpgan: .*{message}", said.splitlines()[-1])
    assert not (tmp_path / "out").exists()
