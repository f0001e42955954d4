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


class Reading:
    """What is being read from a source. Its methods are called in one event loop."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._seconds = source.limits.statement_seconds + _GRACE
        self._deadlines: set[asyncio.Timeout] = set()

    async def read(self, work: Callable[[Database], T]) -> T:
        """Return what ``work`` reads.

        Raises:
            UsageError: what was asked for is wrong.
            Unavailable: the database can't be read, or has not answered in time.
        """
        return await self.in_thread(lambda: self.source.read(work))

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Return the result of ``work``, which reads from the source.

        Raises:
            Unavailable: it takes too long.
        """
        deadline = asyncio.timeout(self._seconds)
        try:
            async with deadline:
                self._deadlines.add(deadline)
                return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)
        except TimeoutError:
            raise Unavailable(f"there was no answer within {self._seconds:.0f} s: ask again in a few seconds") from None
        finally:
            self._deadlines.discard(deadline)

    def end(self) -> None:
        """Let no request wait any longer."""
        for deadline in self._deadlines:
            deadline.reschedule(asyncio.get_running_loop().time())
