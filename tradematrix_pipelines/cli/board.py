"""``tradematrix board``: serves the board alone, beside an ``up`` elsewhere or without one."""

from contextlib import suppress

import click

from tradematrix_pipelines.cli.one_up import read_up
from tradematrix_pipelines.settings import load_settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=3001, show_default=True, help="Port.")
def command(*, host: str, port: int) -> None:
    """Serve what is stored until Ctrl-C: a page at /, JSON under /api/v1, and its description at /docs.

    It only reads. On another address than loopback a token is required; the first line says where it lies.
    """
    # Imported here: a web server takes long to import.
    from tradematrix_pipelines.board.listening import listen  # noqa: PLC0415
    from tradematrix_pipelines.board.server import serve  # noqa: PLC0415
    from tradematrix_pipelines.board.tokens import required_token  # noqa: PLC0415
    from tradematrix_pipelines.cli.services import board_line  # noqa: PLC0415

    settings = load_settings()
    up = read_up(settings.home)
    token = required_token(settings, host)
    listener = listen(host, port)
    click.echo(f"{board_line(settings, host, port)} - Ctrl-C stops")
    with suppress(KeyboardInterrupt):
        serve(settings, host=host, listener=listener, token=token, dagster_url=None if up is None else up.url)
