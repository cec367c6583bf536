"""Start the service with settings as arguments: `python -m simpgan.components.search.serve model=... gallery=...`."""

import logging
import sys

from simpgan.components.core.errors import UserError
from simpgan.components.search.serve.server import run
from simpgan.components.search.settings import ServeSettings


def main(arguments: list[str]) -> None:
    """Serve until SIGTERM. The exit status is 2 for errors that the user can correct, and 143 after SIGTERM.

    Args:
        arguments: settings, each as NAME=VALUE.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("simpgan").setLevel(logging.INFO)
    try:
        run(ServeSettings.of_arguments(arguments))
    except UserError as error:
        print(f"serve: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
