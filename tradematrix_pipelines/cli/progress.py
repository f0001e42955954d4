"""Progress bars on standard error: of a backfill, read from the coverage table during a run, and of counted steps."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tradematrix_pipelines.cli.heartbeat import repeated_lines
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.coverage import count_checked
from tradematrix_pipelines.storage.database import Database

_POLL_SECONDS = 0.5


@contextmanager
def watch(
    database: Database,
    symbols: Sequence[Symbol],
    *,
    total: int,
    since: datetime,
    label: str,
    lines: bool = False,
) -> Iterator[Progress]:
    """Show a bar on standard error that counts the sessions checked since ``since``, until the block ends.

    Args:
        lines: whether, where standard error is no terminal, a line is printed every few seconds instead of nothing.
    """
    done = threading.Event()
    # On a clock that stands still, what was checked earlier was checked at ``since``, too.
    before = count_checked(database.engine, symbols, since=since)
    with _bar() as progress, _lines(progress, label) if lines else nullcontext():
        task = progress.add_task(label, total=total)

        def follow() -> None:
            while not done.wait(_POLL_SECONDS):
                progress.update(task, completed=count_checked(database.engine, symbols, since=since) - before)

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


@contextmanager
def _lines(progress: Progress, label: str) -> Iterator[None]:
    if progress.console.is_terminal:
        yield
        return

    def line(seconds: int) -> str:
        done = sum(task.completed for task in progress.tasks)
        return f"{label}: {done:.0f} of {sum(task.total or 0 for task in progress.tasks):.0f} sessions, {seconds} s"

    with repeated_lines(line):
        yield


def _bar() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
