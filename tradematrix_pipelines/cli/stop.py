"""``tradematrix stop``: stops the ``up`` of this home."""

import os
import signal
from contextlib import suppress

import click

from tradematrix_pipelines.cli.one_up import read_up, wait_until_ended
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.settings import load_settings

_STOP_SECONDS = 90.0
"""What it started is killed at once; PostgreSQL takes time to write its memory to disk."""


@click.command()
def command() -> None:
    """Stop the `up` of this home, and wait until all its processes have ended."""
    home = load_settings().home
    up = read_up(home)
    if up is None:
        click.echo(f"nothing to stop: `up` doesn't run in {home}")
        return
    with suppress(ProcessLookupError):
        os.kill(up.pid, signal.SIGTERM)
    if not wait_until_ended(home, up, seconds=_STOP_SECONDS):
        raise TradeMatrixError(f"pid {up.pid} has not ended after {_STOP_SECONDS:.0f} s: see {home / 'logs'}")
    click.echo(f"stopped, pid {up.pid}")
