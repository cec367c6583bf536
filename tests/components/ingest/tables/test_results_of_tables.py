"""A table of labelled images, from ingest to rows of results, with no other file."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.results.rows import ResultsRow, read_results
from simpgan.components.evaluate import stage as evaluate
from simpgan.components.evaluate.settings import EvaluateSettings
from simpgan.components.ingest import stage as ingest
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.pretrain import stage as pretrain
from simpgan.components.pretrain.settings import PretrainSettings
from tests.components.core.registry.adaptations import write_classifier
from tests.conftest import Ingested

DIRECT = EvaluateSettings.parse(
    {
        "adabn": False,
        "camera_adabn": False,
        "matched": False,
        "verification": False,
        "probes_shown": 1,
        "points_shown": 4,
    }
)
CAMERAS = ("gate", "hall")


def write_people(folder: Path, people: int, cameras: Sequence[str] = CAMERAS, *, shots: int = 2) -> Path:
    """A CSV of people in clothes of their own colours, which each camera sees in a light of its own."""
    (folder / "crops").mkdir(parents=True)
    with (folder / "people.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "pid", "camera"])
        for person in range(people):
            for place, camera in enumerate(cameras):
                for shot in range(shots):
                    path = f"crops/{person}-{place}-{shot}.png"
                    picture = Image.new("RGB", (4, 8), (person * 7 % 256, person // 7 % 256, 90 + 2 * place + shot))
                    picture.paste((person * 31 % 256, 200 - person % 199, 60 + shot), (0, 4, 4, 8))
                    encoded = io.BytesIO()
                    picture.save(encoded, "png", compress_level=0)
                    (folder / path).write_bytes(encoded.getvalue())
                    rows.writerow([path, f"Person {person}", camera])
    return folder / "people.csv"


def read(table: Path, ingested: Ingested, folder: Path) -> Manifest:
    """The manifest in `folder`, beside the shards of the source."""
    settings = IngestSettings.parse({"layout": "table", "columns": {"person": "pid"}})
    ingest.run(str(table), settings, ingested.data_root, folder)
    return Manifest.load(folder)


def results(source: Path, target: Path, classifier: Path, ingested: Ingested, out: Path) -> list[ResultsRow]:
    evaluate.run(source, target, classifier, DIRECT, ingested.data_root, out)
    return read_results(out / "results.json")


@pytest.fixture(scope="module")
def classifier(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classifier(tmp_path_factory.mktemp("classifier") / "model", ingested)


def test_a_thousand_people_in_a_table_come_to_a_row(ingested: Ingested, classifier: Path, tmp_path: Path) -> None:
    made = read(write_people(tmp_path / "set", 1000), ingested, tmp_path / "people")
    assert made.images["person_name"].nunique() == 1000
    (row,) = results(ingested.source, tmp_path / "people", classifier, ingested, tmp_path / "out")
    assert (row.method, row.target, row.protocol, row.fold) == ("direct", "people", "split", 0)
    assert (row.probes, row.left_out, row.gallery) == (1000, 0, 2000)
    assert row.across_cameras
    assert row.rank_1 > 1  # of chance it is 0.1: clothes have colours, and even an untrained network sees them
    report = (tmp_path / "out" / "report.html").read_text()
    assert "does not tell cameras apart" not in report
    assert ", person Person " in report


@pytest.mark.parametrize("camera", ["", "gate"])
def test_without_several_cameras_rows_and_report_say_so(
    ingested: Ingested, classifier: Path, tmp_path: Path, camera: str
) -> None:
    read(write_people(tmp_path / "set", 12, [camera]), ingested, tmp_path / "people")
    (row,) = results(ingested.source, tmp_path / "people", classifier, ingested, tmp_path / "out")
    assert not row.across_cameras
    assert (row.probes, row.left_out, row.gallery) == (6, 0, 12)
    assert "people does not tell cameras apart" in (tmp_path / "out" / "report.html").read_text()


def test_a_table_without_cameras_trains_a_classifier(ingested: Ingested, tmp_path: Path) -> None:
    read(write_people(tmp_path / "set", 6, [""]), ingested, tmp_path / "people")
    settings = PretrainSettings.parse(
        {
            "backbone": "resnet18",
            "weights": "none",
            "height": 32,
            "width": 32,
            "crop_padding": 2,
            "epochs": 1,
            "pairs": 4,
        }
    )
    pretrain.run(tmp_path / "people", settings, ingested.data_root, tmp_path / "classifier")
    rows = results(tmp_path / "people", ingested.target, tmp_path / "classifier", ingested, tmp_path / "out")
    assert {row.source for row in rows} == {"people"}
    assert all(row.across_cameras for row in rows)
