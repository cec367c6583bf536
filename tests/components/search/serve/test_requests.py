"""What the service answers to requests, good and bad, over a real connection."""

import asyncio
import io
import itertools
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from fastapi import Request
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from simpgan.components.search import Searcher
from simpgan.components.search.serve import uploads
from simpgan.components.search.serve.refusals import Refusal
from tests.components.ingest.test_verify import png_that_claims
from tests.components.search.serve.conftest import MAX_REQUESTS, Given
from tests.servers.search_service import SearchService

pytestmark = [pytest.mark.servers, pytest.mark.slow]
HUNDRED_MB = 100_000_000


@pytest.fixture(scope="module")
def found(given: Given) -> list[tuple[str, float, bool]]:
    """What the Python API finds for the probe."""
    opened = Searcher.open(given.model, given.gallery, given.data_root)
    return [(each.image, each.similarity, each.accepted) for each in opened.search([given.probe], top=7).itertuples()]


def form(service: SearchService, **parts: object) -> requests.Response:
    """Search with a form."""
    return requests.post(f"{service.url}/search", files=parts, headers=service.headers, timeout=60)


def test_an_image_is_answered_with_what_the_search_finds(
    service: SearchService, given: Given, found: list[tuple[str, float, bool]]
) -> None:
    content = given.probe.read_bytes()
    ways = [
        service.search(content, top=7),
        form(service, image=("who.jpg", content), top=(None, "7")),
        form(service, image=("who.jpg", content), top=(None, "7"), camera=(None, "")),
    ]
    for answered in ways:
        assert answered.status_code == 200, answered.text
        answer = answered.json()
        assert [each["name"] for each in answer["found"]] == [name for name, _, _ in found]
        assert [each["score"] for each in answer["found"]] == pytest.approx([score for _, score, _ in found], abs=2e-3)
        assert [each["accepted"] for each in answer["found"]] == [
            each["score"] > answer["threshold"] for each in answer["found"]
        ]
        assert [each["rank"] for each in answer["found"]] == list(range(1, 8))
        assert answer["precision"] in ("fp32", "bf16")
        assert answer["images"] == given.images
    first = answer["found"][0]
    assert (first["name"], first["person"]) == (f"probe/{given.probe.name}", str(int(given.probe.name[:4])))
    assert first["camera"] == given.probe.name.split("_")[1]


def test_who_is_unknown_has_no_person(service: SearchService, given: Given) -> None:
    people = {each["person"] for each in service.search(given.probe.read_bytes(), top=1000).json()["found"]}
    assert None in people, "a distractor"


def test_found_images_are_shown_to_those_who_have_the_token(service: SearchService, given: Given) -> None:
    first = service.search(given.probe.read_bytes(), top=1).json()["found"][0]
    shown = service.get(first["crop"])
    assert shown.headers["Content-Type"] == "image/jpeg"
    with Image.open(io.BytesIO(shown.content)) as crop, Image.open(given.probe) as probe:
        assert crop.size == probe.size
    assert requests.get(f"{service.url}/{first['crop']}", timeout=60).status_code == 401
    _, digest, _ = first["crop"].split("/")
    for path, status in ((f"crops/{digest}/99", 404), (f"crops/{digest}/x", 404), ("crops/0/0", 410)):
        assert service.get(path).status_code == status


def chunks(content: bytes) -> Iterator[bytes]:
    """A body whose length is not said before."""
    for start in range(0, len(content), 65536):
        yield content[start : start + 65536]


def broken(content: bytes) -> bytes:
    return content[: len(content) // 2]


BAD = {
    "a text file": (
        lambda _: b"who is who",
        {},
        400,
        "this is no image that can be read: not a JPEG, PNG or BMP image",
    ),
    "nothing": (lambda _: b"", {}, 400, "this is no image that can be read: empty file"),
    "a broken image": (broken, {}, 400, "this is no image that can be read: damaged or truncated image"),
    "100 MB": (
        lambda _: bytes(HUNDRED_MB),
        {},
        413,
        "the request is larger than 10,000,000 bytes: send a smaller image",
    ),
    "100 MB in chunks": (lambda _: chunks(bytes(HUNDRED_MB)), {}, 413, "the request is larger than 10,000,000 bytes"),
    "too many pixels": (lambda _: png_that_claims(1001, 1000), {}, 413, "the image has 1001 x 1000 pixels, more than"),
    "an unknown camera": (bytes, {"camera": "cellar"}, 400, "no camera is named 'cellar': "),
    "no number": (bytes, {"top": "many"}, 400, "top=many: give a whole number from 1 to 1000"),
    "two lines": (bytes, {"top": "3\n4"}, 400, "top=3 4: give a whole number from 1 to 1000"),
    "none": (bytes, {"top": 0}, 400, "top=0: give a whole number from 1 to 1000"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_gets_one_sentence(service: SearchService, given: Given, name: str) -> None:
    make, parameters, status, sentence = BAD[name]
    answered = service.search(make(given.probe.read_bytes()), **parameters)
    assert answered.status_code == status
    [said] = answered.json().values()
    assert said.startswith(sentence)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("authorization", "sentence"),
    [
        ({}, "send the token as the header 'Authorization: Bearer TOKEN'"),
        ({"Authorization": "Basic the-token-of-the-tests"}, "send the token as the header"),
        ({"Authorization": "Bearer the-token-of-the-test"}, "the token is wrong"),
        ({"Authorization": "Bearer the-token-of-the-tests\u00e9"}, "the token is wrong"),
        ({"Authorization": "Bearer "}, "the token is wrong"),
    ],
)
@pytest.mark.parametrize("path", ["search", "about", "metrics", "crops/0/0"])
def test_without_the_token_nothing_is_shown(
    service: SearchService, authorization: dict[str, str], sentence: str, path: str
) -> None:
    ask: Callable[..., requests.Response] = requests.post if path == "search" else requests.get
    headers = {name: value.encode("latin-1") for name, value in authorization.items()}
    answered = ask(f"{service.url}/{path}", headers=headers, timeout=60)
    assert answered.status_code == 401
    assert answered.json()["error"].startswith(sentence)
    assert answered.headers["WWW-Authenticate"] == "Bearer"


def test_a_form_without_an_image_or_with_too_much_is_refused(service: SearchService, given: Given) -> None:
    image = ("who.jpg", given.probe.read_bytes())
    refused = {
        "the form has no file: send the image as the part 'image', with a file name": form(service, top=(None, "7")),
        "the form cannot be read: Too many files": form(service, image=image, other=image),
        "the form cannot be read: Too many fields": form(
            service, image=image, top=(None, "7"), camera=(None, "1"), more=(None, "1")
        ),
        "the request is larger": form(service, image=("who.jpg", bytes(10_000_001))),
    }
    for sentence, answered in refused.items():
        assert answered.status_code in (400, 413)
        assert answered.json()["error"].startswith(sentence)
    damaged = {**service.headers, "Content-Type": "multipart/form-data"}
    answered = requests.post(f"{service.url}/search", data=b"--", headers=damaged, timeout=60)
    assert (answered.status_code, answered.json()["error"]) == (
        400,
        "the form cannot be read: Missing boundary in multipart",
    )


def peak_memory(service: SearchService) -> int:
    """Most bytes that the process has had in memory."""
    [line] = [each for each in Path(f"/proc/{service.process.pid}/status").read_text().splitlines() if "VmHWM" in each]
    return 1024 * int(line.split()[1])


def test_what_is_too_large_is_never_in_memory(service: SearchService) -> None:
    before = peak_memory(service)
    with ThreadPoolExecutor(4) as pool:
        for answered in pool.map(lambda _: service.search(chunks(bytes(HUNDRED_MB))), range(4)):
            assert answered.status_code == 413
    assert peak_memory(service) - before < HUNDRED_MB // 2


def test_fifty_at_once_are_all_answered_and_joined(service: SearchService, given: Given) -> None:
    content = given.probe.read_bytes()
    before = figures(service)
    with ThreadPoolExecutor(50) as pool:
        answered = list(pool.map(lambda _: service.search(content, top=3), range(50)))
    assert [each.status_code for each in answered] == [200] * 50
    assert len({each["name"] for answer in answered for each in answer.json()["found"]}) == 3
    after = figures(service)
    images, batches = (
        after[f"simpgan_batch_images_{part}"] - before[f"simpgan_batch_images_{part}"] for part in ("sum", "count")
    )
    assert images == 50
    assert batches < 50
    answers = "simpgan_searches_total 200"  # not among the figures before the first one
    assert after[answers] - before.get(answers, 0) == 50
    assert after["simpgan_searches_in_progress"] == 0


def figures(service: SearchService) -> dict[str, float]:
    """The numbers for Prometheus, by name and status."""
    families = text_string_to_metric_families(service.get("metrics").text)
    samples = [sample for family in families for sample in family.samples]
    return {f"{each.name} {each.labels.get('status', '')}".strip(): each.value for each in samples}


def test_figures_say_what_is_served(service: SearchService, given: Given) -> None:
    text = service.get("metrics").text
    assert figures(service)["simpgan_gallery_images"] == given.images
    assert 'simpgan_gallery_loads_total{outcome="failed"}' in text
    assert 'method="adabn"' in text
    assert "process_resident_memory_bytes" in text


def half_sent(service: SearchService, content: bytes) -> socket.socket:
    """A connection that has sent a search but for its last byte."""
    host, port = service.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    header = f"POST /search HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {service.token}\r\n"
    connection.sendall(f"{header}Content-Length: {len(content)}\r\n\r\n".encode() + content[:-1])
    return connection


def status_line(connection: socket.socket) -> str:
    return connection.makefile("rb").readline().decode().strip()


def test_more_than_it_can_hold_is_told_to_come_back(service: SearchService, given: Given) -> None:
    content = given.probe.read_bytes()
    with ExitStack() as stack:
        waiting = [stack.enter_context(half_sent(service, content)) for _ in range(MAX_REQUESTS)]
        while figures(service)["simpgan_searches_in_progress"] < MAX_REQUESTS:
            pass
        refused = service.search(content)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert refused.json() == {"error": "too many searches are waiting: try again in a moment"}
        for connection in waiting:
            connection.sendall(content[-1:])
        assert {status_line(connection) for connection in waiting} == {"HTTP/1.1 200 OK"}
    assert service.search(content).status_code == 200


def test_a_client_that_goes_away_leaves_its_place(service: SearchService, given: Given) -> None:
    for _ in range(3):
        half_sent(service, given.probe.read_bytes()).close()
    while (counted := figures(service))["simpgan_searches_in_progress"] or "simpgan_searches_total 499" not in counted:
        pass
    assert counted["simpgan_searches_total 499"] == 3
    assert "Traceback" not in service.log.read_text()


def test_other_addresses_get_a_sentence(service: SearchService) -> None:
    assert service.get("nowhere").json() == {"error": "GET /nowhere: Not Found"}
    refused = service.get("search")
    assert (refused.status_code, refused.json()) == (405, {"error": "GET /search: Method Not Allowed"})


def test_the_interface_is_described(service: SearchService) -> None:
    described = requests.get(f"{service.url}/openapi.json", timeout=60).json()
    assert set(described["paths"]) == {"/search", "/crops/{digest}/{row}", "/about", "/metrics", "/health"}
    assert set(described["paths"]["/search"]["post"]["requestBody"]["content"]) >= {"multipart/form-data", "image/jpeg"}


def test_the_page_and_the_health_need_no_token_and_the_page_holds_nothing_of_the_gallery(
    service: SearchService,
) -> None:
    assert requests.get(f"{service.url}/health", timeout=60).json() == {"status": "ready"}
    page = requests.get(f"{service.url}/", timeout=60)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    about = service.get("about").json()
    for secret in (service.token, about["threshold"], f">{about['images']}", about["model"]):
        assert secret not in page.text


def test_an_upload_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def receive() -> dict[str, object]:
        """A part of the body, and then nothing for a long time."""
        await asyncio.sleep(0 if next(parts) == 0 else 60)
        return {"type": "http.request", "body": b"part", "more_body": True}

    parts = itertools.count()
    monkeypatch.setattr(uploads, "SECONDS", 0.05)
    scope = {"type": "http", "method": "POST", "path": "/search", "query_string": b"", "headers": []}
    with pytest.raises(Refusal, match=r"the upload took longer than 0\.05 seconds") as refusal:
        asyncio.run(uploads.read_upload(Request(scope, receive), 100))
    assert refusal.value.status == 408
