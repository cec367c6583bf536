"""What MLflow answers to a person's command, in a line that says what to do."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from components.core.runtime.errors import UserError

NOT_LET_IN = (401, 403)


def server_name() -> str:
    """The tracking server or store that the environment names, without a password that may stand in its address."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        raise UserError("no MLflow server is named: set MLFLOW_TRACKING_URI, as in http://localhost:5000")
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if parts.hostname else uri


@contextmanager
def explained() -> Iterator[None]:
    """Within the block an MLflow server that does not answer, or lets nobody in, is a UserError."""
    server = server_name()
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        status = getattr(error, "get_http_status_code", None)  # MlflowException, which may not be importable
        if status is None and not isinstance(error, OSError):
            raise
        code = status() if status else 0
        first = next(iter(str(error).splitlines()), "")
        if code in NOT_LET_IN or any(f"error code {each}" in first for each in NOT_LET_IN):
            raise UserError(
                f"MLflow at {server} does not let this user in: "
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            ) from None
        if "Max retries exceeded" in first or "Connection" in first or isinstance(error, ConnectionError):
            raise UserError(
                f"MLflow at {server} does not answer: start the server, or correct MLFLOW_TRACKING_URI"
            ) from None
        raise UserError(f"MLflow at {server} refuses: {first[:300]}") from None
