"""Environment variables that hold numbers, read with errors that name them."""

import os

from components.core.runtime.errors import UserError


def whole_number(variable: str, default: int, least: int = 0, most: int | None = None) -> int:
    """The number in an environment variable; `default` if it is not set or empty.

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
