"""`make mlflow` on a machine without Docker."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
import requests

from tests.servers.mlflow import PROGRAM, plain_environment
from tests.servers.ports import free_port

START = PROGRAM.parent / "start.sh"


@pytest.mark.servers
def test_it_says_how_to_get_in_and_ends_on_ctrl_c(tmp_path: Path):
    port = free_port()
    environment = {**plain_environment(), "MLFLOW_PORT": str(port), "DOCKER_HOST": "unix:///nowhere"}
    folder = tmp_path / "data"
    server = subprocess.Popen(
        [PROGRAM.parent / "start.sh", folder],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert server.stdout
        said = ""
        for line in server.stdout:
            said += line
            if "MLFLOW_TRACKING_PASSWORD" in line:
                break
        assert f"http://127.0.0.1:{port}" in said, (folder / "server.log").read_text()
        (file,) = (Path(line.split(" in ")[1]) for line in said.splitlines() if line.startswith("Password:"))
        experiments = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search?max_results=1"
        assert requests.get(experiments, auth=("admin", file.read_text())).status_code == 200
        assert requests.get(experiments).status_code == 401
        assert file.read_text() not in said
    finally:
        os.killpg(server.pid, signal.SIGINT)
        assert server.wait(60) == 130
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/health")


def test_a_port_in_use_is_refused(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        environment = {**plain_environment(), "MLFLOW_PORT": str(port)}
        ran = subprocess.run([START, tmp_path], env=environment, capture_output=True, text=True, check=False)
    said = f"port {port} cannot be used: choose another, as in MLFLOW_PORT=5001 make mlflow\n"
    assert (ran.returncode, ran.stderr) == (2, said)
