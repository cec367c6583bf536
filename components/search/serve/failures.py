"""Answers to requests that are refused or fail: JSON with one sentence."""

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from simpgan.components.core.errors import UserError
from simpgan.components.search.serve.answers import Failure
from simpgan.components.search.serve.refusals import Refusal

logger = logging.getLogger(__name__)


def handle_failures(app: FastAPI) -> None:
    """Make every refusal and failure of the service an answer with one sentence."""

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> JSONResponse:
        return answer(refusal.status, str(refusal), refusal.headers)

    @app.exception_handler(HTTPException)
    async def no_such_address(request: Request, failure: HTTPException) -> JSONResponse:
        return answer(failure.status_code, f"{request.method} {request.url.path}: {failure.detail}", failure.headers)

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=400)  # which nobody reads

    @app.exception_handler(UserError)
    async def not_served(_: Request, error: UserError) -> JSONResponse:
        logger.error(str(error))  # the service's, not the client's
        return answer(500, str(error))

    @app.exception_handler(Exception)
    async def broken(_: Request, __: Exception) -> JSONResponse:
        return answer(500, "the service has failed: its log says why")


def answer(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return an answer with one sentence, in one line whatever the request was."""
    return JSONResponse(Failure(error=" ".join(sentence.split())).model_dump(), status, headers)
