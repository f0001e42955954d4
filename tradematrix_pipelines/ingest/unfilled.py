"""The sessions of a series that no vendor has served so far, and what each vendor asked had to say to them.

Here: keeping account, and the verdict in the end. Not here: who is asked (``failover``).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.ingest.series import Chunk
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.vendors.errors import DayLimit, Unavailable, VendorError, VendorFault


@dataclass(slots=True)
class Unfilled:
    """What is left to serve of one series.

    Attributes:
        sessions: not served; ascending after :meth:`sort`.
        errors: by session: which vendors failed, in the order in which they were asked, and why.
        empty: answers of the preferred vendor without a bar: the verdict, where nobody else has one.
    """

    sessions: list[Session]
    errors: dict[Session, list[tuple[str, VendorError]]] = field(default_factory=lambda: defaultdict(list))
    empty: list[Chunk] = field(default_factory=list)

    def add_failed(self, vendor: str, sessions: Sequence[Session], error: VendorError) -> None:
        """Take back sessions that ``vendor`` failed to serve."""
        for session in sessions:
            self.errors[session].append((vendor, error))
        self.sessions += sessions

    def add_empty(self, chunk: Chunk, *, preferred: bool) -> None:
        """Take back the sessions of an answer without a bar."""
        if preferred:
            self.empty.append(chunk)
            self.sessions += chunk.sessions
        else:
            error = Unavailable(f"{chunk.source} has no bar of the session")
            self.add_failed(chunk.source, chunk.sessions, error)

    def sort(self) -> None:
        """Put the sessions into order."""
        self.sessions.sort(key=lambda session: session.opens_at)

    def reason(self, session: Session) -> str:
        """Return why the last vendor asked did not serve ``session``."""
        told = self.errors[session]
        return str(told[-1][1]) if told else "there was no bar of the session"

    def verdict(self) -> Iterator[Chunk]:
        """Yield what is to be said of the sessions that nobody served."""
        left = set(self.sessions)
        for chunk in self.empty:
            sessions = tuple(session for session in chunk.sessions if session in left)
            left.difference_update(sessions)
            if sessions:
                yield replace(chunk, sessions=sessions)
        failed = [session for session in self.sessions if session in left]
        # One chunk for all that failed for the same reasons: a year before history begins is one thing to say.
        for _, some in groupby(failed, key=lambda session: [str(error) for name, error in self.errors[session]]):
            sessions = tuple(some)
            yield _failed(sessions, self.errors[sessions[0]])


def _failed(sessions: tuple[Session, ...], errors: Sequence[tuple[str, VendorError]]) -> Chunk:
    """Return the chunk of sessions that no vendor served: the only error, or all of them told as one."""
    (name, error), *more = errors
    chunk = Chunk(sessions=sessions, raw=empty_candles(), source=name, error=error)
    if not more:
        return chunk
    limits = [each for _, each in errors if isinstance(each, DayLimit)]
    told = "; ".join(f"{each_name}: {each}" for each_name, each in errors)
    if limits:
        return replace(chunk, error=DayLimit(told, resumes_at=limits[0].resumes_at))
    passing = any(each.retryable for _, each in errors)
    return replace(chunk, error=VendorFault(told) if passing else type(error)(told))
