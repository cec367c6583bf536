"""The command blocks of the documentation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMANDS = ("sh", "python")
NO_COMMANDS = ("", "text", "yaml")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """Commands as they stand in a document.

    Attributes:
        document: path of the file, from the root of the repository.
        number: from 1, in the order of the document.
    """

    document: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}-{self.number}"


def documents() -> list[str]:
    """List the pages in reading order: README first, then those that docs/README.md lists, then all others."""
    patterns = ("*.md", "docs/*.md", "components/*/README.md", "*/README.md")
    found = {str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern)}
    ordered = ["README.md", "docs/README.md", *listed_pages(), *sorted(found)]
    return list(dict.fromkeys(ordered))


def listed_pages() -> list[str]:
    """List the pages that docs/README.md links to, in its order."""
    links = LINK.findall((ROOT / "docs/README.md").read_text())
    return [str((ROOT / "docs" / link).resolve().relative_to(ROOT)) for link in links if link.endswith(".md")]


def blocks() -> Iterator[Block]:
    """The blocks of shell commands and of Python in all documents."""
    for document in documents():
        found = [match.groups() for match in FENCED.finditer((ROOT / document).read_text())]
        assert {language for language, _ in found} <= {*COMMANDS, *NO_COMMANDS}, f"{document}: commands are in ```sh"
        commands = [each for each in found if each[0] in COMMANDS]
        for number, (language, text) in enumerate(commands, 1):
            yield Block(document, number, language, text)
