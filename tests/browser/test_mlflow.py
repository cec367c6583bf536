"""MLflow's own pages, on the server that a team has: the view of the runs, their CMC curves, and the models."""

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from simpgan.components.core.tracking import pipeline_run, stage_run
from simpgan.components.core.tracking.ui_view import save_view
from tests.browser.conftest import as_device, look
from tests.conftest import Ingested
from tests.pipelines.champions import register
from tests.servers.mlflow import MlflowServer

pytestmark = [pytest.mark.browser, pytest.mark.servers]
RATES = {"lambda 0.1": 31.0, "lambda 1": 42.0, "lambda 10": 20.0}


def wait_for(what: Callable[[], object], seconds: float = 120) -> object:
    """What `what` returns once it is something."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not appear"
        time.sleep(0.2)
    return found


@pytest.fixture
def pages(browser: Chrome, mlflow_server: MlflowServer, tracking_server: MlflowClient) -> Iterator[str]:
    """Let the browser in. Gives the server's address."""
    environment = mlflow_server.environment
    who = f"{environment['MLFLOW_TRACKING_USERNAME']}:{environment['MLFLOW_TRACKING_PASSWORD']}"
    header = {"Authorization": f"Basic {base64.b64encode(who.encode()).decode()}"}
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": header})
    yield mlflow_server.url
    browser.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})


def shown(browser: Chrome, css: str) -> list[str]:
    return [each.text for each in browser.find_elements(By.CSS_SELECTOR, css) if each.text]


@pytest.fixture
def three_runs(tracking_server: MlflowClient) -> None:
    """Record three pipelines with a CMC curve each."""
    for name, rate in RATES.items():
        tags = {"source": "market1501", "target": "grid", "method": "simpgan", "preset": "small"}
        with pipeline_run(f"adapt {name}", tags, {}) as pipeline:
            pipeline.log_metrics({"rank-1/folds10/simpgan": rate, "mAP/folds10/simpgan": rate + 5})
            pipeline.log_curves({"cmc/folds10/simpgan": np.minimum(100, rate + 2 * np.arange(20))})


@pytest.fixture
def model(tracking_server: MlflowClient, ingested: Ingested, tmp_path: Path) -> str:
    """The name of a registered model whose only version is the champion."""
    name = f"model-{uuid4().hex[:8]}"
    location = str(ingested.folder / "underground_reid")
    register(ingested, location, tmp_path, "adabn", layout="grid", model=name)
    return name


@pytest.fixture
def training(tracking_server: MlflowClient, tmp_path: Path) -> str:
    """The path of the page of a training that kept a picture of the steps 0, 50 and 100, each of its own grey."""
    with stage_run("train_gan", settings={}, history=tmp_path / "history.jsonl") as run:
        for step in (0, 50, 100):
            run.log_metrics(step, {"loss/cycle": 10.0 - step / 20})
            run.log_image("translation", np.full((64, 128, 3), 100 + step, np.uint8), step)
        identifier = run.wait_for_id()
    return f"/#/experiments/{tracking_server.get_run(identifier).info.experiment_id}/runs/{identifier}"


def test_the_view_has_the_best_run_first_and_overlays_the_curves(browser, pages, three_runs, tmp_path):
    as_device(browser, 1600, 1000)
    view = save_view()
    assert view.runs == 3
    browser.get(f"{pages}{view.path}")
    try:
        rows = wait_for(lambda: [name for name in shown(browser, "a[href*='/runs/']") if name.startswith("adapt")])
    finally:
        look(browser, tmp_path / "runs.png")
    assert rows == ["adapt lambda 1", "adapt lambda 0.1", "adapt lambda 10"]
    headers = sorted(browser.find_elements(By.CSS_SELECTOR, "[role=columnheader]"), key=lambda each: each.location["x"])
    names = dict.fromkeys(header.text for header in headers if "/" in header.text or header.text == "source")
    assert list(names) == ["rank-1/folds10/simpgan", "mAP/folds10/simpgan", "source"]
    browser.get("about:blank")
    browser.get(f"{pages}{view.path}&compareRunsMode=CHART")

    def overlaid() -> object:
        charts = browser.find_elements(By.CSS_SELECTOR, ".js-plotly-plot")
        return [each for each in charts if len(each.find_elements(By.CSS_SELECTOR, ".scatterlayer .trace")) >= 3]

    try:
        wait_for(overlaid)
    finally:
        look(browser, tmp_path / "charts.png")
    assert "cmc" in browser.find_element(By.TAG_NAME, "body").text


def test_the_page_of_a_model_says_which_version_is_in_use_and_that_of_the_version_what_it_is(
    browser, pages, model, tmp_path
):
    as_device(browser, 1600, 1000)
    browser.get(f"{pages}/#/models/{model}")
    try:
        wait_for(lambda: "champion" in browser.find_element(By.TAG_NAME, "body").text)
    finally:
        look(browser, tmp_path / "model.png")
    browser.get(f"{pages}/#/models/{model}/versions/1")
    try:
        said = wait_for(lambda: "What it is for" in (body := browser.find_element(By.TAG_NAME, "body").text) and body)
    finally:
        look(browser, tmp_path / "version.png")
    assert "champion" in said
    assert "AdaBN of market1501 for station" in said
    assert "It was never evaluated." in said


def test_translations_step_through_training(browser, pages, training, tmp_path):
    as_device(browser, 1600, 1000)
    browser.get(f"{pages}{training}/model-metrics")

    def shown_at(step: int) -> object:
        return browser.find_elements(By.CSS_SELECTOR, f"img[src*='translation%2Bstep%2B{step}%2B']")

    try:
        wait_for(lambda: shown_at(0))
        slider = browser.find_element(By.CSS_SELECTOR, "[role=slider][aria-valuemax='100']")
        for step in (50, 100):
            slider.send_keys(Keys.ARROW_RIGHT)
            wait_for(lambda step=step: shown_at(step))
    finally:
        look(browser, tmp_path / "images.png")
