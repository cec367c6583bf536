"""How the service starts and ends, and what it refuses to start with."""

import asyncio
import socket
from pathlib import Path

import pytest
from fastapi import Request
from fastapi.responses import Response

from simpgan.components.core.errors import UserError
from simpgan.components.search.serve.__main__ import main
from simpgan.components.search.serve.access import Access
from simpgan.components.search.serve.galleries import Galleries
from simpgan.components.search.serve.refusals import Refusal
from simpgan.components.search.serve.service import Service
from simpgan.components.search.settings import ServeSettings
from tests.components.search.serve.conftest import Given
from tests.components.search.serve.test_requests import half_sent, status_line
from tests.servers.search_service import TOKEN, SearchService


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMPGAN_TOKEN", raising=False)


@pytest.mark.servers
@pytest.mark.slow
def test_sigterm_lets_searches_end_and_the_log_has_no_token(given: Given, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    service = SearchService(tmp_path / "log", token="", **given.settings, token_file=tmp_path / "token")
    service.token = TOKEN
    service.wait_for("Ready")
    content = given.probe.read_bytes()
    assert service.search(content).status_code == 200
    assert service.search(b"no image").status_code == 400
    with half_sent(service, content) as connection:
        while "simpgan_searches_in_progress 1.0" not in service.get("metrics").text:
            pass
        service.process.terminate()
        while reachable(service):
            pass
        connection.sendall(content[-1:])
        assert status_line(connection) == "HTTP/1.1 200 OK"
    assert service.stop() == 143
    said = "".join(service.said) + service.log.read_text()
    assert TOKEN not in said
    assert "Traceback" not in said


def reachable(service: SearchService) -> bool:
    host, port = service.url.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.servers
@pytest.mark.slow
def test_sigterm_ends_it_while_the_gallery_is_loaded(given: Given, tmp_path: Path) -> None:
    settings = {**given.settings, "watch_seconds": 0.1}
    service = SearchService(tmp_path / "log", token="", **settings)
    assert service.stop() == 143
    assert "Traceback" not in service.log.read_text()


def refused(capsys: pytest.CaptureFixture[str], given: Given, **settings: object) -> str:
    """The one line of a service that does not start."""
    with pytest.raises(SystemExit) as ended:
        main([f"{name}={value}" for name, value in {**given.settings, "port": 0, **settings}.items()])
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    return line


def test_what_it_refuses_to_start_with(
    given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "whoever reaches 0.0.0.0 could see the gallery: set SIMPGAN_TOKEN" in refused(capsys, given, host="0.0.0.0")
    assert "no adaptation in" in refused(capsys, given, model=tmp_path)
    assert "is not a manifest" in refused(capsys, given, gallery=tmp_path)
    assert "unknown setting 'serve.max_byte': did you mean 'max_bytes'?" in refused(capsys, given, max_byte=1)
    assert "'serve.port'" in refused(capsys, given, port="http")
    with pytest.raises(UserError, match="'port' sets nothing: write NAME=VALUE"):
        ServeSettings.of_arguments(["port"], **given.settings)
    with socket.create_server(("127.0.0.1", 0)) as other:
        said = refused(capsys, given, port=other.getsockname()[1])
        assert "cannot be listened on (Address already in use): choose another" in said
    (tmp_path / "token").write_text("short")
    assert "is shorter than 16 characters" in refused(capsys, given, token_file=tmp_path / "token")
    assert "no such file" in refused(capsys, given, token_file=tmp_path / "gone")
    monkeypatch.setenv("SIMPGAN_TOKEN", "a token with spaces in it")
    said = refused(capsys, given)
    assert "the token in SIMPGAN_TOKEN has characters that no header can hold" in said
    assert "spaces in it" not in said


def test_a_gallery_without_its_images_ends_it(
    given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMPGAN_CACHE", str(tmp_path / "cache"))
    assert "no such file" in refused(capsys, given, data_root=tmp_path)


def test_until_the_gallery_is_loaded_it_is_not_ready(given: Given) -> None:
    service, response = Service(Galleries(given.parsed())), Response()
    assert asyncio.run(service.health(response)).status == "loading"
    assert response.status_code == 503
    with pytest.raises(Refusal, match="the gallery is being loaded: try again later") as refusal:
        asyncio.run(service.search(request("127.0.0.1")))
    assert (refusal.value.status, refusal.value.headers) == (503, {"Retry-After": "10"})


def request(host: str) -> Request:
    headers = [(b"host", f"{host}:8000".encode())]
    return Request({"type": "http", "method": "POST", "path": "/search", "query_string": b"", "headers": headers})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_without_a_token_this_machine_may_search(host: str) -> None:
    asyncio.run(Access("")(request(host)))


def test_without_a_token_a_page_from_elsewhere_may_not() -> None:
    with pytest.raises(Refusal, match=r"answers to localhost and 127\.0\.0\.1 only"):
        asyncio.run(Access("")(request("rebound.example.org")))
