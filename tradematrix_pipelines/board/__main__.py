"""The board as a process of ``up``: ``python -m tradematrix_pipelines.board --host 127.0.0.1 --descriptor 7``.

Here: what ``up`` starts, on a socket that it has opened. Not here: the command for people (``cli.board``).
"""

import argparse
import socket

from tradematrix_pipelines.board.server import serve
from tradematrix_pipelines.board.tokens import required_token
from tradematrix_pipelines.log_output import write_logs
from tradematrix_pipelines.settings import load_settings


def main() -> None:
    """Serve the board of this environment's installation until a signal."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--host", required=True)
    parser.add_argument("--descriptor", type=int, required=True)
    parser.add_argument("--dagster-url")
    options = parser.parse_args()
    settings = load_settings()
    write_logs(settings)
    serve(
        settings,
        host=options.host,
        listener=socket.socket(fileno=options.descriptor),
        token=required_token(settings, options.host),
        dagster_url=options.dagster_url,
    )


if __name__ == "__main__":
    main()
