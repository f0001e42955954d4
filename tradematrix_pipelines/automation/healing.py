"""Which incomplete sessions are fetched again, when, and which are exhausted: no more attempts by themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from tradematrix_pipelines.automation.closes import SETTLING
from tradematrix_pipelines.automation.pulls import CreditState
from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.markets.timeframes import Timeframe

MOST_ATTEMPTS = 8
"""Attempts after a session's close before it is exhausted; a run's own retries count."""

SPARSE = 0.8
"""A session with less than this part of its symbol's usual number of bars is sparse."""

_MOST_AT_ONCE = 10
_COST = 5
"""Most credits of a session: each timeframe in a call of its own."""

_SPARSE_ATTEMPTS = 2
_USUAL = 5
_FIRST_PAUSE = timedelta(minutes=5)
_QUICK_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Healing:
    """The closed sessions that need healing.

    Attributes:
        due: to be fetched again now, newest first.
        sparse: complete but sparse, to be fetched again now, newest first.
        exhausted: no more attempts by themselves: a person has to look.
    """

    due: tuple[StoredCoverage, ...]
    sparse: tuple[StoredCoverage, ...]
    exhausted: tuple[StoredCoverage, ...]


def decide_healing(rows: Sequence[StoredCoverage], now: datetime, *, budget: int) -> Healing:
    """Return which of ``rows``, the coverage of the last weeks, are due.

    Sessions that wait for the reset of the day's credits are not: they are retried then.

    Args:
        budget: most sessions to fetch at once, however many timeframes of them are incomplete.
    """
    incomplete = [
        row for row in rows if is_incomplete(row, now) and row.coverage.retry_at is None and _checked_since_close(row)
    ]
    sparse = [row for row in find_sparse(rows, now) if row.attempts < _SPARSE_ATTEMPTS]
    due = [row for row in incomplete if row.attempts < MOST_ATTEMPTS]
    ready = sorted((row for row in [*due, *sparse] if _has_waited(row, now)), key=_newest_first)
    sessions = dict.fromkeys((row.symbol, row.coverage.trade_date) for row in ready)
    chosen = set(list(sessions)[: max(0, budget)])
    selected = [row for row in ready if (row.symbol, row.coverage.trade_date) in chosen]
    return Healing(
        due=tuple(row for row in selected if row not in sparse),
        sparse=tuple(row for row in selected if row in sparse),
        exhausted=tuple(row for row in incomplete if row.attempts >= MOST_ATTEMPTS),
    )


def healing_budget(spendable: CreditState) -> int:
    """Return how many sessions may be fetched at once; healing leaves the last tenth of a day's credits alone."""
    per_day, left = spendable.plan.per_day, spendable.day_left
    if per_day is None or left is None:
        return _MOST_AT_ONCE
    return max(0, min(_MOST_AT_ONCE, (left - per_day // 10) // _COST))


def is_incomplete(row: StoredCoverage, now: datetime) -> bool:
    """Whether a session has closed and is not stored as complete."""
    closed = row.coverage.closes_at is not None and row.coverage.closes_at <= now
    return closed and not (row.coverage.ok and row.coverage.final)


def find_sparse(rows: Sequence[StoredCoverage], now: datetime) -> list[StoredCoverage]:
    """Return the complete sessions of minutes that have far fewer bars than is usual for their symbol.

    Only symbols with a gap tolerance have any: other sessions are complete with every minute only.
    """
    minutes = [row for row in rows if row.coverage.timeframe is Timeframe.M1 and row.coverage.expected]
    by_symbol: dict[str, list[StoredCoverage]] = {}
    for row in minutes:
        if row.coverage.ok and row.coverage.final and not is_incomplete(row, now):
            by_symbol.setdefault(row.symbol, []).append(row)
    sparse = []
    for complete in by_symbol.values():
        usual = median(_share(row) for row in complete)
        if len(complete) >= _USUAL:
            sparse += [row for row in complete if _share(row) < SPARSE * usual]
    return sparse


def retry_pause(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: 5 minutes at first, then four times as long after each."""
    times: int = 4 ** max(0, attempts - _QUICK_ATTEMPTS)
    return _FIRST_PAUSE * times


def next_try(row: StoredCoverage) -> datetime | None:
    """Return when an incomplete session is fetched again; ``None`` = it is exhausted."""
    return row.checked_at + retry_pause(row.attempts) if row.attempts < MOST_ATTEMPTS else None


def _has_waited(row: StoredCoverage, now: datetime) -> bool:
    # An attempt in the future was made by a clock that has been set back since: ignore it.
    return row.checked_at > now or row.checked_at + retry_pause(row.attempts) <= now


def _checked_since_close(row: StoredCoverage) -> bool:
    return row.coverage.closes_at is not None and row.checked_at >= row.coverage.closes_at + SETTLING


def _share(row: StoredCoverage) -> float:
    return row.coverage.received / row.coverage.expected


def _newest_first(row: StoredCoverage) -> tuple[int, str]:
    return -row.coverage.trade_date.toordinal(), row.symbol
