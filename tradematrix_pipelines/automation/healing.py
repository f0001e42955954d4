"""What healing fetches again now: the newest sessions of the backlog, as far as the day's credits allow."""

from collections.abc import Iterable

from tradematrix_pipelines.automation.backlog import Cause, FetchTask
from tradematrix_pipelines.automation.pulls import CreditState

_MOST_AT_ONCE = 10
_COST = 5
"""Most credits of a session: each timeframe in a call of its own."""


def choose_healing(tasks: Iterable[FetchTask], *, budget: int) -> list[FetchTask]:
    """Return the tasks to heal, newest first: incomplete, sparse and doubtful sessions.

    Those that wait for the reset of the day's credits are resumed then, without healing.

    Args:
        tasks: those that are due.
        budget: most sessions to fetch at once, however many timeframes of them are incomplete.
    """
    candidates = sorted(
        (task for task in tasks if task.cause in {Cause.INCOMPLETE, Cause.SPARSE, Cause.DOUBTFUL}),
        key=lambda task: (-task.trade_date.toordinal(), task.symbol.name),
    )
    sessions = dict.fromkeys((task.symbol.name, task.trade_date) for task in candidates)
    chosen = set(list(sessions)[: max(0, budget)])
    return [task for task in candidates if (task.symbol.name, task.trade_date) in chosen]


def healing_budget(spendable: CreditState) -> int:
    """Return how many sessions may be fetched at once; healing leaves the last tenth of a day's credits alone."""
    per_day, left = spendable.plan.per_day, spendable.day_left
    if per_day is None or left is None:
        return _MOST_AT_ONCE
    return max(0, min(_MOST_AT_ONCE, (left - per_day // 10) // _COST))
