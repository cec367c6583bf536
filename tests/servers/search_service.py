"""The search service in a process of its own, as an image starts it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

TOKEN = "the-token-of-the-tests"


class SearchService:
    """A service on a free port of this machine.

    Args:
        log: file for what it says.
        token: its token; empty: none.
        settings: its settings.
    """

    def __init__(self, log: Path, *, token: str = TOKEN, **settings: object) -> None:
        self.log, self.token = log, token
        given = [f"{name}={value}" for name, value in {"port": 0, **settings}.items()]
        environment = {**os.environ, **({"SIMPGAN_TOKEN": token} if token else {})}
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "simpgan.components.search.serve", *given],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.said: list[str] = []
        self.url = self.wait_for("(Ctrl-C").split()[0]

    def wait_for(self, words: str) -> str:
        """The next line that has these words."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line)
            if words in line:
                return line
        raise AssertionError(f"it has ended: {self.said} {self.log.read_text()}")

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}/{path}", headers=self.headers, timeout=60)

    def search(self, image: Any, **given: object) -> requests.Response:
        """Search for an image that is the body of the request."""
        return requests.post(f"{self.url}/search", params=given, data=image, headers=self.headers, timeout=60)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it. Returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=60)
        self.said.append(rest)
        return self.process.returncode
