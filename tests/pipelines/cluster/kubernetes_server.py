"""A server that answers as much of the API of Kubernetes as is needed to look at the pods of a run."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

NAMESPACE = "/api/v1/namespaces/kubeflow"
NODE = "simpgan-adapt-jjvk9(0).root(0).{part}(0)"


@dataclass
class Kubernetes:
    """The cluster, which tests set.

    Attributes:
        pods: pods, as the API has them.
        warnings: messages of the warning events of each pod, by its name.
        logs: log of each pod, by its name.
        forbidden: whether the account of the kubeconfig may do nothing.
    """

    pods: list[dict[str, Any]] = field(default_factory=list)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    forbidden: bool = False

    def add_pod(self, run_id: str, name: str, part: str, phase: str, **status: Any) -> None:
        """Add a pod of the run: of the part `STAGE(0).executor` or `STAGE-driver`."""
        metadata = {
            "name": name,
            "labels": {"pipeline/runid": run_id},
            "annotations": {"workflows.argoproj.io/node-name": NODE.format(part=part)},
            "creationTimestamp": "2026-03-01T00:00:00Z",
        }
        self.pods.append({"metadata": metadata, "status": {"phase": phase, **status}})

    def answer(self, path: str, query: dict[str, str]) -> Any:
        """Return what the API answers; text for a log."""
        if path == f"{NAMESPACE}/pods":
            label, _, run_id = query["labelSelector"].partition("=")
            return {"items": [pod for pod in self.pods if pod["metadata"]["labels"][label] == run_id]}
        if path == f"{NAMESPACE}/events":
            fields = dict(each.split("=") for each in query["fieldSelector"].split(","))
            assert fields["type"] == "Warning"
            said = self.warnings.get(fields["involvedObject.name"], [])
            return {"items": [self.event(message, minute) for minute, message in enumerate(said)]}
        name = path.removeprefix(f"{NAMESPACE}/pods/").removesuffix("/log")
        assert query["container"] == "main"
        return self.logs[name]

    @staticmethod
    def event(message: str, minute: int) -> dict[str, Any]:
        at = f"2026-03-01T00:{minute:02}:00Z"
        return {"message": message, "lastTimestamp": at, "metadata": {}, "involvedObject": {}}


@contextmanager
def served(folder: Path) -> Iterator[tuple[Kubernetes, Path]]:
    """Serve a cluster until the block ends. Yield it, and a kubeconfig for it in `folder`."""
    cluster = Kubernetes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            answer = cluster.answer(url.path, query)
            self.send_response(403 if cluster.forbidden else 200)
            self.send_header("Content-Type", "text/plain" if isinstance(answer, str) else "application/json")
            self.end_headers()
            self.wfile.write((answer if isinstance(answer, str) else json.dumps(answer)).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    kubeconfig = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "test", "user": {"token": "test"}}],
    }
    kubeconfig.write_text(yaml.safe_dump(content))
    yield cluster, kubeconfig
    server.shutdown()
    server.server_close()
