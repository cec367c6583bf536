"""What MLflow answers to a person's command, in a line that says what to do."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from simpgan.components.core.errors import UserError

NOT_LET_IN = (401, 403)
CREDENTIALS = re.compile(r"//[^/\s]+@")
UNKNOWN_HOST = re.compile(r"\[Errno -2\]|Name or service not known")
NO_MLFLOW = re.compile(
    r"not in a valid JSON format"
    r"|/mlflow/(experiments|runs|registered-models|model-versions)/\S+ failed with error code (30\d|404|405)"
)
"""What MLflow's client says of a page, and of a server without what every version of MLflow has."""

UNSUPPORTED = re.compile(r"unsupported URI|Invalid url|Invalid IPv6 URL|No connection adapters")
OTHER_VERSION = "out-of-date database schema"
NOT_MLFLOW = "it answers, but not as MLflow does: correct MLFLOW_TRACKING_URI, or log in"
LONGEST_REASON = 300


def server_name() -> str:
    """The tracking server or store that the environment names, without a password that may stand in its address."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        raise UserError("no MLflow server is named: set MLFLOW_TRACKING_URI, as in http://localhost:5000")
    return CREDENTIALS.sub("//", uri)


def status_of(error: Exception) -> int:
    """The HTTP status that a server answered with; 0 if it is no answer of a server."""
    status = getattr(error, "get_http_status_code", None)  # MlflowException, which may not be importable
    return status() if status else 0


def is_unknown_host(error: Exception) -> bool:
    """Whether no host has the name in the server's address."""
    return UNKNOWN_HOST.search(str(error)) is not None


def is_no_mlflow(error: Exception) -> bool:
    """Whether something else than MLflow answered: a page, or JSON without the code that MLflow's errors have."""
    answer = getattr(error, "json", None)
    return NO_MLFLOW.search(str(error)) is not None or (isinstance(answer, dict) and "error_code" not in answer)


def first_line(error: Exception) -> str:
    """What an error says, and what to do if that is known, without the user and password of an address in it."""
    if status_of(error) == 401:
        return "it does not take this user and password: check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    if is_no_mlflow(error):
        return NOT_MLFLOW
    if UNSUPPORTED.search(str(error)):
        return "MLFLOW_TRACKING_URI takes an address such as http://localhost:5000 or sqlite:////runs/mlflow.db"
    if is_unknown_host(error):
        return "there is no such host: correct MLFLOW_TRACKING_URI"
    if OTHER_VERSION in str(error):
        return (
            "its database is of another version of MLflow: make a copy of it, then mlflow db upgrade "
            f"{CREDENTIALS.sub('//', server_name())}; or install the version of MLflow that wrote it"
        )
    lines = str(error).partition(". Response body: ")[0].splitlines()
    said = next((line for line in lines if not line.startswith("(raised as a result of")), type(error).__name__)
    return CREDENTIALS.sub("//", said)[:LONGEST_REASON].strip()


@contextmanager
def explained() -> Iterator[None]:
    """Within the block what MLflow refuses is a UserError: no answer, no access, a database that cannot be read."""
    server = server_name()
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        of_a_variable = isinstance(error, ValueError) and ("MLFLOW_" in str(error) or UNSUPPORTED.search(str(error)))
        of_a_database = type(error).__module__.startswith("sqlalchemy")
        code = status_of(error)
        if not (code or of_a_variable or of_a_database or isinstance(error, OSError)):
            raise
        first = next(iter(str(error).splitlines()), "")
        if code in NOT_LET_IN or any(f"error code {each}" in first for each in NOT_LET_IN):
            raise UserError(
                f"MLflow at {server} does not let this user in: "
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            ) from None
        if is_unknown_host(error) or is_no_mlflow(error):
            raise UserError(f"MLflow at {server}: {first_line(error)}") from None
        if "Max retries exceeded" in first or "Connection" in first or isinstance(error, ConnectionError):
            raise UserError(
                f"MLflow at {server} does not answer: start the server, or correct MLFLOW_TRACKING_URI"
            ) from None
        raise UserError(f"MLflow at {server} refuses: {first_line(error)}") from None
