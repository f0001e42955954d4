"""The files that a browser loads: the board's page and the API's, all from the package."""

from pathlib import Path

from fastapi import FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_HERE = Path(__file__).parent
STATIC, API_PAGE = _HERE / "static", _HERE / "api_page"


class _Files(StaticFiles):
    """Files that a browser asks about each time, and loads again only where they have changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def serve_pages(app: FastAPI) -> None:
    """Let an application serve them."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    @app.get("/docs", include_in_schema=False)
    async def api_page() -> FileResponse:
        return FileResponse(API_PAGE / "index.html", headers={"Cache-Control": "no-cache"})

    app.mount("/static", _Files(directory=STATIC))
    app.mount("/docs-files", _Files(directory=API_PAGE))
