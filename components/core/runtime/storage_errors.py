"""What goes wrong in folders and object stores, in one line that says what to do."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from components.core.runtime.errors import UserError


@contextmanager
def explained(location: str) -> Iterator[None]:
    """Turn what goes wrong at `location` into one line that says what to do."""
    try:
        yield
    except FileNotFoundError as missing:
        raise UserError(f"no such file or folder: {location}") from missing
    except OSError as failure:
        raise UserError(f"{location}: {failure.strerror or failure}") from failure
    except Exception as failure:
        if not location.startswith("s3://") or isinstance(failure, UserError):
            raise
        raise _s3_error(failure, location) from failure


def _s3_error(failure: Exception, location: str) -> Exception:
    from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, NoCredentialsError

    endpoint = os.environ.get("AWS_ENDPOINT_URL", "Amazon S3")
    if isinstance(failure, NoCredentialsError):
        return UserError(f"no keys for {location}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
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
    if isinstance(failure, BotoCoreError):
        return UserError(f"{location}: {failure}")
    return failure
