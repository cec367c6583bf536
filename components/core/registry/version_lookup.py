"""Look up the content of a registered version without MLflow's client, whose import is slower than a search."""

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from simpgan.components.core.tracking.store_address import sqlite_file

CONTENT_TAG = "simpgan.content"
"""The tag with `Description.content` of a version."""

API = "api/2.0/mlflow"
ANSWER_SECONDS = 10
UNDERSTOOD = {"MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"}
"""Variables for the address and user of MLflow that `content_of` follows."""
OTHERS = ("MLFLOW_TRACKING_", "MLFLOW_REGISTRY_URI", "MLFLOW_WORKSPACE")

VERSION = "select version from registered_model_aliases where name = ? and alias = ?"
CONTENT = (
    "select value from model_version_tags join model_versions using (name, version)"
    " where name = ? and version = ? and key = ? and current_stage != 'Deleted_Internal'"
)


def content_of(name: str, which: str) -> tuple[int, str] | None:
    """Return the number and the content of a version of a registered model.

    Args:
        name: name of the registered model.
        which: a number or an alias.

    Returns:
        None if only MLflow's client can tell, or explain what is wrong.
    """
    if any(name.startswith(OTHERS) for name in os.environ.keys() - UNDERSTOOD):
        return None
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    try:
        if store := sqlite_file(uri):
            return of_store(store, name, which)
        if uri.startswith(("http://", "https://")):
            return of_server(uri, name, which)
    except (sqlite3.Error, OSError, ValueError, LookupError, TypeError):
        pass
    return None


def of_store(file: Path, name: str, which: str) -> tuple[int, str]:
    """Look up a version in the file of a store.

    Raises:
        ValueError: the store has no such version, or several in different workspaces.
        sqlite3.Error: the file is no store.
    """
    store = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)
    try:
        if not which.isdecimal():
            [(which,)] = store.execute(VERSION, (name, which))
        [(content,)] = store.execute(CONTENT, (name, int(which), CONTENT_TAG))
    finally:
        store.close()
    return int(which), content


def of_server(address: str, name: str, which: str) -> tuple[int, str]:
    """Look up a version on a server.

    Raises:
        OSError: the server does not answer, or refuses.
        LookupError: the server has no such version, or answers something else.
    """
    import requests  # as MLflow's client does

    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    answer = requests.get(
        f"{address.rstrip('/')}/{API}/" + ("model-versions/get" if which.isdecimal() else "registered-models/alias"),
        params={"name": name, "version" if which.isdecimal() else "alias": which},
        auth=(user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None,
        timeout=ANSWER_SECONDS,
    )
    answer.raise_for_status()
    version = answer.json()["model_version"]
    return int(version["version"]), {tag["key"]: tag["value"] for tag in version["tags"]}[CONTENT_TAG]
