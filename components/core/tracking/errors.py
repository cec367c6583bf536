"""Errors of MLflow as one line that says what to do, without passwords."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from simpgan.components.core.errors import UserError, without_credentials

NOT_LET_IN = (401, 403)
UNKNOWN_HOST = re.compile(r"\[Errno -2\]|Name or service not known")
NO_MLFLOW = re.compile(
    r"not in a valid JSON format"
    r"|/mlflow/(experiments|runs|registered-models|model-versions)/\S+ failed with error code (30\d|404|405)"
)
"""MLflow's client raises these for a web page, and for a server without the API that every version of MLflow has."""

UNSUPPORTED = re.compile(r"unsupported URI|Invalid url|Invalid IPv6 URL|No connection adapters")
OTHER_VERSION = "out-of-date database schema"
NOT_MLFLOW = "it answers, but not as MLflow does: correct MLFLOW_TRACKING_URI, or log in"

PERMANENT_CODES = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR)
PERMANENT = re.compile(
    f"{OTHER_VERSION}|unable to open database|readonly database|file is not a database|authentication failed"
    "|certificate verify failed|CA certificate bundle|unsupported URI|No connection adapters"
)
"""MLflow, SQLAlchemy and requests raise these for a store or server that stays as it is until a person changes it."""

LONGEST_REASON = 300


def server_name() -> str:
    """Return the tracking server or store that the environment names, without a password in its address.

    Raises:
        UserError: MLFLOW_TRACKING_URI is not set.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        raise UserError("no MLflow server is named: set MLFLOW_TRACKING_URI, as in http://localhost:5000")
    return without_credentials(uri)


def http_status(error: Exception) -> int:
    """Return the HTTP status that a server answered with; 0 if the error is not a server's answer."""
    status = getattr(error, "get_http_status_code", None)  # MlflowException, which may not be importable
    return status() if status else 0


def is_unknown_host(error: Exception) -> bool:
    """Tell whether the server's address names no existing host."""
    return UNKNOWN_HOST.search(str(error)) is not None


def is_not_mlflow(error: Exception) -> bool:
    """Tell whether the answer came from another program: a web page, or JSON without MLflow's error code."""
    answer = getattr(error, "json", None)
    return NO_MLFLOW.search(str(error)) is not None or (isinstance(answer, dict) and "error_code" not in answer)


def is_temporary(error: Exception) -> bool:
    """Tell whether the same call may succeed later: the server did not answer, or the error is the server's."""
    if PERMANENT.search(str(error)):
        return False
    if isinstance(error, OSError):
        return error.errno not in PERMANENT_CODES
    # A server answers "bad request" when all its connections to its database are taken.
    return http_status(error) >= 429 or "QueuePool limit" in str(error) or type(error).__name__ == "OperationalError"


def explain(error: Exception) -> str:
    """Explain an error in one line, with the remedy if it is known, without user and password."""
    if http_status(error) == 401:
        return "it does not take this user and password: check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    if is_not_mlflow(error):
        return NOT_MLFLOW
    if UNSUPPORTED.search(str(error)):
        return "MLFLOW_TRACKING_URI takes an address such as http://localhost:5000 or sqlite:////runs/mlflow.db"
    if is_unknown_host(error):
        return "there is no such host: correct MLFLOW_TRACKING_URI"
    if OTHER_VERSION in str(error):
        return (
            "its database is of another version of MLflow: make a copy of it, then mlflow db upgrade "
            f"{server_name()}; or install the version of MLflow that wrote it"
        )
    lines = str(error).partition(". Response body: ")[0].splitlines()
    said = next((line for line in lines if not line.startswith("(raised as a result of")), type(error).__name__)
    return without_credentials(said)[:LONGEST_REASON].strip()


@contextmanager
def explained() -> Iterator[None]:
    """Convert MLflow's refusals in this block into a UserError: no answer, no access, an unreadable database."""
    server = server_name()
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        from_variable = isinstance(error, ValueError) and ("MLFLOW_" in str(error) or UNSUPPORTED.search(str(error)))
        from_database = type(error).__module__.startswith("sqlalchemy")
        status = http_status(error)
        if not (status or from_variable or from_database or isinstance(error, OSError)):
            raise
        first = next(iter(str(error).splitlines()), "")
        if status in NOT_LET_IN or any(f"error code {each}" in first for each in NOT_LET_IN):
            raise UserError(
                f"MLflow at {server} does not let this user in: "
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            ) from None
        if is_unknown_host(error) or is_not_mlflow(error):
            raise UserError(f"MLflow at {server}: {explain(error)}") from None
        if "Max retries exceeded" in first or "Connection" in first or isinstance(error, ConnectionError):
            raise UserError(
                f"MLflow at {server} does not answer: start the server, or correct MLFLOW_TRACKING_URI"
            ) from None
        raise UserError(f"MLflow at {server} refuses: {explain(error)}") from None


@contextmanager
def run_lookup_explained(run_id: str) -> Iterator[None]:
    """Convert every error of looking up the run `run_id` in this block into a UserError."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        raise UserError(f"nothing tells where the MLflow run {run_id} is: set MLFLOW_TRACKING_URI")
    server = server_name()
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
            raise UserError(f"MLflow at {server} has no run {run_id}: check MLFLOW_TRACKING_URI and the id") from None
        raise UserError(f"MLflow at {server} cannot be asked for the run {run_id}: {explain(error)}") from None
