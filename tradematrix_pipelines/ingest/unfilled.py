"""The sessions of a series that no vendor has served so far, and why each vendor asked failed to serve them.

Here: keeping account, and the final outcome. Not here: which vendor is asked (``failover``).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from tradematrix_pipelines.ingest.series import Fetched
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.vendors.errors import DayLimit, RefusedSession, Unavailable, VendorError, VendorFault
from tradematrix_pipelines.vendors.protocol import CandleAnswer


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
    empty: list[tuple[tuple[Session, ...], CandleAnswer]] = field(default_factory=list)

    def add_failed(self, vendor: str, sessions: Sequence[Session], error: VendorError) -> None:
        """Take back sessions that ``vendor`` failed to serve."""
        for session in sessions:
            self.errors[session].append((vendor, error))
        self.sessions += sessions

    def add_empty(self, sessions: tuple[Session, ...], answer: CandleAnswer, *, preferred: bool) -> None:
        """Take back sessions of which an answer has no bar."""
        if preferred:
            self.empty.append((sessions, answer))
            self.sessions += sessions
        else:
            error = Unavailable(f"{answer.source} has no bar of the session")
            self.add_failed(answer.source, sessions, error)

    def sort(self) -> None:
        """Put the sessions into order."""
        self.sessions.sort(key=lambda session: session.opens_at)

    def reason(self, session: Session) -> str:
        """Return why the last vendor asked did not serve ``session``."""
        errors = self.errors[session]
        return str(errors[-1][1]) if errors else "there was no bar of the session"

    def verdict(self) -> Iterator[Fetched]:
        """Yield the sessions that no vendor served, with an answer without a bar of them, or why there is none."""
        left = set(self.sessions)
        for asked, answer in self.empty:
            sessions = tuple(session for session in asked if session in left)
            left.difference_update(sessions)
            if sessions:
                yield sessions, answer
        failed = [session for session in self.sessions if session in left]
        # One error for all sessions that failed for the same reasons, e.g. a year before history begins.
        for _, group in groupby(failed, key=lambda session: [str(error) for name, error in self.errors[session]]):
            sessions = tuple(group)
            yield sessions, _joint_error(self.errors[sessions[0]])


def _joint_error(errors: Sequence[tuple[str, VendorError]]) -> VendorError:
    """Return why no vendor served a session: the only error, or all of them in one."""
    (_, error), *more = errors
    if not more:
        return error
    limits = [failure for _, failure in errors if isinstance(failure, DayLimit)]
    detail = "; ".join(f"{vendor}: {failure}" for vendor, failure in errors)
    if limits:
        return DayLimit(detail, resumes_at=limits[0].resumes_at)
    if any(isinstance(failure, RefusedSession) for _, failure in errors):
        return RefusedSession(detail)
    transient = any(failure.retryable for _, failure in errors)
    return VendorFault(detail) if transient else type(error)(detail)
