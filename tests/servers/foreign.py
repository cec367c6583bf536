"""Servers that are not what a command looks for: a page, a login, JSON of another service."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = (200, "text/html", "<!DOCTYPE html><html><body>Welcome</body></html>")
ANSWERS = {
    "empty JSON": (200, "application/json", "{}"),
    "a list": (200, "application/json", "[]"),
    "another service's JSON": (200, "application/json", '{"status": "ok", "multi_user": "perhaps", "version": 7}'),
    "a page": PAGE,
    "nothing": (200, "text/plain", ""),
    "not found in JSON": (404, "application/json", '{"detail": "Not Found"}'),
    "not found": (404, "text/html", "<html>404</html>"),
    "method not allowed": (405, "text/plain", "method not allowed"),
    "a login": (302, "text/html", ""),
}
"""Status, kind and body of what such servers answer to everything."""


@contextmanager
def answering(status: int, kind: str, body: str) -> Iterator[str]:
    """A server that answers every request alike. Yields its address. A status of 302 leads to a page."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            code, content, text = PAGE if self.path == "/login" else (status, kind, body)
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "/login")
            self.send_header("Content-Type", content)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
