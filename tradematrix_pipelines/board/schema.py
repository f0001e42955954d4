"""The OpenAPI document: what each address is for, and problems as they are sent."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tradematrix_pipelines.board.problems import PROBLEM_JSON
from tradematrix_pipelines.board.shapes import Problem

_COMMON = {
    400: "the `Host` is not the board's",
    401: "the token is absent, where one is required",
    422: "a parameter is wrong; `detail` says what is right",
    503: "the database does not answer; `Retry-After` says when to ask again",
}


def problems(*, named: bool = False) -> dict[int | str, dict[str, Any]]:
    """Return the problems that an address may answer with; ``named``: it is about one symbol."""
    texts = _COMMON | ({404: "there is no such symbol; `detail` says which may be meant"} if named else {})
    return {status: {"model": Problem, "description": text} for status, text in sorted(texts.items())}


def describe(app: FastAPI) -> None:
    """Let an application have such a document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            for path in document["paths"].values():
                for operation in path.values():
                    # One line each: FastAPI's own summaries repeat the address.
                    operation["summary"] = operation.pop("description").rstrip(".")
                    for response in operation["responses"].values():
                        _rename(response.get("content", {}))
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _rename(content: dict[str, Any]) -> None:
    body = content.get("application/json", {}).get("schema", {})
    if body.get("$ref") == "#/components/schemas/Problem":
        content[PROBLEM_JSON] = content.pop("application/json")
