"""Errors of damaged files that this software wrote: they name the file and say what to do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simpgan.components.core import storage
from simpgan.components.core.errors import UserError


@contextmanager
def named_damage(what: str | Path, remedy: str) -> Iterator[None]:
    """Convert errors of reading damaged content in this block into a UserError that names the file.

    Args:
        what: the file, or a description of several files.
        remedy: what to do.

    Raises:
        UserError: reading failed for any reason; a UserError of the block passes unchanged.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as damage:  # Parsers meet damage with whatever it makes them run into.
        if isinstance(damage, OSError) and damage.strerror:
            raise UserError(f"{what} cannot be read: {damage.strerror}: {remedy}") from damage
        raise UserError(f"{what} is damaged ({_reason(damage)}): {remedy}") from damage


def read_json(path: str | Path, remedy: str) -> dict[str, Any]:
    """Read a JSON object from a file.

    Args:
        path: local path or `s3://` location.
        remedy: what to do if the file is damaged.

    Raises:
        UserError: there is no such file, or it holds no JSON object.
    """
    content = storage.read_bytes(str(path))
    with named_damage(path, remedy):
        document = json.loads(content)
        if not isinstance(document, dict):
            raise ValueError("no JSON object")
    return document


def _reason(damage: Exception) -> str:
    """Return the first line of an error."""
    if isinstance(damage, KeyError):
        return f"it has no {damage}"
    if isinstance(damage, ValidationError):
        first = damage.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
    lines = str(damage).splitlines()
    return lines[0] if lines else type(damage).__name__
