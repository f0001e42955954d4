"""The kinds of incidents, and what makes one: a function for each kind, which judges all incidents of it. Pure.

Not here: reading what they judge (``storage``), which incidents are new or over (``alerts.incidents``), failed runs
(Dagster knows them), and notifying.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from tradematrix_pipelines.automation.backlog import Cause, FetchTask
from tradematrix_pipelines.automation.beginnings import judged
from tradematrix_pipelines.automation.closures import SurpriseClosure, paused_sessions
from tradematrix_pipelines.automation.deadlines import BERLIN, last_deadline, levels_due_by
from tradematrix_pipelines.automation.pulls import CreditState, open_until, pull_interval
from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.freshness import ALLOWANCE, allowance, behind
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

_MINUTE, _LAST_HOUR = timedelta(minutes=1), timedelta(hours=1)
_NOT_KNOWN: Mapping[str, datetime] = MappingProxyType({})


class IncidentKind(StrEnum):
    """What went wrong. One source judges all incidents of a kind at once."""

    RUN_FAILURE = "run_failure"
    LEVELS_MISSING = "levels_missing"
    CREDITS_LOW = "credits_low"
    STALE_MARKET = "stale_market"
    SESSION_DOUBTFUL = "session_doubtful"
    LEVEL_CHANGED = "level_changed"  # a published level that somebody may act on (``changed_levels``)
    SESSION_EXHAUSTED = "session_exhausted"  # a session is exhausted: no more attempts by itself
    SURPRISE_CLOSURE = "surprise_closure"  # an exchange seems to have been closed, against its calendar
    NOT_JUDGED = "not_judged"  # another kind could not be judged


EVENTS = frozenset({IncidentKind.LEVEL_CHANGED})
"""Kinds that happened once: that they are over is not notified."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """Something that a person should look at.

    Attributes:
        key: what it is about, the same each time it is detected: ``stale_market|EUR/USD``.
        message: one line that says what is wrong and what to do. It is sent to services: no secrets.
    """

    key: str
    kind: IncidentKind
    message: str


def find_missing_levels(
    symbols: Sequence[Symbol],
    computed: Mapping[str, Collection[date]],
    now: datetime,
    *,
    began: Mapping[str, datetime] = _NOT_KNOWN,
    closures: Collection[SurpriseClosure] = (),
) -> list[Incident]:
    """Return an incident for each symbol whose levels were due at the last deadline and are missing.

    Args:
        computed: trade dates whose levels are stored, by symbol.
        closures: levels that would come from these sessions are another incident's.
        began: when each symbol began: none is late for a deadline before that, nor before its first chance.
    """
    deadline = last_deadline(now)
    incidents = []
    for symbol in symbols:
        if not judged(symbol.name, began, now) or began.get(symbol.name, deadline) > deadline:
            continue
        session = levels_due_by(deadline, symbol)
        day = session.trade_date
        if calendar_of(symbol).previous(day).trade_date in paused_sessions(symbol, closures):
            continue
        if day not in computed.get(symbol.name, ()) and now < session.closes_at:
            due = f"{deadline.astimezone(BERLIN):%H:%M} in Berlin"
            incidents.append(
                Incident(
                    key=f"{IncidentKind.LEVELS_MISSING}|{symbol.name}|{day}",
                    kind=IncidentKind.LEVELS_MISSING,
                    message=f"{symbol.name} has no levels for {day}, due at {due}: "
                    f"see `tradematrix coverage {symbol.name}`, then `tradematrix retry`",
                )
            )
    return incidents


def find_low_credits(symbols: Sequence[Symbol], spendable: CreditState, now: datetime) -> list[Incident]:
    """Return one incident where too few of the day's credits are left to keep the open markets fresh, else none.

    Spending them all by the end of the day is intended: in its last open hour there is no incident.
    """
    every = pull_interval(now, symbols, spendable=spendable)
    enough = every is not None and every * _MINUTE <= ALLOWANCE
    if spendable.plan.per_day is None or enough or open_until(now, symbols) - now <= _LAST_HOUR:
        return []
    kind = IncidentKind.CREDITS_LOW
    then = "live pulls stop until then" if every is None else f"live pulls come every {every} minutes"
    message = f"{spendable.day_left} of the day's {spendable.plan.per_day} credits are left until 00:00 UTC: {then}"
    return [Incident(key=f"{kind}|{now.astimezone(UTC):%Y-%m-%d}", kind=kind, message=message)]


def find_stale_markets(
    symbols: Sequence[Symbol],
    newest: Mapping[str, datetime],
    now: datetime,
    *,
    errors: Mapping[tuple[str, date], str],
    began: Mapping[str, datetime] = _NOT_KNOWN,
) -> list[Incident]:
    """Return an incident for each open market whose newest minute is older than allowed.

    Args:
        newest: when each symbol's newest stored minute closed.
        errors: why the last pull of a session failed, by symbol and trade date.
        began: when each symbol began: none is late before its first chance.
    """
    incidents = []
    for symbol in symbols:
        session = calendar_of(symbol).at(now)
        if session is None or not judged(symbol.name, began, now):
            continue
        allowed = allowance(Timeframe.M1, symbol.gap_tolerance)
        late = behind(session, newest.get(symbol.name), allowed=allowed, now=now)
        if late is not None:
            kind, error = IncidentKind.STALE_MARKET, errors.get((symbol.name, session.trade_date))
            message = f"{symbol.name}: {late}" + (f": {error}" if error else "")
            incidents.append(Incident(key=f"{kind}|{symbol.name}", kind=kind, message=message))
    return incidents


def find_exhausted(backlog: Iterable[FetchTask]) -> list[Incident]:
    """Return one incident for each incomplete session of the backlog that is exhausted."""
    sessions: dict[tuple[str, date], list[StoredCoverage]] = {}
    for task in backlog:
        if task.cause is Cause.INCOMPLETE and task.next_attempt is None and task.row is not None:
            sessions.setdefault((task.symbol.name, task.trade_date), []).append(task.row)
    kind = IncidentKind.SESSION_EXHAUSTED
    return [
        Incident(
            key=f"{kind}|{symbol}|{day}",
            kind=kind,
            message=f"{symbol} {day} ({', '.join(str(row.coverage.timeframe) for row in exhausted)}) is exhausted "
            f"after {max(row.attempts for row in exhausted)} attempts: {exhausted[0].coverage.reason()}",
        )
        for (symbol, day), exhausted in sessions.items()
    ]


def find_doubtful(backlog: Iterable[FetchTask]) -> list[Incident]:
    """Return one incident for each session of the backlog that is doubtful after it was looked at twice."""
    sessions: dict[tuple[str, date], FetchTask] = {}
    for task in backlog:
        if task.needs_person:
            sessions.setdefault((task.symbol.name, task.trade_date), task)
    kind = IncidentKind.SESSION_DOUBTFUL
    return [
        Incident(
            key=f"{kind}|{symbol}|{day}",
            kind=kind,
            message=f"{symbol} {day} is {task.reason}; until then no levels follow from it",
        )
        for (symbol, day), task in sessions.items()
    ]


def find_surprise_closures(closures: Iterable[SurpriseClosure]) -> list[Incident]:
    """Return one incident for each surprise closure, whatever the number of its symbols."""
    kind = IncidentKind.SURPRISE_CLOSURE
    return [
        Incident(
            key=f"{kind}|{closure.calendar}|{closure.trade_date}",
            kind=kind,
            message=f"no vendor has a bar of {', '.join(closure.symbols)} on {closure.trade_date}, which is a session "
            f"of {closure.calendar}: if it was closed, run `tradematrix calendar close {closure.calendar} "
            f"{closure.trade_date} --reason …`; if not, `tradematrix retry --since {closure.trade_date}`",
        )
        for closure in closures
    ]
