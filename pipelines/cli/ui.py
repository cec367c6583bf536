"""The command that shows recorded runs in the browser."""

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from simpgan.components.core.errors import UserError

NOTICE = "[MLflow] Security middleware enabled"
"""The line that MLflow prints on every start, and has no option to omit."""


def ui(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="The --out of a run; by default MLFLOW_TRACKING_URI."),
    ] = None,
    port: Annotated[int, typer.Option(metavar="PORT", min=1, max=65535, help="Port on this machine.")] = 5000,
) -> None:
    """Show recorded runs in the browser with MLflow.

    With --out, serve the runs in that folder until Ctrl-C. Otherwise, print the address of the server's page.
    """
    if out is None:
        show_server()
        return
    store = out.resolve() / "mlflow.db"
    if not store.is_file():
        raise UserError(f"no runs in {out}: it has no mlflow.db; give the --out of a run")
    if importlib.util.find_spec("mlflow.server") is None:
        raise UserError("MLflow is not installed: pip install 'simpgan[tracking]'")
    refuse_port_in_use(port)
    from simpgan.components.core.tracking.store_address import store_address
    from simpgan.components.core.tracking.ui_view import save_view

    address = os.environ["MLFLOW_TRACKING_URI"] = store_address(store)

    typer.echo(f"http://127.0.0.1:{port}{save_view().path}  (Ctrl-C ends it)")
    stores = ["--backend-store-uri", address, "--registry-store-uri", address]
    command = ["-m", "mlflow", "ui", *stores, "--port", str(port), "--workers", "1"]
    command += ["--uvicorn-opts", "--log-level error"]  # otherwise uvicorn prints a line per request
    # One reader needs neither MLflow's job runner, which takes 2 GB, nor its telemetry.
    lean = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    quiet = {"PYTHONWARNINGS": "ignore", "MLFLOW_LOGGING_LEVEL": "ERROR"}
    leave_out_of_errors(NOTICE)
    os.execve(sys.executable, [sys.executable, *command], os.environ | lean | quiet)


def leave_out_of_errors(text: str) -> None:
    """Remove lines with `text` from stderr of this process and of the program that replaces it."""
    command = ["grep", "--invert-match", "--text", "--line-buffered", "--fixed-strings", text]
    # In a session of its own, so that Ctrl-C does not end it before the last line has come.
    errors = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=2, start_new_session=True)
    assert errors.stdin is not None
    os.dup2(errors.stdin.fileno(), 2)


def show_server() -> None:
    """Update the saved view of the server's experiment, and print its address."""
    from simpgan.components.core.tracking.errors import server_name
    from simpgan.components.core.tracking.ui_view import save_view

    server = server_name()
    if not server.startswith(("http://", "https://")):
        raise UserError(f"MLFLOW_TRACKING_URI={server} is not a server with a page: give the --out of a run")
    typer.echo(f"{server.rstrip('/')}{save_view().path}")


def refuse_port_in_use(port: int) -> None:
    """Raise UserError if `port` of this machine is in use or not permitted."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(f"port {port} cannot be used ({error.strerror}): choose another with --port") from None
