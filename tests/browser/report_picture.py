"""The picture of the demo's report that the README shows; the people in it are drawn.

python -m tests.browser.report_picture demo/report.html docs/report.webp
"""

import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from selenium.webdriver.common.by import By

from tests.browser.conftest import as_device, started

SCREEN = (900, 4000)
SHOWN = ("//header", "//figure[.//h3[contains(., 'in the style of the source')]]")
MARGIN = 24


def main(report: str, picture: str) -> None:
    """Photograph the headline, and images before and after translation, one below the other."""
    with tempfile.TemporaryDirectory() as profile:
        browser = started(Path(profile))
        as_device(browser, *SCREEN)
        browser.get(Path(report).resolve().as_uri())
        parts = [
            Image.open(BytesIO(element.screenshot_as_png))
            for path in SHOWN
            for element in browser.find_elements(By.XPATH, path)[:1]
        ]
        browser.quit()
    height = sum(part.height + MARGIN for part in parts) + MARGIN
    page = Image.new("RGB", (max(part.width for part in parts) + 2 * MARGIN, height), "white")
    top = MARGIN
    for part in parts:
        page.paste(part, (MARGIN, top))
        top += part.height + MARGIN
    page.save(picture, "WEBP", quality=82, method=6)


if __name__ == "__main__":
    main(*sys.argv[1:])
