"""What is known of one trade date of a symbol: one status, one verdict, one sentence. Pure.

Here: the worst over timeframes. Not here: reading coverage, or when it is fetched again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tradematrix_pipelines.board.shapes import DayStatus, Verdict
from tradematrix_pipelines.candles.coverage import Status, StoredCoverage
from tradematrix_pipelines.candles.coverage import Verdict as Believed
from tradematrix_pipelines.markets.sessions import Session

_BY_SEVERITY = (Status.CLOSED, Status.COMPLETE, Status.PARTIAL, Status.MISSING, Status.FAILED)
_NAMES: Mapping[Status, DayStatus] = {
    Status.CLOSED: "closed",
    Status.COMPLETE: "complete",
    Status.PARTIAL: "partial",
    Status.MISSING: "missing",
    Status.FAILED: "failed",
}
_FINE = frozenset({"complete", "closed", "open", "upcoming"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What is known of a day in one timeframe.

    Attributes:
        expected: bars that had closed when it was fetched last.
    """

    timeframe: str
    status: Status
    expected: int
    final: bool
    verdict: Believed | None
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DayState:
    """What is known of a day.

    Attributes:
        ok: whether nothing is to be done.
        reason: one sentence where it is not ok.
        timeframe: the one that is the worst; ``None`` where nothing is known.
    """

    status: DayStatus
    verdict: Verdict | None
    ok: bool
    reason: str | None
    timeframe: str | None


def seen(row: StoredCoverage) -> Seen:
    """Return what a stored row says."""
    coverage = row.coverage
    fine = coverage.ok and not coverage.is_doubtful
    return Seen(
        timeframe=str(coverage.timeframe),
        status=coverage.status,
        expected=coverage.expected,
        final=coverage.final,
        verdict=coverage.verdict,
        reason=None if fine else coverage.reason(),
    )


def day_state(session: Session | None, rows: Sequence[Seen], *, now: datetime, first: date | None) -> DayState:
    """Return the state of a day.

    Args:
        session: of the calendar; ``None`` where it has none.
        first: the first trade date of the symbol of which anything is known; nothing is amiss before it.
    """
    if session is None and all(row.status is Status.CLOSED for row in rows):
        return DayState(status="closed", verdict=None, ok=True, reason=None, timeframe=None)
    if session is not None and session.closes_at > now:
        # A series of which no bar has closed yet misses none.
        rows = [row for row in rows if row.final or row.expected or row.status is not Status.MISSING]
    if not rows:
        return _unknown(session, now, first)
    worst = max(rows, key=lambda row: (_BY_SEVERITY.index(row.status), not row.final, row.verdict is Believed.DOUBTFUL))
    status, reason = _status(worst, session, now)
    verdict = _verdict(rows)
    ok = status in _FINE and verdict in {None, "accepted"}
    if not ok and reason is None:
        reason = next((row.reason for row in rows if row.reason is not None), None)
    return DayState(status=status, verdict=verdict, ok=ok, reason=None if ok else reason, timeframe=worst.timeframe)


def _unknown(session: Session | None, now: datetime, first: date | None) -> DayState:
    if session is None or session.opens_at > now:
        status: DayStatus = "upcoming"
    elif session.closes_at > now:
        status = "open"
    else:
        before = first is None or session.trade_date < first
        reason = "nothing is stored so far back" if before else "never fetched"
        return DayState(status="unfetched", verdict=None, ok=before, reason=reason, timeframe=None)
    return DayState(status=status, verdict=None, ok=True, reason=None, timeframe=None)


def _status(worst: Seen, session: Session | None, now: datetime) -> tuple[DayStatus, str | None]:
    if worst.status is not Status.COMPLETE:
        return _NAMES[worst.status], worst.reason
    if worst.final:
        return "complete", worst.reason
    if session is not None and session.closes_at > now:
        return "open", worst.reason
    return "partial", "not fetched since it closed"


def _verdict(rows: Iterable[Seen]) -> Verdict | None:
    known = [row.verdict for row in rows if row.verdict is not None]
    worst = max(known, key=list(Believed).index, default=None)
    return None if worst is None else worst.value
