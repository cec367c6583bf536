"""Addresses of MLflow stores that are sqlite files on this machine."""

from pathlib import Path
from urllib.parse import unquote

from simpgan.components.core.errors import UserError

SQLITE = "sqlite:///"


def store_address(file: Path) -> str:
    """Return the address of the store in `file`, as MLFLOW_TRACKING_URI takes it.

    Raises:
        UserError: the path contains `?` or an escape such as `%41`, which have another meaning in an address.
    """
    path = file.resolve()
    address = f"{SQLITE}{path}"
    if "?" in str(path) or sqlite_file(address) != path:
        raise UserError(
            f"{path.parent}: MLflow cannot keep runs in a folder with '?' or an escape such as '%41' in its path: "
            "choose or rename the folder, or name a server by MLFLOW_TRACKING_URI"
        )
    return address


def sqlite_file(address: str) -> Path | None:
    """Return the file of an sqlite store; None for another address.

    Raises:
        UserError: the path contains `?`, which begins the database's options.
    """
    if not address.startswith(SQLITE):
        return None
    path, question, options = address.removeprefix(SQLITE).partition("?")
    if question and "=" not in options.partition("&")[0]:
        raise UserError(
            f"MLFLOW_TRACKING_URI={address}: a '?' begins options of the database: choose a path without one"
        )
    return Path(unquote(path)).resolve()
