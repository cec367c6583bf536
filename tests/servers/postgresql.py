"""PostgreSQL as Debian packages it, in a cluster of its own that is thrown away."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.ports import free_port

ACCOUNT = "postgres"
"""Who runs the server where the tests run as root, which PostgreSQL refuses."""


@dataclass(frozen=True)
class PostgreSQL:
    """A server that asks for a password, and its one user."""

    programs: Path
    port: int
    user: str = "mlflow"
    password: str = "of-the-database"

    @property
    def environment(self) -> dict[str, str]:
        """What libpq, and so psycopg and pg_dump, read from the environment."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
        }

    def sql(self, command: str, database: str = "postgres") -> str:
        """What psql prints, without headers."""
        return subprocess.run(
            [self.programs / "psql", "-d", database, "-qtAc", command],
            env={**os.environ, **self.environment},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """The server, until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="simpgan-postgresql-"))
    try:
        server = PostgreSQL(find_programs(), free_port())
        give_away(folder)
        (folder / "password").write_text(server.password)
        (folder / "password").chmod(0o644)
        cluster = folder / "cluster"
        run(
            [
                server.programs / "initdb",
                *("-D", cluster, "-U", server.user, "--pwfile", folder / "password"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
            ]
        )
        # Nothing has to survive a loss of power.
        options = f"-p {server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        run([server.programs / "pg_ctl", "-D", cluster, "-w", "-l", folder / "log", "-o", options, "start"])
        try:
            yield server
        finally:
            run([server.programs / "pg_ctl", "-D", cluster, "-w", "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_programs() -> Path:
    """The folder of the newest PostgreSQL; Debian keeps those of the server off the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = str(folders[-1]) if folders else shutil.which("initdb")
    assert found, "PostgreSQL is missing: apt-get install postgresql"
    return Path(found).parent


def give_away(folder: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(folder, ACCOUNT)


def run(command: Sequence[object]) -> None:
    account = ACCOUNT if os.geteuid() == 0 else None
    # Not captured: the server that pg_ctl starts would keep the pipe open.
    subprocess.run([str(word) for word in command], user=account, check=True, stdout=subprocess.DEVNULL, cwd="/")
