"""MLflow as `mlflow/server.sh` starts it: on PostgreSQL, artifacts through the server to S3, with passwords."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.servers.ports import free_port
from tests.servers.postgresql import PostgreSQL
from tests.servers.seaweedfs import S3

PROGRAM = Path(__file__).parents[2] / "mlflow" / "server.sh"


class MlflowServer:
    """A tracking server that can be stopped and started again.

    Args:
        folder: for its log and its figures for Prometheus.
        postgresql, database: where its runs and users are; the database must exist.
        s3, bucket: where its artifacts are; the bucket must exist.
    """

    user = "admin"
    password = "of-the-administrator"

    def __init__(self, folder: Path, postgresql: PostgreSQL, database: str, s3: S3, bucket: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "mlflow.log"
        self.stores = {
            **postgresql.environment,
            **s3.environment,
            "PGDATABASE": database,
            "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{bucket}",
        }
        self._folder = folder
        self._process: subprocess.Popen | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a client reads from the environment."""
        return {
            "MLFLOW_TRACKING_URI": self.url,
            "MLFLOW_TRACKING_USERNAME": self.user,
            "MLFLOW_TRACKING_PASSWORD": self.password,
        }

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers: half a minute on a new database."""
        if self._process:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM],
                cwd=self._folder,  # the test that starts it may be in a folder that is soon gone
                env={
                    **plain_environment(),
                    **self.stores,
                    "SECRETS": str(self._folder / "none"),
                    "TMPDIR": str(self._folder),
                    "MLFLOW_HOST": "127.0.0.1",
                    "MLFLOW_PORT": str(self.port),
                    "MLFLOW_AUTH_ADMIN_PASSWORD": self.password,
                    "MLFLOW_FLASK_SERVER_SECRET_KEY": "for-forms",
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for _ in range(1800):
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=5)
                return
            except OSError:
                assert self._process.poll() is None, self.log.read_text()
                time.sleep(0.1)
        raise TimeoutError(self.log.read_text())

    def stop(self) -> None:
        """End it at once, as a crash would."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def plain_environment() -> Mapping[str, str]:
    """The environment without what it says of other servers, with this Python's programs first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AWS_", "PG"))}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}"}
