"""YAML files that ship with the software and may extend one another: presets and profiles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from simpgan.components.core.errors import UserError
from simpgan.components.core.settings import nearest

Values = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of such files.

    Attributes:
        what: Name of the kind in messages, such as `preset`.
        folder: Folder of the files that ship with the software.
        example: Example of a file's content, for messages.
        extended: Example of a name that a file can extend, for messages.
        check: Function that gets the path and values of a file, and raises UserError if they are not allowed.
    """

    what: str
    folder: Path
    example: str
    extended: str
    check: Callable[[Path, Values], None]

    def names(self) -> list[str]:
        """List the names of the files that ship with the software."""
        return sorted(path.stem for path in self.folder.glob("*.yaml"))

    def layers(self, name: str) -> list[Values]:
        """Read the values of a file and of all files it extends, with `name` itself last.

        Args:
            name: One of `names()`, or the path of a YAML file.

        Raises:
            UserError: There is no such file, it extends itself, or it has another form.
        """
        found: list[Values] = []
        seen: list[Path] = []
        extends: str | None = name
        while extends:
            path = self.path(extends, seen[-1] if seen else None)
            if path in seen:
                raise UserError(
                    f"{self.what} {path} extends itself: remove one 'extends' of {', '.join(map(str, seen))}"
                )
            seen.append(path)
            content = self.read(path)
            extends = content.pop("extends", None)
            if not isinstance(extends, str | None):
                raise UserError(
                    f"{self.what} {path}: 'extends' names no {self.what}: "
                    f"write one name, such as 'extends: {self.extended}'"
                )
            self.check(path, content)
            found.insert(0, content)
        return found

    def path(self, name: str, extended_by: Path | None) -> Path:
        """Return the path of a file. An extended file may be in the folder of the file that extends it."""
        if name.endswith((".yaml", ".yml")):
            path = Path(name) if extended_by is None else extended_by.parent / name
            if not path.is_file():
                raise UserError(
                    f"{self.what} file {path} does not exist: give an existing file or one of {self.names()}"
                )
            return path.resolve()
        if name not in self.names():
            raise UserError(f"unknown {self.what} '{name}': {nearest(name, self.names())}")
        return self.folder / f"{name}.yaml"

    def read(self, path: Path) -> Values:
        """Read the values of one file."""
        try:
            content = yaml.safe_load(path.read_text()) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"{self.what} {path} is not YAML: {' '.join(str(error).split())}") from None
        if not isinstance(content, Mapping):
            raise UserError(f"{self.what} {path} is not a mapping: write '{self.example}'")
        return dict(content)
