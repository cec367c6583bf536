"""The study of self-training's epochs: that it runs, and that its table says what the rows say."""

import json
from pathlib import Path

import pandas as pd
from typer.testing import CliRunner

from tests.components.self_train.data_set import TINY, write_classifier
from tests.conftest import Ingested
from tests.studies.epoch_choice import MEASURES, RATES, application, report


def test_it_measures_every_epoch(ingested: Ingested, tmp_path: Path) -> None:
    out = tmp_path / "study.jsonl"
    arguments = ["--target", str(ingested.source), "--classifier", str(write_classifier(tmp_path / "classifier"))]
    arguments += ["--data-root", ingested.data_root, "--out", str(out), "--preset", "demo"]
    arguments += [part for name, value in TINY.items() for part in ("--set", f"{name}={value}")]
    printed = CliRunner().invoke(application, arguments, catch_exceptions=False).output
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert all(0 <= row[rate] <= 100 for row in rows for rate in RATES)
    assert "| score |" in printed


def test_a_measure_that_orders_epochs_as_a_rate_does_has_correlation_one() -> None:
    rows = pd.DataFrame({"training": "a", "epoch": [1, 2, 3], **{name: [3, 1, 2] for name in MEASURES}})
    rows = rows.assign(**{rate: [30.0, 10.0, 20.0] for rate in RATES}, outliers=[1, 3, 2])
    text = report(rows)
    assert "| score | +1.00 |" in text
    assert "| outliers | -1.00 |" in text
    assert f"a: {RATES[-1]} 30.0 by score (epoch 1), 20.0 in the last, 30.0 in the best" in text
