"""The sessions of one series that is read: what the calendar expects, and what is known of each.

Here: which sessions are not complete, and the columns that a candle has from its session. Not here: reading coverage
(``storage.coverage``), or the candles.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tradematrix_pipelines.candles.coverage import Coverage, Status, Verdict
from tradematrix_pipelines.candles.placement import Indices
from tradematrix_pipelines.errors import IncompleteSession
from tradematrix_pipelines.markets.sessions import Instants, Session, to_instant
from tradematrix_pipelines.reader.formats import CATEGORY

VERDICTS = [str(verdict) for verdict in Verdict]
_NOWHERE = -1
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownSession:
    """One session, with what is known of it; ``source`` and ``verdict`` are null where they are not.

    Attributes:
        status: ``None`` where it was never fetched.
        reason: why it is not complete.
        pruned: whether its candles were deleted because they were old.
        current_at: until when its candles are known, where it was open; ``None`` = to its close.
    """

    trade_date: date
    opens_at: datetime
    closes_at: datetime
    status: Status | None = None
    source: str | None = None
    verdict: str | None = None
    reason: str = "never fetched"
    current_at: datetime | None = None
    pruned: bool = False

    def is_incomplete(self, now: datetime) -> bool:
        """Whether it has begun and not all candles are there that there could be."""
        if self.opens_at > now:
            return False
        ended = self.current_at is not None and self.closes_at <= now
        return self.status is not Status.COMPLETE or ended or self.pruned


def known_sessions(calendar: Sequence[Session], rows: Mapping[date, tuple[Coverage, datetime]]) -> list[KnownSession]:
    """Return the sessions of a calendar and those that were stored under other hours, ascending.

    Args:
        rows: coverage, and when it was checked, by trade date.
    """
    sessions = {
        session.trade_date: KnownSession(
            trade_date=session.trade_date, opens_at=session.opens_at, closes_at=session.closes_at
        )
        for session in calendar
    }
    for day, (row, checked_at) in rows.items():
        if row.status is Status.CLOSED:
            sessions.pop(day, None)
        elif row.opens_at is not None and row.closes_at is not None:
            sessions[day] = KnownSession(
                trade_date=day,
                opens_at=row.opens_at,
                closes_at=row.closes_at,
                status=row.status,
                source=row.source,
                verdict=None if row.verdict is None else str(row.verdict),
                reason=row.reason() if row.is_pruned else f"{row.status}: {row.reason()}",
                current_at=None if row.final else checked_at,
                pruned=row.is_pruned,
            )
    return [sessions[day] for day in sorted(sessions)]


def incomplete(
    sessions: Iterable[KnownSession], *, symbol: str, timeframe: str, now: datetime
) -> list[IncompleteSession]:
    """Return those of ``sessions`` that have begun and are not complete (so far, where they are open)."""
    return [
        IncompleteSession(symbol=symbol, timeframe=timeframe, trade_date=session.trade_date, reason=session.reason)
        for session in sessions
        if session.is_incomplete(now)
    ]


def weeks_of(sessions: Sequence[KnownSession]) -> list[KnownSession]:
    """Return ISO weeks as one session each, named by their first trade date.

    The source is that of all their sessions, else null; the verdict is the most severe one.
    """
    weeks: dict[tuple[int, int], list[KnownSession]] = {}
    for session in sessions:
        weeks.setdefault(session.trade_date.isocalendar()[:2], []).append(session)
    return [_joined(week) for week in weeks.values()]


def _joined(week: Sequence[KnownSession]) -> KnownSession:
    sources = {session.source for session in week}
    verdicts = [session.verdict for session in week if session.verdict is not None]
    open_ones = [session.current_at for session in week if session.current_at is not None]
    return replace(
        week[0],
        closes_at=week[-1].closes_at,
        source=sources.pop() if len(sources) == 1 else None,
        verdict=max(verdicts, key=VERDICTS.index) if len(verdicts) == len(week) else None,
        current_at=min(open_ones, default=None),
    )


def closed_until(sessions: Sequence[KnownSession], now: datetime) -> datetime:
    """Return until when the stored candles are known: a bar that is made of them has closed by then."""
    running = [session.current_at for session in sessions if session.current_at and session.closes_at > now]
    return min([now, *running])


def locate(ts: Instants, sessions: Sequence[KnownSession]) -> Indices:
    """Return the session of each candle, by its open (ascending); -1 where there is none."""
    index = np.full(len(ts), _NOWHERE, dtype=np.intp)
    opens = np.array([to_instant(session.opens_at) for session in sessions], dtype="datetime64[us]")
    closes = np.array([to_instant(session.closes_at) for session in sessions], dtype="datetime64[us]")
    for position, (first, last) in enumerate(zip(ts.searchsorted(opens), ts.searchsorted(closes), strict=True)):
        index[first:last] = position
    return index


def session_columns(
    index: Indices, sessions: Sequence[KnownSession], sources: Sequence[str]
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Return the columns ``trade_date``, ``source`` and ``verdict`` of candles in these sessions.

    Args:
        sources: all that occur, of all series that are read.
    """
    days = np.array([(session.trade_date - _EPOCH).days for session in sessions], dtype=np.int32)
    return (
        pa.array(_taken(days, index), mask=index == _NOWHERE).cast(pa.date32()),
        _category([session.source for session in sessions], index, sources),
        _category([session.verdict for session in sessions], index, VERDICTS),
    )


def constant(value: str, count: int, values: Sequence[str]) -> pa.Array:
    """Return a column that has one of ``values`` in each row."""
    codes = pa.array(np.full(count, values.index(value), dtype=np.int32))
    return pa.DictionaryArray.from_arrays(codes, pa.array(values, pa.string())).cast(CATEGORY)


def _category(texts: Sequence[str | None], index: Indices, values: Sequence[str]) -> pa.Array:
    codes = np.array([_NOWHERE if text is None else values.index(text) for text in texts], dtype=np.int32)
    rows = _taken(codes, index)
    rows[index == _NOWHERE] = _NOWHERE
    indices = pa.array(rows, mask=rows == _NOWHERE)
    return pa.DictionaryArray.from_arrays(indices, pa.array(values, pa.string())).cast(CATEGORY)


def _taken(values: npt.NDArray[np.int32], index: Indices) -> npt.NDArray[np.int32]:
    return values[index] if len(values) else np.zeros(len(index), dtype=np.int32)
