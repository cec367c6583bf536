"""The addresses of the service."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse, Response

from simpgan.components.core.results.pages import environment
from simpgan.components.search.serve.access import Access
from simpgan.components.search.serve.answers import Failure, Health
from simpgan.components.search.serve.failures import handle_failures
from simpgan.components.search.serve.galleries import LoadedGallery
from simpgan.components.search.serve.service import LARGEST_TOP, TOP, Service
from simpgan.components.search.serve.uploads import IMAGE

POLICY = (
    "default-src 'none'; connect-src 'self'; img-src blob: data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may do: no other server is asked for anything."""

FIELDS: dict[str, dict[str, Any]] = {
    "camera": {"type": "string", "description": "Camera of the image."},
    "top": {"type": "integer", "minimum": 1, "maximum": LARGEST_TOP, "default": TOP},
}
BODY = {"schema": {"type": "string", "format": "binary"}}
FORM = {"type": "object", "required": [IMAGE], "properties": {IMAGE: BODY["schema"], **FIELDS}}
SEARCH = {
    "parameters": [{"name": name, "in": "query", "required": False, "schema": of} for name, of in FIELDS.items()],
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": FORM}, "image/jpeg": BODY, "image/png": BODY},
    },
}
"""The request of a search in OpenAPI. FastAPI cannot derive it, since the body is read within limits."""


def create_app(
    service: Service,
    access: Access,
    ready: Callable[[LoadedGallery], None],
    failed: Callable[[BaseException], None],
) -> FastAPI:
    """Return the service as an ASGI application.

    Args:
        service: what answers.
        access: who may search.
        ready: called when the first gallery is loaded.
        failed: called with what keeps the service from going on.
    """

    def lifespan(_: FastAPI) -> AbstractAsyncContextManager[None]:
        return service.running(ready, failed)

    # The pages that FastAPI makes of its description load scripts from elsewhere.
    app = FastAPI(title="SimPGAN search", lifespan=lifespan, docs_url=None, redoc_url=None)
    handle_failures(app)
    failures: dict[int | str, dict[str, Any]] = {status: {"model": Failure} for status in (400, 401, 408, 413, 503)}
    checked: dict[str, Any] = {"dependencies": [Depends(access)]}
    raw: dict[str, Any] = {"response_class": Response, **checked}
    app.post("/search", responses=failures, openapi_extra=SEARCH, **checked)(service.search)
    app.get("/crops/{digest}/{row}", **raw)(service.crop)
    app.get("/about", **checked)(service.about)
    app.get("/metrics", **raw)(service.figures)
    app.get("/health", responses={503: {"model": Health}})(service.health)
    page = (
        environment("simpgan.components.search.serve", autoescape=True)
        .get_template("service.html.j2")
        .render(needs_token=access.needs_token, top=TOP, largest_top=LARGEST_TOP)
    )

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def try_it() -> HTMLResponse:
        """Return the page. It holds nothing that needs a token."""
        headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
        return HTMLResponse(page, headers={**headers, "Referrer-Policy": "no-referrer"})

    return app
