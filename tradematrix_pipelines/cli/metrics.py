"""``tradematrix metrics``: serves what Prometheus scrapes, without the board."""

from contextlib import suppress

import click

from tradematrix_pipelines.settings import load_settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=9400, show_default=True, help="Port.")
def command(*, host: str, port: int) -> None:
    """Serve /metrics for Prometheus until Ctrl-C, without the board, which serves the same on its port.

    On another address than loopback a token is required, as for the board; the first line says where it lies.
    """
    # Imported here: a web server takes long to import.
    from tradematrix_pipelines.board.listening import listen  # noqa: PLC0415
    from tradematrix_pipelines.board.server import serve  # noqa: PLC0415
    from tradematrix_pipelines.board.tokens import required_token  # noqa: PLC0415
    from tradematrix_pipelines.cli.services import ui_url  # noqa: PLC0415

    settings = load_settings()
    token = required_token(settings, host)
    listener = listen(host, port)
    where = "" if token is None else f" - token of {token.where}"
    click.echo(f"metrics on {ui_url(host, port)}/metrics{where} - Ctrl-C stops")
    with suppress(KeyboardInterrupt):
        serve(settings, host=host, listener=listener, token=token, dagster_url=None, metrics_only=True)
