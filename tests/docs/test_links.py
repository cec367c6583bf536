"""Links and file names in the documentation lead somewhere, and the index of docs/ is complete."""

import re
from pathlib import Path

import pytest

from tests.docs.blocks import FENCED, LINK, ROOT, documents, listed_pages

HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
MODULE = re.compile(r"`([\w/]+\.py)\b")


@pytest.mark.parametrize("document", documents())
def test_every_relative_link_leads_to_a_file_and_heading(document: str):
    for link in LINK.findall(text_of(ROOT / document)):
        if "://" in link:
            continue
        place, _, anchor = link.partition("#")
        target = (ROOT / document).parent / place if place else ROOT / document
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("document", documents())
def test_every_module_that_a_page_names_is_there(document: str):
    stages = [path.parent for path in ROOT.glob("components/*/stage.py")]
    folders = [(ROOT / document).parent, ROOT, ROOT / "components", *stages]
    missing = [
        name
        for name in MODULE.findall(text_of(ROOT / document))
        if not any((each / name).is_file() for each in folders)
    ]
    assert missing == []


def test_the_index_lists_every_page_of_docs_and_every_stage():
    paths = [path for pattern in ("docs/*.md", "components/*/README.md") for path in ROOT.glob(pattern)]
    pages = {str(path.relative_to(ROOT)) for path in paths}
    assert pages - set(listed_pages()) == {"docs/README.md"}


def text_of(page: Path) -> str:
    """Return the text of a page without its blocks of code."""
    return FENCED.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """Return the anchors that a Markdown renderer gives to the headings of a page."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text_of(page))}
