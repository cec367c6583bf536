"""The study of label-free measures: that it runs and goes on, and that its tables say what the rows say."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.model_folder import save_model
from tests.conftest import Ingested
from tests.studies.checkpoint_choice import application
from tests.studies.prediction import choices, report, spearman


def run_study(ingested: Ingested, classifier: Path, out: Path, trainings: int) -> Result:
    paths = {"source": ingested.source, "target": ingested.target, "classifier": classifier, "out": out}
    arguments = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
    arguments += ["--data-root", ingested.data_root, "--trainings", str(trainings)]
    change = {"height": 32, "width": 32, "steps": 4, "channels": 4, "blocks": 1, "precision": "fp32"}
    arguments += ["--change", json.dumps(change)]
    return CliRunner().invoke(application, arguments, catch_exceptions=False)


def test_it_runs_and_goes_on(ingested: Ingested, tmp_path: Path) -> None:
    network = SiameseClassifier(ClassifierConfig(backbone="resnet18", identities=8, height=32, width=32))
    config = {"classifier": network.config.model_dump(), "protocol": "standard"}
    save_model(tmp_path / "classifier", {"classifier": network}, config)
    out = tmp_path / "study.json"
    run_study(ingested, tmp_path / "classifier", out, 1)
    first = json.loads(out.read_text())["rows"]
    assert [(row["training"], row["step"]) for row in first] == [
        ("as recorded", 0),
        *(("simpgan-fit", step) for step in (1, 2, 3, 4)),
    ]
    printed = run_study(ingested, tmp_path / "classifier", out, 2).output
    rows = json.loads(out.read_text())["rows"]
    assert rows[:5] == first
    assert [row["training"] for row in rows[5:]] == ["cyclegan"] * 4
    assert "8 candidates of 2 trainings" in printed


@pytest.fixture
def rows() -> pd.DataFrame:
    """Two trainings whose score orders rank-1 without an error, and a measure that is the same everywhere."""
    return pd.DataFrame(
        {
            "training": ["as recorded", *"aaa", *"bbb"],
            "step": [0, 1, 2, 3, 1, 2, 3],
            "rank-1": [10.0, 12, 14, 11, 16, 8, 9],
            "mAP": [12.0, 14, 15, 13, 11, 16, 10],
            "seconds": 2.0,
            "score": [1.0, 0.8, 0.6, 0.9, 0.5, 1.2, 1.1],
            "constant": 1.0,
        }
    )


def test_the_choice_is_set_against_the_last_and_the_best(rows: pd.DataFrame) -> None:
    of_first = choices(rows[rows["training"] == "a"])
    assert of_first.loc["rank-1"].to_dict() == {"lowest score": 14, "last": 11, "best": 14, "mean": 37 / 3}
    text = report(rows, "made up")
    assert "made up; 6 candidates of 2 trainings; measuring one took 2 s (median)." in text
    assert "| a checkpoint of each training, mean | 15.0 / 13.0 | 10.0 / 11.5 | 15.0 / 15.5 | 11.7 / 13.2 |" in text
    assert "| of all candidates (b, step 1) | 16.0 / 11.0 |  | 16.0 / 16.0 | 11.7 / 13.2 |" in text
    assert "| as recorded, for comparison |  |  |  | 10.0 / 12.0 |" in text


def test_correlations_are_spearman_s(rows: pd.DataFrame) -> None:
    text = report(rows, "made up")
    assert "| score | -1.00 [-1.00, -1.00] |" in text
    assert "| constant | undefined | undefined |" in text
    # One exchange of neighbours in four: 1 - 6 * 2 / (4 * 15).
    assert spearman(np.array([[1, 10], [2, 30], [3, 20], [4, 40]])) == pytest.approx(0.8)
