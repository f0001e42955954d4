"""Dagster's web UI, started with ``python -m tradematrix_pipelines.defs.internals.webserver -h 127.0.0.1 -p 3000 …``.

It answers only to its own names: it asks nobody for a password, so that a page in a browser on this machine could
otherwise start runs by pointing its own name here. Dagster has no setting for that: this wraps its application.
"""

import logging
import sys
from importlib import import_module
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tradematrix_pipelines.hosts import answers_to

_logger = logging.getLogger(__name__)


class OwnNames:
    """Refuses requests whose ``Host`` is not one of these names.

    Args:
        host: the address that is listened on.
    """

    def __init__(self, app: ASGIApp, *, host: str, names: tuple[str, ...]) -> None:
        self._app, self._host, self._names = app, host, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        if scope["type"] not in {"http", "websocket"} or answers_to(
            Headers(scope=scope).get("host", ""), host=self._host, names=self._names
        ):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            text = "this name is not the web UI's: add it to TRADEMATRIX_UI_HOSTS, if it should be"
            await PlainTextResponse(text, status_code=400)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})


def main() -> None:
    """Serve the web UI with this project's settings."""
    # Whatever loads the definitions imports this package too, and needs none of this.
    from tradematrix_pipelines.log_output import write_logs  # noqa: PLC0415
    from tradematrix_pipelines.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    write_logs(settings)
    cli: Any = import_module("dagster_webserver.cli")
    host, names = sys.argv[sys.argv.index("-h") + 1], settings.ui_hosts
    make = getattr(cli, "create_app_from_workspace_process_context", None)
    if make is None:
        _logger.warning("this Dagster's web UI can't be kept to its own names: put a proxy before it that is")
    else:

        def guarded(*terms: Any, **options: Any) -> Any:
            app = make(*terms, **options)
            app.add_middleware(OwnNames, host=host, names=names)
            return app

        cli.create_app_from_workspace_process_context = guarded
    cli.main()


if __name__ == "__main__":
    main()
