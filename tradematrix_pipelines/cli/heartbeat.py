"""Signs of life while something takes long: a spinner on a terminal, else a line every few seconds on stderr."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console

EVERY = 4.0
"""Seconds between two lines where standard error is no terminal."""


@contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Show until the block ends that ``what`` is under way."""
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status(f"{what} …"):
            yield
        return
    click.echo(f"{what} …", err=True)
    with repeated_lines(lambda seconds: f"{what} … {seconds} s"):
        yield


@contextmanager
def repeated_lines(line: Callable[[int], str]) -> Iterator[None]:
    """Print on standard error every few seconds, until the block ends, what ``line`` makes of the seconds passed."""
    done, since = threading.Event(), time.monotonic()

    def repeat() -> None:
        while not done.wait(EVERY):
            click.echo(line(round(time.monotonic() - since)), err=True)

    repeater = threading.Thread(target=repeat, name="heartbeat", daemon=True)
    repeater.start()
    try:
        yield
    finally:
        done.set()
        repeater.join()
