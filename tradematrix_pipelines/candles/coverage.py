"""Whether a session's candles are complete. Reruns, checks and levels rely on it.

Here: the status, and which of two replaces the other. Not here: how it is determined (``covering``), where it is stored
(``storage.coverage``), or which bars are candles (``screen``). Nothing is imported that takes long.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from tradematrix_pipelines.markets.timeframes import Timeframe


class Status(StrEnum):
    """What is known of one session of one series."""

    COMPLETE = "complete"
    """All bars expected so far are there, as far as the symbol's gap tolerance requires."""
    PARTIAL = "partial"
    """Not all of the expected bars are there."""
    MISSING = "missing"
    """No bar is there."""
    CLOSED = "closed"
    """The market has no session on this day."""
    FAILED = "failed"
    """The bars could not be fetched; ``error`` says why."""


class Verdict(StrEnum):
    """Whether a session can be believed (``quality``)."""

    ACCEPTED = "accepted"
    DOUBTFUL = "doubtful"
    """It is stored, and no level follows from it."""
    REFUSED = "refused"
    """It can't be true, and is not stored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """What is known of one session of one series.

    Attributes:
        final: whether the session had closed, so that no more bars are due.
        expected: bars of the session that had closed.
        received: bars that are there.
        rejected: bars of the session that failed screening.
        outside: rows of the same answer that lie in no session.
        longest_gap: longest period of trading time without a bar, in minutes, up to the last bar expected.
        source: vendor that the bars came from.
        error: why the last attempt failed; of a session that is stored, why the attempt replaced nothing.
        retry_at: when asking again helps, where the failure says so (the reset of the day's credits); aware, UTC.
        transient: whether asking again within minutes may help, where the last attempt failed.
        opens_at: open of the session, aware, UTC; ``None`` on a closed day.
        closes_at: its close.
        verdict: whether the session can be believed; ``None`` = it was not judged, as is a session that is not complete
            and final.
        doubt: the most severe finding where it was not believed at once, in one line; of a session that is not complete
            what may be the cause.
        pruned_at: when its candles were deleted because they were old, aware, UTC; all else is what was known of them.
            ``None`` = they were not.
    """

    timeframe: Timeframe
    trade_date: date
    status: Status
    final: bool
    expected: int
    received: int
    rejected: int = 0
    outside: int = 0
    longest_gap: int = 0
    source: str | None = None
    error: str | None = None
    retry_at: datetime | None = None
    transient: bool = False
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    verdict: Verdict | None = None
    doubt: str | None = None
    pruned_at: datetime | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is missing: complete (so far, unless ``final``) or closed."""
        return self.status in {Status.COMPLETE, Status.CLOSED}

    @property
    def is_settled(self) -> bool:
        """Whether nothing is to be fetched by itself: complete or closed, and final; or pruned."""
        return self.is_pruned or (self.ok and self.final)

    @property
    def is_pruned(self) -> bool:
        """Whether it had candles, which were deleted because they were old."""
        return self.pruned_at is not None and self.status is not Status.CLOSED

    @property
    def is_doubtful(self) -> bool:
        """Whether it is stored, and not believed."""
        return self.verdict is Verdict.DOUBTFUL

    def reason(self) -> str:
        """Return one line that explains to a person why the session is not complete, not believed, or not there."""
        if self.is_pruned:
            return (
                f"pruned on {self.pruned_at:%Y-%m-%d}, it was {self.status} with {self.received:,} bars: "
                "`tradematrix backfill … --refresh` fetches them again"
            )
        if self.is_doubtful:
            return f"doubtful: {self.doubt}"
        if self.status is Status.CLOSED:
            return "the market is closed on this day"
        if self.status is Status.FAILED:
            return self.error or "the last attempt failed"
        if not self.expected and not self.received:
            return "nothing is expected yet: the session's first bar has not closed"
        details = [f"{self.received:,} of {self.expected:,} bars"]
        if self.longest_gap and self.received:
            details.append(f"longest gap {self.longest_gap:,} minute{'s' if self.longest_gap > 1 else ''}")
        if self.rejected:
            details.append(f"{self.rejected:,} rejected")
        last_attempt = f"; the last attempt brought nothing better: {self.error}" if self.error else ""
        doubt = f"; {self.doubt}" if self.doubt else ""
        return ", ".join(details) + ("" if self.final else " so far") + doubt + last_attempt


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredCoverage:
    """A coverage row: the coverage, and the attempts so far.

    Attributes:
        symbol: name of the symbol.
        attempts: attempts so far; of a session that has closed, since it closed.
        checked_at: when the last attempt was, aware, UTC.
    """

    symbol: str
    coverage: Coverage
    attempts: int
    checked_at: datetime


def closed_day(trade_date: date, timeframe: Timeframe) -> Coverage:
    """Return the coverage of a day without a session."""
    return Coverage(
        timeframe=timeframe, trade_date=trade_date, status=Status.CLOSED, final=True, expected=0, received=0
    )


def supersedes(answer: Coverage, stored: Coverage | None) -> bool:
    """Return whether an answer replaces what is stored of its session.

    A failure, or an answer without a bar, replaces no bars. The vendor that a session came from may always revise it.
    Another vendor's answer has to be better: complete and believed, or with more bars of a session that is not complete
    and final. A pruned session is replaced by nothing less than what it was, whoever sends it.
    """
    if stored is None or not stored.received or answer.status is Status.CLOSED:
        return True
    if stored.is_pruned:
        return answer.status is Status.COMPLETE or (not stored.ok and answer.received >= stored.received)
    if not answer.received:
        return False
    if answer.source == stored.source:
        return True
    if answer.status is Status.COMPLETE:
        return not (answer.is_doubtful and stored.is_settled)
    return not stored.is_settled and answer.received > stored.received


def kept_beside(stored: Coverage, attempt: Coverage) -> Coverage:
    """Return the coverage of a session after an attempt that replaced nothing: what is stored, and why it stays.

    A session that was complete so far and has closed since becomes partial: its later bars were never fetched.
    """
    less = "is doubtful" if attempt.is_doubtful else f"has less: {attempt.reason()}"
    error = attempt.error or f"{attempt.source} {less}"
    if stored.final and stored.status is Status.COMPLETE:
        return replace(stored, error=error, retry_at=None, transient=attempt.transient)
    closed_since = attempt.final and not stored.final
    return replace(
        stored,
        status=Status.PARTIAL if closed_since or stored.status is Status.FAILED else stored.status,
        final=stored.final or attempt.final,
        expected=max(stored.expected, attempt.expected),
        error=error,
        retry_at=attempt.retry_at,
        transient=attempt.transient,
    )
