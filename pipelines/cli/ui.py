"""The command that opens the page of all runs."""

import importlib.util
import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from components.core.runtime.errors import UserError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ui")(ui)


def ui(
    out: Annotated[Path, typer.Option("--out", help="The --out of a run.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 5000,
) -> None:
    """Show the runs in a folder in the browser, with MLflow, until Ctrl-C."""
    store = out.resolve() / "mlflow.db"
    if not store.is_file():
        raise UserError(f"no runs in {out}: it has no mlflow.db; give the --out of a run")
    if importlib.util.find_spec("mlflow.server") is None:
        raise UserError("MLflow is not installed: pip install 'simpgan[tracking]'")
    refuse_port_in_use(port)
    typer.echo(f"http://127.0.0.1:{port}  (Ctrl-C ends it)")
    command = ["-m", "mlflow", "ui", "--backend-store-uri", f"sqlite:///{store}", "--port", str(port), "--workers", "1"]
    # One reader needs neither MLflow's job runner, which takes 2 GB, nor its telemetry.
    lean = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    os.execve(sys.executable, [sys.executable, *command], os.environ | lean)


def refuse_port_in_use(port: int) -> None:
    """Raise UserError if something listens on `port` of this machine, or we may not."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(f"port {port} cannot be used ({error.strerror}): choose another with --port") from None
