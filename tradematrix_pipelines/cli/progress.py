"""Progress bars on standard error: of a backfill, read from the coverage table during a run, and of counted steps."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.coverage import count_checked
from tradematrix_pipelines.storage.database import Database

_POLL_SECONDS = 0.5


@contextmanager
def watch(
    database: Database, symbols: Sequence[Symbol], *, total: int, since: datetime, label: str
) -> Iterator[Progress]:
    """Show a bar on standard error that counts the sessions checked since ``since``, until the block ends."""
    done = threading.Event()
    with _bar() as progress:
        task = progress.add_task(label, total=total)

        def follow() -> None:
            while not done.wait(_POLL_SECONDS):
                progress.update(task, completed=count_checked(database.engine, symbols, since=since))

        follower = threading.Thread(target=follow, name="progress", daemon=True)
        follower.start()
        try:
            yield progress
        finally:
            done.set()
            follower.join()


@contextmanager
def count_steps(total: int, label: str) -> Iterator[Callable[[], None]]:
    """Show a bar on standard error until the block ends; what is yielded counts one step."""
    with _bar() as progress:
        task = progress.add_task(label, total=total)
        yield lambda: progress.advance(task)


def _bar() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
