"""Who may search: whoever has the token; without a token only this machine."""

import hmac
import ipaddress
import os
from pathlib import Path

from fastapi import Request

from simpgan.components.core.errors import UserError
from simpgan.components.core.storage_errors import explained
from simpgan.components.search.serve.refusals import Refusal

VARIABLE = "SIMPGAN_TOKEN"
SHORTEST = 16
"""Characters of the shortest token that is accepted."""

HERE = ("localhost", "127.0.0.1", "::1")
"""Names of this machine in the addresses of its own browsers."""


class Access:
    """Checks that a request may be answered. It is a dependency of FastAPI.

    Args:
        token: the token; empty: every request to this machine by its own name may be answered.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    @property
    def needs_token(self) -> bool:
        """Tell whether a token is needed."""
        return bool(self._token)

    async def __call__(self, request: Request) -> None:
        """Check a request, before its body is read.

        Raises:
            Refusal: it has no token or a wrong one, or it comes from a page that pretends to be of this machine.
        """
        if not self._token:
            # A page from elsewhere whose name leads to 127.0.0.1 must not read the answers.
            if request.url.hostname not in HERE:
                raise Refusal(421, f"this service has no token and answers to {' and '.join(HERE[:2])} only")
            return
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Refusal(401, "send the token as the header 'Authorization: Bearer TOKEN'", ASK)
        if not hmac.compare_digest(given.strip().encode("latin-1"), self._token):
            raise Refusal(401, "the token is wrong", ASK)


ASK = {"WWW-Authenticate": "Bearer"}


def read_token(file: str) -> str:
    """Return the token in a file, else that of `SIMPGAN_TOKEN`, which is removed from the environment; empty: none.

    Raises:
        UserError: the file cannot be read, or the token is empty, too short or cannot be sent.
    """
    where, token = VARIABLE, os.environ.pop(VARIABLE, None)
    if file:
        with explained(file):
            where, token = file, Path(file).read_text(encoding="utf-8", errors="replace")
    if token is None:
        return ""
    token = token.strip()
    if len(token) < SHORTEST:
        raise UserError(f"the token in {where} is shorter than {SHORTEST} characters: openssl rand -hex 24 makes one")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise UserError(f"the token in {where} has characters that no header can hold: use letters and digits")
    return token


def refuse_open(host: str, token: str) -> None:
    """Raise UserError if the service would show pictures of people to everybody who reaches this machine."""
    if not token and not is_loopback(host):
        raise UserError(
            f"whoever reaches {host} could see the gallery: set {VARIABLE} or name a file with a token, "
            "or listen on 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
