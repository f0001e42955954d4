"""The socket that the board listens on.

Here: opening it, apart from the server, which takes long to import. Not here: who may ask (``access``).
"""

import socket

from tradematrix_pipelines.errors import TradeMatrixError

_BACKLOG = 128


def listen(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """Return a socket that listens at an address.

    Args:
        option: what chooses another port.

    Raises:
        TradeMatrixError: it is taken, or not this machine's.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise TradeMatrixError(
            f"can't listen on {host}:{port} ({reason}): end what uses the port, or choose another with {option}"
        ) from error
    return listener


def port_of(listener: socket.socket) -> int:
    """Return the port that a socket listens on."""
    port: int = listener.getsockname()[1]
    return port
