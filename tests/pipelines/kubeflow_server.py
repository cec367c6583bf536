"""A server that speaks as much of the published v2beta1 API of Kubeflow Pipelines as `kfp.Client` needs here.

What it keeps and does is in `kubeflow_state.py`. Every body that comes in, and every answer, must conform to the models
in `kubeflow_models.py`.
"""

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kfp_server_api as api
import pytest

from tests.pipelines.kubeflow_models import check_fields
from tests.pipelines.kubeflow_state import Kubeflow, Refusal

BASE = "/apis/v2beta1"

ROUTES: dict[tuple[str, str], Callable[..., Any]] = {
    ("GET", "/healthz"): Kubeflow.health,
    ("POST", "/experiments"): Kubeflow.create_experiment,
    ("GET", "/experiments"): Kubeflow.list_experiments,
    ("POST", "/pipelines"): Kubeflow.create_pipeline,
    ("GET", "/pipelines"): Kubeflow.list_pipelines,
    ("GET", "/pipelines/([^/]+)/versions"): Kubeflow.list_versions,
    ("GET", "/pipelines/([^/]+)/versions/([^/]+)"): Kubeflow.get_version,
    ("POST", "/pipelines/upload_version"): Kubeflow.upload_version,
    ("POST", "/runs"): Kubeflow.create_run,
    ("GET", "/runs"): Kubeflow.list_runs,
    ("GET", "/runs/([^/]+)"): Kubeflow.get_run,
    ("POST", "/runs/([^/]+):retry"): Kubeflow.retry_run,
    ("POST", "/runs/([^/]+):terminate"): Kubeflow.terminate_run,
    ("POST", "/recurringruns"): Kubeflow.create_recurring_run,
    ("GET", "/recurringruns"): Kubeflow.list_recurring_runs,
    ("GET", "/recurringruns/([^/]+)"): Kubeflow.get_recurring_run,
    ("DELETE", "/recurringruns/([^/]+)"): Kubeflow.delete_recurring_run,
    ("POST", "/recurringruns/([^/]+):disable"): Kubeflow.disable_recurring_run,
    ("POST", "/recurringruns/([^/]+):enable"): Kubeflow.enable_recurring_run,
}


class Handler(BaseHTTPRequestHandler):
    """Answers requests from the state, or says what is wrong with them."""

    kubeflow: Kubeflow

    def answer(self) -> None:
        kubeflow = self.kubeflow
        body = self.body()
        if kubeflow.page:
            self.send(200, kubeflow.page.encode(), "text/html")
            return
        try:
            answer = self.route(body)
            self.send(200, json.dumps(answer).encode())
        except Refusal as refusal:
            self.send(refusal.status, json.dumps({"code": 1, "message": str(refusal), "details": []}).encode())
        except Exception as mistake:
            kubeflow.mistakes.append(f"{self.command} {self.path}: {mistake!r}")
            self.send(500, json.dumps({"code": 13, "message": repr(mistake), "details": []}).encode())

    do_GET = do_POST = do_DELETE = answer

    def body(self) -> Any:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("multipart/form-data"):
            (part,) = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + content).get_payload()
            assert part.get_param("name", header="Content-Disposition") == "uploadfile"
            return part.get_payload(decode=True).decode()
        return json.loads(content) if content else None

    def route(self, body: Any) -> Any:
        kubeflow = self.kubeflow
        authorization = self.headers.get("Authorization", "")
        kubeflow.tokens.append(authorization.removeprefix("Bearer "))
        if kubeflow.failing:
            kubeflow.failing -= 1
            raise Refusal(503, "upstream connect error")
        if kubeflow.token and authorization != f"Bearer {kubeflow.token}":
            raise Refusal(401, "the token is not valid:\n it expired")
        if kubeflow.forbidden:
            raise Refusal(403, "User 'me' is not authorized")
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        for (method, path), handle in ROUTES.items():
            match = re.fullmatch(BASE + path, url.path)
            if match and method == self.command:
                answer = api.ApiClient().sanitize_for_serialization(
                    found := handle(kubeflow, query, body, *match.groups())
                )
                check_fields(answer, type(found).__name__ if found else "object")
                return answer
        raise Refusal(404, "Not Found")

    def send(self, status: int, content: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Silence."""


@pytest.fixture
def kubeflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kubeflow]:
    """A server on this machine; the test fails if anything did not conform to the API."""
    for name in ("SIMPGAN_KFP_TOKEN", "KF_PIPELINES_SA_TOKEN_PATH", "KF_PIPELINES_UI_ENDPOINT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KUBECONFIG", os.devnull)  # no cluster, whatever this machine is connected to
    with served() as state:
        yield state


@contextmanager
def served() -> Iterator[Kubeflow]:
    """A server until the block ends, which fails if anything did not conform to the API."""
    handler = type("StateHandler", (Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.kubeflow = state = Kubeflow(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()
    assert state.mistakes == []
