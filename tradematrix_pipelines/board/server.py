"""The board as a running server: in the foreground until a signal, or in a thread of this process.

Here: sockets and stopping. Not here: what is answered (``app``).
"""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tradematrix_pipelines.board.access import Access
from tradematrix_pipelines.board.app import Board, make_app
from tradematrix_pipelines.board.listening import listen, port_of
from tradematrix_pipelines.board.tokens import Token
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.settings import Settings

_STOP_SECONDS = 3
_START_SECONDS = 10.0
_IDLE_SECONDS = 30


class BoardServer(uvicorn.Server):
    """A server that ends what its connections wait for before it waits for them."""

    def __init__(self, board: Board) -> None:
        self._board = board
        super().__init__(
            uvicorn.Config(
                board.asgi,
                lifespan="on",
                ws="none",
                log_config=None,
                access_log=False,  # an address may have a token in it
                server_header=False,
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=_STOP_SECONDS,
                proxy_headers=False,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._board.end()
        await super().shutdown(sockets)


def serve(
    settings: Settings,
    *,
    host: str,
    listener: socket.socket,
    token: Token | None,
    dagster_url: str | None,
    metrics_only: bool = False,
) -> None:
    """Serve the board, or its metrics alone, until SIGINT or SIGTERM. Call it from the main thread."""
    access = Access(host=host, names=settings.board_hosts, token=None if token is None else token.value)
    try:
        board = make_app(settings, access=access, dagster_url=dagster_url, metrics_only=metrics_only)
        BoardServer(board).run([listener])
    finally:
        _leave_waiting_threads()


def _leave_waiting_threads() -> None:
    """End this process at once where threads wait for a database that does not answer: Python would wait for them."""
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        sys.stdout.flush()
        os._exit(0)


@contextmanager
def running(board: Board) -> Iterator[str]:
    """Serve a board on a free port of loopback while the block lasts, and yield its address."""
    server, listener = BoardServer(board), listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([listener],), name="board", daemon=True)
    thread.start()
    try:
        pause = threading.Event()
        for _ in range(int(_START_SECONDS * 100)):
            if server.started:
                break
            pause.wait(0.01)
        else:
            raise TradeMatrixError(f"the board did not start within {_START_SECONDS:.0f} seconds: try again")
        yield f"http://127.0.0.1:{port_of(listener)}"
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)
        listener.close()
