"""The page of the search service: give an image, see who is most like it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from simpgan.components.core.registry.adaptation import save_adaptation
from tests.browser.conftest import as_device, look
from tests.components.core.registry.adaptations import write_classifier
from tests.conftest import Ingested
from tests.servers.search_service import SearchService

pytestmark = [pytest.mark.browser, pytest.mark.servers]

DROP = """
const [zone, content, name] = arguments;
const bytes = Uint8Array.from(atob(content), each => each.charCodeAt(0));
const given = new DataTransfer();
given.items.add(new File([bytes], name));
for (const kind of ["dragover", "drop"]) {
  zone.dispatchEvent(new DragEvent(kind, { dataTransfer: given, bubbles: true, cancelable: true }));
}
"""
"""Drop a file on an element, which a driver's mouse cannot bring from outside."""


@pytest.fixture(scope="module")
def service(ingested: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchService]:
    folder = tmp_path_factory.mktemp("service")
    given = {"source": ingested.source, "target": ingested.target, "data_root": ingested.data_root}
    classifier = write_classifier(folder / "classifier", ingested)
    save_adaptation(folder / "model", "adabn", classifier=classifier, **given)
    settings = {"model": folder / "model", "gallery": ingested.target, "data_root": ingested.data_root}
    service = SearchService(folder / "log", **settings, false_accepts=0.5)
    service.wait_for("Ready")
    yield service
    service.stop()


@pytest.fixture
def page(browser: Chrome, service: SearchService) -> Chrome:
    browser.get_log("browser")
    browser.get(service.url)
    return browser


@pytest.fixture
def probe(ingested: Ingested) -> Path:
    return sorted((ingested.folder / "underground_reid" / "probe").iterdir())[0]


def element(page: Chrome, css: str) -> WebElement:
    return page.find_element(By.CSS_SELECTOR, css)


def until_it_says(page: Chrome, words: str) -> None:
    end = time.monotonic() + 60
    while words not in (said := element(page, "[role=status]").text):
        assert time.monotonic() < end, said
        time.sleep(0.05)


def crops(page: Chrome, count: int) -> list[WebElement]:
    """The found images, once all are shown."""
    end = time.monotonic() + 60
    while True:
        images = page.find_elements(By.CSS_SELECTOR, "#found img")
        if len(images) == count and all(
            page.execute_script("return arguments[0].naturalWidth", each) for each in images
        ):
            return images
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_chosen_image_shows_who_is_most_like_it(page: Chrome, service: SearchService, probe: Path, tmp_path: Path):
    element(page, "#token").send_keys(service.token)
    element(page, "#top").clear()
    element(page, "#top").send_keys("12")
    element(page, "#file").send_keys(str(probe))
    until_it_says(page, "of 12 accepted, above a score of ")
    images = crops(page, 12)
    look(page, tmp_path / "desk.png")
    found = page.find_elements(By.CSS_SELECTOR, "#found li")
    assert [each.text.partition(".")[0] for each in found] == [str(rank) for rank in range(1, 13)]
    assert probe.name in found[0].text
    accepted = [each for each in found if "accepted" in each.text]
    assert accepted
    assert accepted == [each for each in found if "accepted" in each.get_attribute("class")]
    assert all(len(each.get_attribute("alt")) > 5 for each in images)
    assert f"images of {service.get('about').json()['gallery']}. Model: " in element(page, "#about").text
    cameras = [each.get_attribute("value") for each in page.find_elements(By.CSS_SELECTOR, "#cameras option")]
    assert cameras == service.get("about").json()["cameras"]
    fetched = page.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert all(each.startswith((service.url, "blob:")) for each in fetched)
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_a_dropped_image_is_searched_for(page: Chrome, service: SearchService, probe: Path):
    from base64 import b64encode

    element(page, "#token").send_keys(service.token)
    page.execute_script(DROP, element(page, "#drop"), b64encode(probe.read_bytes()).decode(), probe.name)
    until_it_says(page, "of 20 accepted")
    assert page.execute_script("return document.getElementById('probe').naturalWidth") > 0
    page.execute_script(DROP, element(page, "#drop"), b64encode(b"who is who").decode(), "notes.txt")
    until_it_says(page, "this is no image that can be read: not a JPEG, PNG or BMP image")
    assert page.find_elements(By.CSS_SELECTOR, "#found li") == []
    assert not element(page, "#probe").is_displayed()


def test_without_the_token_the_page_says_what_is_missing(page: Chrome, probe: Path):
    element(page, "#file").send_keys(str(probe))
    until_it_says(page, "the token is wrong")
    element(page, "#token").send_keys("another-token-than-that")
    element(page, "#file").send_keys(str(probe))
    until_it_says(page, "the token is wrong")


def test_on_a_phone_nothing_has_to_be_pushed_sideways(
    page: Chrome, service: SearchService, probe: Path, tmp_path: Path
):
    as_device(page, 360)
    page.refresh()
    element(page, "#token").send_keys(service.token)
    element(page, "#file").send_keys(str(probe))
    crops(page, 20)
    look(page, tmp_path / "phone.png")
    assert page.execute_script("return document.documentElement.scrollWidth") <= 360
