"""Errors of folders and object stores as one line that says what to do."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from simpgan.components.core.environment import variables_in
from simpgan.components.core.errors import UserError, without_credentials

TAKES: Mapping[str, str] = {
    "AWS_ENDPOINT_URL": "an address such as http://minio:9000",
    "AWS_ENDPOINT_URL_S3": "an address such as http://minio:9000",
    "AWS_PROFILE": "the name of a profile in ~/.aws/config or ~/.aws/credentials",
    "AWS_DEFAULT_REGION": "a region such as us-east-1",
    "AWS_CONFIG_FILE": "a file such as aws configure writes",
    "AWS_SHARED_CREDENTIALS_FILE": "a file such as aws configure writes",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "a file with a token",
}
REMEDIES = {errno.EACCES: ": give this user access", errno.ELOOP: ": remove this link"}


@contextmanager
def explained(location: str) -> Iterator[None]:
    """Convert errors at `location` in this block into a UserError that names the entry and says what to do."""
    try:
        with _variables_named(location):
            yield
    except UserError:
        raise
    except FileNotFoundError as missing:
        raise UserError(f"no such file or folder: {_entry(missing, location)}") from missing
    except OSError as failure:
        remedy = REMEDIES.get(failure.errno or 0, "")
        raise UserError(f"{_entry(failure, location)}: {failure.strerror or failure}{remedy}") from failure
    except Exception as failure:
        if not location.startswith("s3://"):
            raise
        raise _s3_error(failure, location) from failure


def _entry(failure: OSError, location: str) -> str:
    """Return the file or folder below `location` at which a call failed, or `location` itself."""
    below = isinstance(failure.filename, str) and Path(location) in Path(failure.filename).parents
    return failure.filename if below else location


@contextmanager
def _variables_named(location: str) -> Iterator[None]:
    """Convert a refused setting of boto3 into a UserError that names the environment variables it may come from."""
    try:
        yield
    except Exception as failure:
        if not location.startswith("s3://") or not _is_of_settings(failure):
            raise
        said = without_credentials(str(failure)).rstrip(".")
        named = variables_in(str(failure), "AWS_")
        takes = [f"{name} takes {TAKES[name]}" for name in named if name in TAKES]
        others = "" if "AWS_" in said else "the variables AWS_* and the files that they name"
        remedy = "; ".join(takes) or f"correct {' or '.join(named) or others}"
        raise UserError(f"{location}: {said}" + (f": {remedy}" if named or others else "")) from failure


def _is_of_settings(failure: Exception) -> bool:
    """Tell whether boto3 refused a setting, rather than the store a request."""
    from botocore.exceptions import BotoCoreError, ConnectionError, HTTPClientError, NoCredentialsError

    if isinstance(failure, FileNotFoundError):
        return str(failure.filename) in os.environ.values()
    if isinstance(failure, BotoCoreError):
        return not isinstance(failure, ConnectionError | HTTPClientError | NoCredentialsError)
    return isinstance(failure, ValueError)


def _s3_error(failure: Exception, location: str) -> Exception:
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, NoCredentialsError, SSLError

    named = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    endpoint = without_credentials(named) if named else "Amazon S3"
    if isinstance(failure, NoCredentialsError):
        return UserError(f"no keys for {location}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if isinstance(failure, SSLError):
        return UserError(
            f"{endpoint} for {location}: {without_credentials(str(failure))}: "
            "AWS_CA_BUNDLE takes a file with the certificates that its own goes back to"
        )
    if isinstance(failure, ConnectionError | HTTPClientError):
        return UserError(f"cannot reach {endpoint} for {location}: check AWS_ENDPOINT_URL and that the store runs")
    if isinstance(failure, ClientError):
        code = failure.response["Error"]["Code"]
        known = {
            "NoSuchBucket": f"no such bucket: {location}: create it or correct its name",
            "NoSuchKey": f"no such object: {location}",
            "404": f"no such object: {location}",
            "AccessDenied": f"no access to {location}: check AWS_ACCESS_KEY_ID and the bucket's policy",
            "InvalidAccessKeyId": f"{endpoint} does not know the key for {location}: check AWS_ACCESS_KEY_ID",
            "SignatureDoesNotMatch": f"wrong secret for {location}: check AWS_SECRET_ACCESS_KEY",
        }
        known["403"] = known["AccessDenied"]
        return UserError(known.get(code, f"{location}: {endpoint} answers {code}"))
    return failure
