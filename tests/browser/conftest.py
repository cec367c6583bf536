"""Chromium without a screen, as Debian packages it with its driver."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless",
    "--no-sandbox",  # which root, in a container, cannot have
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def started(profile: Path) -> Chrome:
    """A new Chromium that keeps what it keeps in the folder `profile`."""
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    browser = Chrome(options, Service("/usr/bin/chromedriver"))
    browser.set_page_load_timeout(120)
    return browser


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    browser = started(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.quit()


@pytest.fixture
def browser(chromium: Chrome) -> Chrome:
    """Chromium as a screen of a desk shows it, in light colours."""
    as_device(chromium, 1280)
    return chromium


def as_device(browser: Chrome, width: int, height: int = 800, *, dark: bool = False, medium: str = "") -> None:
    """Show pages as wide as `width` pixels, which a window cannot be that is as narrow as a phone."""
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": scheme})


def look(browser: Chrome, path: Path) -> None:
    """Keep a picture of the page for whoever wants to look at it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(path))
