"""Digests of images in an image registry (OCI distribution, /v2/)."""

import re
from base64 import b64encode
from collections.abc import Iterable

import requests
from docker import auth

from simpgan.components.core.errors import UserError
from simpgan.components.core.images import StageImages, name_of

MANIFESTS = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)
DIGEST_HEADER = "Docker-Content-Digest"
ON_THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")
SECONDS_TO_ANSWER = 30
HOST = re.compile(r"[^/]*[.:][^/]*|localhost")
CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


def lock(stages: Iterable[str], registry: str, tag: str) -> StageImages:
    """Return the images of all stages as the registry has them now under `tag`.

    Raises:
        UserError: an image is missing, or the registry cannot be asked.
    """
    digests = {}
    for stage in stages:
        name = StageImages(registry=registry).repository(stage)
        found = digest_of(name, tag)
        if not found:
            raise UserError(f"{name}:{tag} is not in the registry: build the image and push it first")
        digests[name_of(stage)] = found
    return StageImages(registry=registry, digests=digests)


def gone(images: StageImages, stages: Iterable[str]) -> list[str]:
    """Return the stages whose locked image the registry no longer has.

    Raises:
        UserError: the registry cannot be asked.
    """
    locked = {stage: images.digests[name_of(stage)] for stage in stages if name_of(stage) in images.digests}
    return [stage for stage, digest in locked.items() if not digest_of(images.repository(stage), digest)]


def digest_of(name: str, tag: str) -> str:
    """Return the digest of the image `name` under a tag or digest; empty if there is no such image.

    Raises:
        UserError: `name` names no registry, or the registry refuses or does not answer.
    """
    host, _, path = name.partition("/")
    if not HOST.fullmatch(host) or not path:
        raise UserError(f"'{name}' names no registry: give one with its host, as --registry ghcr.io/somebody/simpgan")
    scheme = "http" if host.rpartition(":")[0] in ON_THIS_MACHINE or host in ON_THIS_MACHINE else "https"
    url = f"{scheme}://{host}/v2/{path}/manifests/{tag}"
    try:
        answer = requests.head(url, headers={"Accept": MANIFESTS}, timeout=SECONDS_TO_ANSWER)
        if answer.status_code == 401:
            authorization = authorize(host, answer.headers.get("WWW-Authenticate", ""))
            answer = requests.head(
                url, headers={"Accept": MANIFESTS, "Authorization": authorization}, timeout=SECONDS_TO_ANSWER
            )
        if answer.status_code == 404 and not speaks(f"{scheme}://{host}/v2/"):
            raise UserError(f"{host} answers, but not as an image registry does: correct its name")
    except requests.RequestException as error:
        raise UserError(f"the registry {host} does not answer ({type(error).__name__}): is its name right?") from None
    if answer.status_code in (401, 403):
        raise UserError(f"the registry {host} does not let us see {path}: docker login {host}")
    if answer.status_code == 404:
        return ""
    if answer.status_code != 200 or DIGEST_HEADER not in answer.headers:
        raise UserError(
            f"{host} answers {answer.status_code} for {path}, not as an image registry does: correct its name"
        )
    return answer.headers[DIGEST_HEADER]


def speaks(url: str) -> bool:
    """Tell whether `url` is the root of a registry's API: it lets us in there, or asks for credentials."""
    return requests.get(url, timeout=SECONDS_TO_ANSWER).status_code in (200, 401, 403)


def authorize(host: str, challenge: str) -> str:
    """Return the Authorization header that a registry asks for, with the credentials of `docker login` if any."""
    login = auth.load_config().resolve_authconfig(host)
    known = b64encode("{username}:{password}".format(**login).encode()).decode() if login else ""
    basic = f"Basic {known}" if known else ""
    if not challenge.lower().startswith("bearer"):
        return basic
    asked = dict(CHALLENGE.findall(challenge))
    headers = {"Authorization": basic} if basic else {}
    answer = requests.get(asked.pop("realm", ""), params=asked, headers=headers, timeout=SECONDS_TO_ANSWER)
    given = answer.json() if answer.ok else {}
    token = given.get("token") or given.get("access_token", "") if isinstance(given, dict) else ""
    return f"Bearer {token}"
