"""Environment variables: read numbers from them, and find those that an error may come from."""

import os
import re

from simpgan.components.core.errors import UserError

SECRET = re.compile(r"KEY|PASSWORD|TOKEN$")


def whole_number(variable: str, default: int, least: int = 0, most: int | None = None) -> int:
    """Return the number in an environment variable; `default` if the variable is unset or empty.

    Raises:
        UserError: it is not a whole number from `least` to `most`.
    """
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1
    if number < least or (most is not None and number > most):
        limits = f"from {least}" if most is None else f"from {least} to {most}"
        raise UserError(f"{variable}={text}: give a whole number {limits}, or unset it")
    return number


def variables_in(text: str, prefix: str) -> list[str]:
    """Return the variables that begin with `prefix` and whose value occurs in `text`, ignoring case.

    Libraries name a refused value, but not where it came from. Secrets are not searched.
    """
    return [
        name
        for name, value in sorted(os.environ.items())
        if name.startswith(prefix) and not SECRET.search(name) and len(value) > 1 and value.lower() in text.lower()
    ]
