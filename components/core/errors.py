"""The exception for errors that a user can correct, and text without passwords."""

import re

CREDENTIALS = re.compile(r"//[^/\s]+@")


class UserError(Exception):
    """An error that a user can correct.

    Its message says in one line what is wrong, where, and what to do. The command line prints it and exits with 2.
    """


def without_credentials(text: str) -> str:
    """Remove the user and password from every address in `text`."""
    return CREDENTIALS.sub("//", text)
