"""One request's reading: in a thread, with a deadline.

A statement has a limit of its own. The deadline is for a server that does not even end it: its thread waits on, and no
more threads wait for the database than it has connections.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread

from tradematrix_pipelines.board.source import Source, Unavailable
from tradematrix_pipelines.storage.database import Database

T = TypeVar("T")
_GRACE = 1.0


async def read(source: Source, work: Callable[[Database], T]) -> T:
    """Return what ``work`` reads.

    Raises:
        UsageError: what was asked for is wrong.
        Unavailable: the database can't be read, or has not answered in time.
    """
    return await in_thread(source, lambda: source.read(work))


async def in_thread(source: Source, work: Callable[[], T]) -> T:
    """Return the result of ``work``, which reads from a source.

    Raises:
        Unavailable: it takes too long.
    """
    seconds = source.limits.statement_seconds + _GRACE
    try:
        async with asyncio.timeout(seconds):
            return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)
    except TimeoutError:
        raise Unavailable(f"the database has not answered within {seconds:.0f} s: ask again in a few seconds") from None
