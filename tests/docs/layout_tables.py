"""The tables of layouts in the README of ingest, from the layouts; `settings_tables` writes them."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from simpgan.components.core.data.manifest import ROLES
from simpgan.components.ingest.layouts import LAYOUTS
from simpgan.components.ingest.layouts.base import Layout

START, END = "<!-- layouts: python -m tests.docs.settings_tables -->", "<!-- end of layouts -->"
BLOCK = re.compile(f"{re.escape(START)}\n.*?{re.escape(END)}", re.DOTALL)


def with_layouts(text: str) -> str:
    """Return a README's text with the present tables between its two pairs of markers.

    Raises:
        ValueError: the text does not have the markers twice.
    """
    tables = iter([inputs(), counts()])
    if len(BLOCK.findall(text)) != 2:
        raise ValueError(f"the README needs two lines '{START}', and below each a line '{END}'")
    return BLOCK.sub(lambda _: f"{START}\n{next(tables)}{END}", text)


def inputs() -> str:
    """Return the table of what each layout looks for, and of its protocols."""
    return table(
        ["layout", "looks for", "protocols", "trains a classifier from", "get it from"],
        (
            [code(name), wanted(layout), protocols(layout), source(layout), place(layout)]
            for name, layout in LAYOUTS.items()
        ),
    )


def counts() -> str:
    """Return the table of published counts."""
    rows = []
    for name, layout in LAYOUTS.items():
        for protocol, folds in layout.folds.items():
            cells = [count(layout, protocol, role) for role in ROLES]
            if any(cells):
                rows.append([code(name), code(protocol), str(folds), *cells])
    return table(["layout", "protocol", "folds", "train", "probes", "gallery"], rows)


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def wanted(layout: Layout) -> str:
    """Return the folders and files that a layout looks for; without folders, the form of its files' names."""
    files = [" or ".join(map(code, names)) for names in layout.files]
    extra = [
        f"{code(file)} for {' and '.join(code(name) for name, each in layout.extra_files.items() if each == file)}"
        for file in dict.fromkeys(layout.extra_files.values())
    ]
    return ", ".join([*(code(f"{folder}/") for folder in layout.folders), *files, *extra]) or code(layout.names)


def protocols(layout: Layout) -> str:
    """Return the protocols of a layout, with their folds."""
    return ", ".join(
        code(protocol) + (f" (folds 0-{folds - 1})" if folds > 1 else "") for protocol, folds in layout.folds.items()
    )


def source(layout: Layout) -> str:
    """Return the protocol that trains a classifier."""
    return code(layout.source_protocol) if layout.labelled else "nothing: no person is known"


def place(layout: Layout) -> str:
    """Return the first address in the docstring of a layout, or of the one that it extends, as a link; else empty."""
    docstrings = "\n".join(each.__doc__ or "" for each in type(layout).__mro__)
    found = re.search(r"https?://[^\s)]+?(?=[.,;]?(\s|$))", docstrings)
    return f"[{urlsplit(found[0]).hostname}]({found[0]})" if found else ""


def count(layout: Layout, protocol: str, role: str) -> str:
    """Return the published images and people of a role, empty if there are none."""
    published = layout.published.get((protocol, role))
    if not published:
        return ""
    images, people = published
    return f"{people:,} people" if images is None else f"{images:,} of {people:,}"


def code(value: str) -> str:
    """Return text as code."""
    return f"`{value}`"
