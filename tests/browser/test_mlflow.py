"""MLflow's own pages, on the server that a team has: the view of the runs, and their CMC curves in one chart."""

import base64
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from components.core.runtime.tracking import pipeline_run
from components.core.runtime.tracking.viewing import save_view
from tests.browser.conftest import as_device, look
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
    """Record three pipelines with a CMC curve each, and let the browser in. Gives the server's address."""
    for name, rate in RATES.items():
        tags = {"source": "market1501", "target": "grid", "method": "simpgan", "preset": "small"}
        with pipeline_run(f"adapt {name}", tags, {}) as pipeline:
            pipeline.log_metrics({"rank-1/folds10/simpgan": rate, "mAP/folds10/simpgan": rate + 5})
            pipeline.log_curves({"cmc/folds10/simpgan": np.minimum(100, rate + 2 * np.arange(20))})
    environment = mlflow_server.environment
    who = f"{environment['MLFLOW_TRACKING_USERNAME']}:{environment['MLFLOW_TRACKING_PASSWORD']}"
    header = {"Authorization": f"Basic {base64.b64encode(who.encode()).decode()}"}
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": header})
    yield mlflow_server.url
    browser.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})


def shown(browser: Chrome, css: str) -> list[str]:
    return [each.text for each in browser.find_elements(By.CSS_SELECTOR, css) if each.text]


def test_the_view_has_the_best_run_first_and_overlays_the_curves(browser, pages, tmp_path):
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
