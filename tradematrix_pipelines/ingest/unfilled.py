"""The sessions of a series that no vendor has served so far, and why each vendor asked failed to serve them.

Here: keeping account, and the final outcome. Not here: which vendor is asked (``failover``).
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
    """The sessions left to serve of one series.

    Attributes:
        sessions: not served; ascending after :meth:`sort`.
        errors: by session: which vendors failed, in the order in which they were asked, and why.
        empty: answers of the preferred vendor without a bar: the outcome, where no other vendor has one.
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
        errors = self.errors[session]
        return str(errors[-1][1]) if errors else "there was no bar of the session"

    def verdict(self) -> Iterator[Chunk]:
        """Yield the chunks of the sessions that no vendor served."""
        left = set(self.sessions)
        for chunk in self.empty:
            sessions = tuple(session for session in chunk.sessions if session in left)
            left.difference_update(sessions)
            if sessions:
                yield replace(chunk, sessions=sessions)
        failed = [session for session in self.sessions if session in left]
        # One chunk for all sessions that failed for the same reasons, e.g. a year before history begins.
        for _, group in groupby(failed, key=lambda session: [str(error) for name, error in self.errors[session]]):
            sessions = tuple(group)
            yield _failed(sessions, self.errors[sessions[0]])


def _failed(sessions: tuple[Session, ...], errors: Sequence[tuple[str, VendorError]]) -> Chunk:
    """Return the chunk of sessions that no vendor served: with the only error, or all of them in one."""
    (name, error), *more = errors
    chunk = Chunk(sessions=sessions, raw=empty_candles(), source=name, error=error)
    if not more:
        return chunk
    limits = [failure for _, failure in errors if isinstance(failure, DayLimit)]
    detail = "; ".join(f"{vendor}: {failure}" for vendor, failure in errors)
    if limits:
        return replace(chunk, error=DayLimit(detail, resumes_at=limits[0].resumes_at))
    transient = any(failure.retryable for _, failure in errors)
    return replace(chunk, error=VendorFault(detail) if transient else type(error)(detail))
