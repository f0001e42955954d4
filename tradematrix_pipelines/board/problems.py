"""Errors as ``application/problem+json``.

Here: from an error to its status and sentence. Not here: which error is raised when.
"""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tradematrix_pipelines.board.shapes import Problem
from tradematrix_pipelines.board.source import Unavailable
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.storage.symbols import UnknownSymbol

PROBLEM_JSON = "application/problem+json"
RETRY_SECONDS = 5

_TITLES = {
    400: "Bad request",
    401: "Token required",
    404: "Not found",
    405: "Read only",
    422: "Wrong parameter",
    500: "Error of the board",
    503: "Not available",
}
_logger = logging.getLogger(__name__)


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Return a response that says what is wrong."""
    body = Problem(title=_TITLES.get(status, "Refused"), status=status, detail=detail)
    return Response(body.model_dump_json(), status, headers, media_type=PROBLEM_JSON)


def unavailable(detail: str) -> Response:
    """Return the response while the database does not answer."""
    return problem(503, detail, {"Retry-After": str(RETRY_SECONDS)})


def answer_with_problems(app: FastAPI) -> None:
    """Let an application answer its errors so."""

    @app.exception_handler(Unavailable)
    async def no_database(request: Request, error: Exception) -> Response:
        _logger.warning("%s: %s", request.url.path, error)
        return unavailable(str(error))

    @app.exception_handler(UsageError)
    async def wrong(request: Request, error: Exception) -> Response:
        del request
        return problem(404 if isinstance(error, UnknownSymbol) else 422, str(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: Exception) -> Response:
        del request
        return problem(422, _first(error))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        hint = f"there is nothing at {request.url.path[:200]}: /docs lists what there is"
        headers = dict(error.headers) if error.headers else None
        return problem(error.status_code, hint if error.status_code == 404 else str(error.detail), headers)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        _logger.error("%s", request.url.path, exc_info=error)
        return problem(500, "an error that should not be: the board's log has it")


def _first(error: Exception) -> str:
    """Return what is wrong with the first parameter that is."""
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:])
    return f"{name}: {first['msg'][0].lower()}{first['msg'][1:]}"
