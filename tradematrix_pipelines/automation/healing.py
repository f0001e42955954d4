"""Which sessions are asked for again by themselves, when, and which are given up until a person looks at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from tradematrix_pipelines.automation.closes import SETTLING
from tradematrix_pipelines.automation.pulls import CreditState
from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.markets.timeframes import Timeframe

MOST_ATTEMPTS = 8
"""Tries after a session's close before it is given up; a run's own retries count."""

SPARSE = 0.8
"""A session is sparse with less than this part of the bars that sessions of its symbol usually have."""

_MOST_AT_ONCE = 10
_COST = 5
"""Credits of a session at most: each timeframe asked for by itself."""

_SPARSE_ATTEMPTS = 2
_USUAL = 5
_FIRST_PAUSE = timedelta(minutes=5)
_QUICK_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Healing:
    """What is wrong with the sessions that have closed.

    Attributes:
        due: to be asked for again now, the newest first.
        sparse: those to be asked for again although they count as complete.
        exhausted: asked for often enough: a person has to look.
    """

    due: tuple[StoredCoverage, ...]
    sparse: tuple[StoredCoverage, ...]
    exhausted: tuple[StoredCoverage, ...]


def decide_healing(rows: Sequence[StoredCoverage], now: datetime, *, budget: int) -> Healing:
    """Return which of ``rows``, the coverage of the last weeks, are due.

    What waits for the reset of the day's credits is not: it goes on by itself.

    Args:
        budget: most sessions to ask for at once, whatever number of timeframes each lacks.
    """
    incomplete = [
        row for row in rows if is_incomplete(row, now) and row.coverage.retry_at is None and _asked_since_close(row)
    ]
    sparse = [row for row in find_sparse(rows, now) if row.attempts < _SPARSE_ATTEMPTS]
    due = [row for row in incomplete if row.attempts < MOST_ATTEMPTS]
    ready = sorted((row for row in [*due, *sparse] if _has_waited(row, now)), key=_newest_first)
    sessions = dict.fromkeys((row.symbol, row.coverage.trade_date) for row in ready)
    chosen = set(list(sessions)[: max(0, budget)])
    taken = [row for row in ready if (row.symbol, row.coverage.trade_date) in chosen]
    return Healing(
        due=tuple(row for row in taken if row not in sparse),
        sparse=tuple(row for row in taken if row in sparse),
        exhausted=tuple(row for row in incomplete if row.attempts >= MOST_ATTEMPTS),
    )


def healing_budget(spendable: CreditState) -> int:
    """Return how many sessions may be asked for at once: none of the last tenth of a day's credits goes into it."""
    per_day, left = spendable.plan.per_day, spendable.day_left
    if per_day is None or left is None:
        return _MOST_AT_ONCE
    return max(0, min(_MOST_AT_ONCE, (left - per_day // 10) // _COST))


def is_incomplete(row: StoredCoverage, now: datetime) -> bool:
    """Whether a session has closed, and is not stored complete."""
    closed = row.coverage.closes_at is not None and row.coverage.closes_at <= now
    return closed and not (row.coverage.ok and row.coverage.final)


def find_sparse(rows: Sequence[StoredCoverage], now: datetime) -> list[StoredCoverage]:
    """Return the complete sessions of minutes that have far fewer bars than is usual for their symbol.

    Only of symbols whose minutes may lack: the others are complete with every minute only.
    """
    minutes = [row for row in rows if row.coverage.timeframe is Timeframe.M1 and row.coverage.expected]
    by_symbol: dict[str, list[StoredCoverage]] = {}
    for row in minutes:
        if row.coverage.ok and row.coverage.final and not is_incomplete(row, now):
            by_symbol.setdefault(row.symbol, []).append(row)
    sparse = []
    for some in by_symbol.values():
        usual = median(_share(row) for row in some)
        if len(some) >= _USUAL:
            sparse += [row for row in some if _share(row) < SPARSE * usual]
    return sparse


def retry_pause(attempts: int) -> timedelta:
    """Return how long to wait after so many tries: 5 minutes at first, then four times as long after each."""
    times: int = 4 ** max(0, attempts - _QUICK_ATTEMPTS)
    return _FIRST_PAUSE * times


def next_try(row: StoredCoverage) -> datetime | None:
    """Return when a incomplete session is asked for again; ``None`` = it is given up."""
    return row.checked_at + retry_pause(row.attempts) if row.attempts < MOST_ATTEMPTS else None


def _has_waited(row: StoredCoverage, now: datetime) -> bool:
    # A try of the future was made by a clock that has been set back since: it says nothing of now.
    return row.checked_at > now or row.checked_at + retry_pause(row.attempts) <= now


def _asked_since_close(row: StoredCoverage) -> bool:
    return row.coverage.closes_at is not None and row.checked_at >= row.coverage.closes_at + SETTLING


def _share(row: StoredCoverage) -> float:
    return row.coverage.received / row.coverage.expected


def _newest_first(row: StoredCoverage) -> tuple[int, str]:
    return -row.coverage.trade_date.toordinal(), row.symbol
