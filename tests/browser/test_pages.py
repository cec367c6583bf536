"""The pages that stages and commands write: on a desk, on a phone, in print, in the dark and without a script."""

import re
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.registry.adaptation import save_adaptation
from simpgan.components.evaluate.report import DomainGap
from simpgan.components.search import Searcher
from simpgan.components.search.page import write_page as write_search_page
from simpgan.components.summarise import stage as summarise
from simpgan.components.summarise.settings import SummariseSettings
from simpgan.pipelines.reports.comparison.groups import grouped
from simpgan.pipelines.reports.comparison.pages import write
from simpgan.pipelines.reports.comparison.runs import read_runs
from simpgan.pipelines.reports.data_set.page import write_page as write_description
from tests.browser.conftest import as_device, look
from tests.components.core.registry.adaptations import write_classifier
from tests.components.core.results.made_up import ranked
from tests.components.evaluate.test_report import page, picture, row
from tests.conftest import Ingested
from tests.pipelines.reports.comparison.made import BAD, GOOD, run_folder, simpgan

pytestmark = pytest.mark.browser
WITH_TABLES = ("report", "compare", "results", "ablations", "describe")
PAGES = (*WITH_TABLES, "search")


@pytest.fixture(scope="session")
def pages(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pages of `PAGES`, with long names and wide tables."""
    folder = tmp_path_factory.mktemp("pages")
    noise = [np.random.default_rng(seed).integers(0, 255, (128, 64, 3), np.uint8) for seed in range(10)]
    strip = [(each, picture(90)) for each in noise]
    rows = [
        row("direct", 18.1),
        row("adabn", 25.0),
        row("gan", 9.0),
        row("simpgan", 31.2, variant="lambda_similarity=0.1"),
    ]
    page(folder, rows=rows, to_source={"simpgan": strip}, domains=DomainGap({"direct": 0.2, "simpgan": 0.7}, []))
    named = "adapt market1501-of-the-station-and-the-mall to cameras-of-the-underground"
    settings = {"train_gan": {"lambda_similarity": 0.1}}, {"train_gan": {"lambda_similarity": 5.0}}
    runs = [
        run_folder(folder / f"{named} {place}", simpgan(ranks), settings=values)
        for place, (ranks, values) in enumerate(zip((GOOD, BAD), settings, strict=True))
    ]
    write(grouped(read_runs(runs, ""), [], ""), folder)
    run_folder(folder / "evaluation", ranked("direct", BAD, preset="paper"), simpgan(GOOD, preset="paper"))
    summarise.run([folder / "evaluation"], SummariseSettings(resamples=99), folder)
    write_search(folder, ingested)
    write_description(Manifest.load(ingested.source), ingested.source, ingested.data_root, 0, folder)
    return folder


def write_search(folder: Path, ingested: Ingested) -> None:
    """Search the target for two of its probes, with a classifier that knows nobody: almost everybody is accepted."""
    given = {"source": ingested.source, "target": ingested.target, "data_root": ingested.data_root}
    classifier = write_classifier(folder / "classifier", ingested)
    save_adaptation(folder / "adaptation", "adabn", classifier=classifier, **given)
    searcher = Searcher.open(folder / "adaptation", ingested.target, ingested.data_root, false_accepts=0.5)
    probes = sorted((ingested.folder / "underground_reid" / "probe").iterdir())[:2]
    write_search_page(folder / "search.html", searcher, searcher.search(probes, top=12))


def first_column(browser: Chrome) -> list[str]:
    return [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, "table.sortable tbody th")][:4]


@pytest.mark.parametrize("name", PAGES)
def test_on_a_phone_nothing_has_to_be_pushed_sideways(browser, pages, name):
    as_device(browser, 360)
    browser.get(f"file://{pages}/{name}.html")
    look(browser, pages / "phone" / f"{name}.png")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    size = "return parseFloat(getComputedStyle(document.querySelector('p')).fontSize)"
    assert browser.execute_script(size) >= 14


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_has_words_and_nothing_comes_from_elsewhere(browser, pages, name):
    browser.get(f"file://{pages}/{name}.html")
    look(browser, pages / "desk" / f"{name}.png")
    pictures = browser.find_elements(By.TAG_NAME, "img")
    assert all(len(each.get_attribute("alt")) > 5 for each in pictures)
    assert bool(pictures) is (name != "ablations")
    assert all(browser.execute_script("return arguments[0].naturalWidth", each) for each in pictures)
    fetched = browser.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert [each for each in fetched if not each.startswith("data:")] == []
    complaints = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert complaints == []


def test_a_table_is_sorted_by_click_and_by_keyboard(browser, pages):
    browser.get(f"file://{pages}/report.html")
    as_listed = first_column(browser)
    header = browser.find_element(By.XPATH, "//table//th[button[text()='rank-1']]")
    header.find_element(By.TAG_NAME, "button").click()
    assert header.get_attribute("aria-sort") == "descending"
    assert first_column(browser)[0].startswith("SimPGAN")
    header.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert header.get_attribute("aria-sort") == "ascending"
    assert first_column(browser) == ["GAN", "Direct transfer", "AdaBN", "SimPGAN (lambda_similarity=0.1)"]
    browser.find_element(By.CSS_SELECTOR, "table.sortable thead button").send_keys(Keys.SPACE)
    assert header.get_attribute("aria-sort") is None
    assert first_column(browser) == as_listed


def test_the_keyboard_reaches_a_table_that_is_wider_than_the_screen(browser, pages):
    as_device(browser, 360)
    browser.get(f"file://{pages}/report.html")
    table = browser.find_element(By.CSS_SELECTOR, ".scroll")
    assert table.get_attribute("tabindex") == "0"
    assert table.get_attribute("aria-label")
    inside = browser.execute_script("return [arguments[0].scrollWidth, arguments[0].clientWidth]", table)
    assert inside[0] > inside[1]


def test_a_search_shows_each_probe_with_who_is_most_like_it_and_says_in_words_who_is_accepted(browser, pages):
    browser.get(f"file://{pages}/search.html")
    assert "2 pictures searched for among" in browser.find_element(By.TAG_NAME, "h1").text
    for probe in browser.find_elements(By.TAG_NAME, "section"):
        (name,) = probe.find_elements(By.TAG_NAME, "h2")
        found = probe.find_elements(By.CSS_SELECTOR, ".found li")
        assert [each.text.partition(".")[0] for each in found] == [str(rank) for rank in range(1, 13)]
        assert found[0].text.startswith("1. 1.000 accepted"), "the image itself"
        assert name.text in found[0].text
        framed = [each for each in found if "accepted" in each.get_attribute("class")]
        assert framed == [each for each in found if "accepted" in each.text]


@pytest.mark.parametrize("name", WITH_TABLES)
def test_without_a_script_the_tables_are_plain_ones(browser, pages, name):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(f"file://{pages}/{name}.html")
        assert browser.find_elements(By.CSS_SELECTOR, "thead button") == []
        assert browser.find_element(By.CSS_SELECTOR, "table thead th").text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("name", PAGES)
def test_in_the_dark_words_are_light_and_on_paper_dark(browser, pages, name):
    def brightness(of: str) -> float:
        colour = browser.execute_script(f"return getComputedStyle(document.body).{of}")
        return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3

    as_device(browser, 1280, dark=True)
    browser.get(f"file://{pages}/{name}.html")
    look(browser, pages / "dark" / f"{name}.png")
    assert brightness("color") > 200
    assert brightness("backgroundColor") < 50
    as_device(browser, 1280, dark=True, medium="print")
    assert brightness("color") < 60
    assert brightness("backgroundColor") > 240


def test_the_comparison_says_who_is_better_and_shows_both_curves(browser, pages):
    browser.get(f"file://{pages}/compare.html")
    said = browser.find_element(By.TAG_NAME, "header").text
    assert "finds the right person first for 75.0 % of probes" in said
    assert "50.0 points less" in said
    assert "more than chance" in said
    curves = browser.find_element(By.CSS_SELECTOR, "figure img").get_attribute("alt")
    assert curves.count("at rank 1 ") == 2
    differing = browser.find_element(By.CSS_SELECTOR, "table.settings").text
    assert "train_gan.lambda_similarity" in differing
