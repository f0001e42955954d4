"""Whether a session's candles are complete. Reruns, checks and levels rely on it.

Here: the status and how it is determined. Not here: where it is stored (``storage.coverage``), or which bars are
candles (``screen``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradematrix_pipelines.candles.frame import instants
from tradematrix_pipelines.candles.placement import Indices, spans
from tradematrix_pipelines.markets.sessions import Instants, Session, to_instant
from tradematrix_pipelines.markets.timeframes import Timeframe

_MINUTE = np.timedelta64(1, "m")


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

    @property
    def ok(self) -> bool:
        """Whether nothing is missing: complete (so far, unless ``final``) or closed."""
        return self.status in {Status.COMPLETE, Status.CLOSED}

    @property
    def is_settled(self) -> bool:
        """Whether nothing is missing and nothing is to come: complete or closed, and final."""
        return self.ok and self.final

    @property
    def is_doubtful(self) -> bool:
        """Whether it is stored, and not believed."""
        return self.verdict is Verdict.DOUBTFUL

    def reason(self) -> str:
        """Return one line that explains to a person why the session is not complete, or not believed."""
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
    and final.
    """
    if stored is None or not stored.received or answer.status is Status.CLOSED:
        return True
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


def cover(
    opens: Instants,
    *,
    timeframe: Timeframe,
    session: Session,
    now: datetime,
    gap_tolerance: int | None,
    rejected: int = 0,
    outside: int = 0,
    source: str | None = None,
) -> Coverage:
    """Judge one session.

    With ``gap_tolerance=None`` it is complete when every bar that had closed at ``now`` is there. With a tolerance,
    an intraday timeframe is complete when it has a bar and no gap is longer, in minutes. The tolerance is the same for
    every timeframe, so a missing hour needs 60. A daily bar is there or not. Before the first bar has closed nothing
    is expected, and the session is ``missing`` and not final.

    Where the market may open late or close early, only the bars of the certain hours are required, and of the others
    those that are there are expected. A day on which it may be closed, and has no bar at its close, was closed.

    Args:
        opens: opens of the session's candles, ascending.
        now: aware.
    """
    end = to_instant(now)
    grid = session.bar_opens(timeframe)
    closes = _bar_closes(grid, session, timeframe)
    due = grid[closes <= end]
    final = now >= session.closes_at
    if session.may_be_closed and final and not len(opens):
        return replace(
            closed_day(session.trade_date, timeframe), opens_at=session.opens_at, closes_at=session.closes_at
        )
    expected = len(due)
    if session.may_open_at or session.may_close_at:
        required = _required(due, closes[: len(due)], session, timeframe)
        expected = int(np.count_nonzero(required | np.isin(due, opens)))
    gap = _longest_gap(opens, due, session, timeframe)
    complete = len(opens) == expected if gap_tolerance is None or timeframe is Timeframe.D1 else gap <= gap_tolerance
    return Coverage(
        timeframe=timeframe,
        trade_date=session.trade_date,
        status=Status.MISSING if not len(opens) else Status.COMPLETE if complete else Status.PARTIAL,
        final=final,
        expected=expected,
        received=len(opens),
        rejected=rejected,
        outside=outside,
        longest_gap=gap,
        source=source,
        opens_at=session.opens_at,
        closes_at=session.closes_at,
    )


def cover_many(
    ts: "pd.Series[pd.Timestamp]",
    *,
    timeframe: Timeframe,
    sessions: Sequence[Session],
    now: datetime,
    gap_tolerance: int | None,
    rejected: "pd.Series[pd.Timestamp] | None" = None,
    raw: "pd.Series[pd.Timestamp] | None" = None,
    source: str | None = None,
) -> list[Coverage]:
    """Judge many sessions as :func:`cover` judges one, and count the rejected rows and those outside.

    Args:
        ts: the ``ts`` column of the candles, ascending; those of other sessions don't count.
        sessions: ascending.
        rejected: the ``ts`` column of the rejected rows; those without a time are of no session.
        raw: the ``ts`` column of the vendor's rows: those in none of ``sessions`` are counted as ``outside`` with
            the session nearest to them.
    """
    where = spans(sessions)
    opens = instants(ts)
    begins, ends = np.searchsorted(opens, where.opens), np.searchsorted(opens, where.closes)
    count = len(sessions)
    rejections, strays = np.zeros(count, dtype=np.intp), np.zeros(count, dtype=np.intp)
    if rejected is not None:
        rejections = _tally(where.locate_raw(instants(rejected), timeframe), count)
    if raw is not None:
        times = instants(raw)
        strays = _tally(where.nearest(times[where.locate_raw(times, timeframe) < 0]), count)
    return [
        cover(
            opens[begins[i] : ends[i]],
            timeframe=timeframe,
            session=session,
            now=now,
            gap_tolerance=gap_tolerance,
            rejected=int(rejections[i]),
            outside=int(strays[i]),
            source=source,
        )
        for i, session in enumerate(sessions)
    ]


def _tally(index: Indices, count: int) -> npt.NDArray[np.intp]:
    return np.bincount(index[index >= 0], minlength=count)


def _bar_closes(opens: Instants, session: Session, timeframe: Timeframe) -> Instants:
    close = to_instant(session.closes_at)
    if timeframe.minutes is None:
        return np.full(len(opens), close)
    return np.minimum(opens + np.timedelta64(timeframe.minutes, "m"), close)


def _required(opens: Instants, closes: Instants, session: Session, timeframe: Timeframe) -> npt.NDArray[np.bool_]:
    """Return which bars of the grid have to be there: those that overlap the certain hours, if with a part only.

    The daily bar always has to.
    """
    if timeframe.minutes is None:
        return np.ones(len(opens), dtype=bool)
    required: npt.NDArray[np.bool_] = (closes > to_instant(session.required_from)) & (
        opens < to_instant(session.required_until)
    )
    return required


def _longest_gap(opens: Instants, grid: Instants, session: Session, timeframe: Timeframe) -> int:
    """Return the longest gap of the certain hours, in whole minutes, from the session's open to the end of ``grid``."""
    if not len(grid):
        return 0
    closes = _bar_closes(opens, session, timeframe)
    starts = np.concatenate([[to_instant(session.opens_at)], closes])
    ends = np.concatenate([opens, _bar_closes(grid[-1:], session, timeframe)])
    certain = to_instant(session.required_from), to_instant(session.required_until)
    starts, ends = np.clip(starts, *certain), np.clip(ends, *certain)
    gaps = ends - starts
    if session.break_starts_at is not None and session.break_ends_at is not None:
        pause = to_instant(session.break_starts_at), to_instant(session.break_ends_at)
        idle = np.minimum(ends, pause[1]) - np.maximum(starts, pause[0])
        gaps = gaps - np.maximum(idle, np.timedelta64(0, "us"))
    return max(0, int(gaps.max() // _MINUTE))
