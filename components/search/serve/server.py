"""Run the service until Ctrl-C or SIGTERM."""

import os
import socket

import uvicorn

from simpgan.components.core.errors import UserError
from simpgan.components.core.process.interrupts import sigterm_raises
from simpgan.components.search.serve.access import Access, read_token, refuse_open
from simpgan.components.search.serve.app import create_app
from simpgan.components.search.serve.galleries import Galleries, LoadedGallery
from simpgan.components.search.serve.service import Service
from simpgan.components.search.settings import ServeSettings

SECONDS_TO_END = 20
"""Time that searches have to end after SIGTERM. Kubernetes gives 30 seconds in all."""


def run(settings: ServeSettings) -> None:
    """Serve until Ctrl-C or SIGTERM. Searches that have come by then are answered.

    Raises:
        UserError: the model or the gallery cannot be loaded, the address cannot be used, or it needs a token.
        KeyboardInterrupt: after Ctrl-C.
        Terminated: after SIGTERM.
    """
    with sigterm_raises():
        token = read_token(settings.token_file)
        refuse_open(settings.host, token)
        galleries = Galleries(settings)
        with listen(settings.host, settings.port) as listening:
            serve(galleries, Access(token), listening)


def serve(galleries: Galleries, access: Access, listening: socket.socket) -> None:
    """Serve on a socket that listens, until Ctrl-C or SIGTERM.

    Raises:
        UserError: the first gallery cannot be loaded.
    """
    failures: list[BaseException] = []

    def failed(failure: BaseException) -> None:
        failures.append(failure)
        server.should_exit = True

    server = AnnouncedServer(
        uvicorn.Config(
            create_app(Service(galleries), access, say_ready, failed),
            log_config=None,
            access_log=False,  # a line for every request
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=SECONDS_TO_END,
        )
    )
    server.run(sockets=[listening])
    if failures:
        raise failures[0]


class AnnouncedServer(uvicorn.Server):
    """A server that prints its address once it answers. From then on SIGTERM ends it in order."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer on the sockets, and print their addresses."""
        await super().startup(sockets)
        for listening in sockets or []:
            host, port = listening.getsockname()[:2]
            print(f"http://{f'[{host}]' if ':' in host else host}:{port}  (Ctrl-C ends it)", flush=True)


def say_ready(gallery: LoadedGallery) -> None:
    """Say that searches are answered."""
    searcher = gallery.searcher
    print(f"Ready: {len(gallery):,} images of {searcher.gallery.dataset}, {searcher.threshold}", flush=True)
    if gallery.index:
        found = gallery.index.description
        print(f"The index finds {found.used.recall:.1%} of the nearest images, up to {found.top}.", flush=True)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        UserError: there is no such address, or it is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise UserError(f"{host}, port {port}, cannot be listened on ({reason}): choose another") from None
