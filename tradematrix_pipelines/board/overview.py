"""What concerns the whole installation: status, incidents, credits, what comes next; and a calendar's sessions."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from importlib.metadata import version

from tradematrix_pipelines.alerts.incidents import RecordedIncident
from tradematrix_pipelines.automation.deadlines import next_deadline
from tradematrix_pipelines.automation.pulls import coming_session, next_opening, next_pull, pull_interval
from tradematrix_pipelines.board.quotes import provenance_of
from tradematrix_pipelines.board.shapes import (
    Credits,
    HourCredits,
    Incident,
    Incidents,
    PurposeBudget,
    SessionHours,
    Sessions,
    Status,
    Upcoming,
    UpcomingEvent,
    VendorCredits,
)
from tradematrix_pipelines.board.symbols import the_symbol
from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.credits import CreditLedger, open_ledger
from tradematrix_pipelines.storage.current_prices import read_last_prices
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.incidents import read_open, read_since
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.storage.trading_day_state import (
    automated_symbols,
    credit_state,
    read_backlog,
    read_last_pulls,
)
from tradematrix_pipelines.vendors.credits import BACKFILL, CLOSE, HEAL, LIVE, VERIFY, Plan, day_resets_at

_LATELY = timedelta(days=30)
_PURPOSES = (LIVE, CLOSE, HEAL, BACKFILL, VERIFY)


def find_status(database: Database, settings: Settings, *, dagster_url: str | None) -> Status:
    """Return what this installation is."""
    symbols = read_symbols(database.engine)
    newest = max((price.at for price in read_last_prices(database.engine, symbols).values()), default=None)
    return Status(
        now=database.clock.now(),
        version=version("tradematrix-pipelines"),
        vendor=settings.vendor_name,
        provenance=provenance_of(database),
        clock="real" if isinstance(settings.clock, SystemClock) else "trial",
        automation=settings.automation,
        pivot_method=str(settings.pivot_method),
        timeframes=[str(timeframe) for timeframe in Timeframe],
        symbols=len(symbols),
        open_incidents=len(read_open(database.engine)),
        newest_price_at=newest,
        dagster_url=dagster_url,
    )


def find_incidents(database: Database, *, only_open: bool) -> Incidents:
    """Return the open incidents, or also those that closed lately."""
    engine = database.engine
    rows = read_open(engine) if only_open else read_since(engine, database.clock.now() - _LATELY)
    return Incidents(incidents=[_incident(row) for row in rows])


def find_sessions(database: Database, name: str, between: tuple[date, date]) -> Sessions:
    """Return the sessions of a symbol's calendar between two trade dates, both included."""
    symbol = the_symbol(database, name)
    calendar = calendar_of(symbol)
    sessions = [
        SessionHours(
            trade_date=session.trade_date,
            opens_at=session.opens_at,
            closes_at=session.closes_at,
            break_starts_at=session.break_starts_at,
            break_ends_at=session.break_ends_at,
        )
        for session in calendar.sessions(*between)
    ]
    return Sessions(symbol=symbol.name, timezone=calendar.timezone.key, sessions=sessions)


def find_credits(database: Database, settings: Settings) -> Credits:
    """Return the credits of the vendors that have a limit."""
    ledger, now = open_ledger(database.engine, settings), database.clock.now()
    return Credits(now=now, vendors=[_vendor(ledger, name, plan, now) for name, plan in ledger.plans.items()])


def find_upcoming(database: Database, settings: Settings) -> Upcoming:
    """Return what happens next."""
    now = database.clock.now()
    events = [event for symbol in read_symbols(database.engine) for event in _hours(symbol, now)]
    if settings.automation:
        events += [*_deadlines(now), *_pulls(database, settings, now), *_fetches(database, settings, now)]
    for vendor in open_ledger(database.engine, settings).plans:
        summary = f"the day's credits of {vendor} are reset"
        events.append(UpcomingEvent(at=day_resets_at(now), kind="credits_reset", symbol=None, summary=summary))
    return Upcoming(now=now, events=sorted(events, key=lambda event: (event.at, event.kind, event.symbol or "")))


def _hours(symbol: Symbol, now: datetime) -> Iterator[UpcomingEvent]:
    coming, opening = coming_session(symbol, now), next_opening(symbol, now)
    yield UpcomingEvent(
        at=opening.opens_at,
        kind="open",
        symbol=symbol.name,
        summary=f"{symbol.name} opens: session {opening.trade_date}",
    )
    yield UpcomingEvent(
        at=coming.closes_at,
        kind="close",
        symbol=symbol.name,
        summary=f"{symbol.name} closes: session {coming.trade_date}, its levels follow",
    )


def _deadlines(now: datetime) -> Iterator[UpcomingEvent]:
    deadline = next_deadline(now)
    summary = f"the levels are due at {deadline:%H:%M} in Berlin"
    yield UpcomingEvent(at=deadline, kind="deadline", symbol=None, summary=summary)


def _pulls(database: Database, settings: Settings, now: datetime) -> Iterator[UpcomingEvent]:
    symbols = automated_symbols(database, settings)
    every = pull_interval(now, symbols, spendable=credit_state(database, settings, now))
    if every is None:
        return
    last = read_last_pulls(database, symbols, now)
    for symbol in symbols:
        session = calendar_of(symbol).at(now)
        if session is not None:
            at = next_pull(now, session, last=last.get((symbol.name, session.trade_date)), every=every)
            summary = f"{symbol.name} is pulled, every {every} minute{'s' * (every > 1)}"
            yield UpcomingEvent(at=at, kind="pull", symbol=symbol.name, summary=summary)


def _fetches(database: Database, settings: Settings, now: datetime) -> Iterator[UpcomingEvent]:
    """Yield for each symbol when the next of its sessions is fetched again."""
    symbols = automated_symbols(database, settings)
    tasks = read_backlog(database, symbols, now, history_start=settings.history_start)
    for symbol in symbols:
        of_symbol = [task for task in tasks if task.symbol.name == symbol.name]
        attempts = [task.next_attempt for task in of_symbol if task.next_attempt is not None]
        if attempts:
            count = len({task.trade_date for task in of_symbol if task.next_attempt is not None})
            summary = f"{symbol.name}: {count} trade date{'s are' if count > 1 else ' is'} fetched or computed again"
            at = max(now, min(attempts))
            yield UpcomingEvent(at=at, kind="fetch", symbol=symbol.name, summary=summary)


def _incident(row: RecordedIncident) -> Incident:
    notified_at = row.opening_notified_at if row.closed_at is None else row.closing_notified_at
    return Incident(
        id=row.id,
        kind=str(row.kind),
        key=row.key,
        message=row.message,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        notified=notified_at is not None,
    )


def _vendor(ledger: CreditLedger, name: str, plan: Plan, now: datetime) -> VendorCredits:
    usage = ledger.usage(name, now)
    return VendorCredits(
        vendor=name,
        per_minute=plan.per_minute,
        per_day=plan.per_day,
        minute_used=usage.minute_used,
        minute_left=usage.minute_left,
        day_used=usage.day_used,
        day_left=usage.day_left,
        resets_at=usage.resets_at,
        by_purpose=usage.by_purpose,
        budgets=[
            PurposeBudget(purpose=purpose, per_minute=plan.minute_budget(purpose), per_day=plan.day_budget(purpose))
            for purpose in _PURPOSES
        ],
        hours=[
            HourCredits(hour=hour, total=sum(spent.values()), by_purpose=spent)
            for hour, spent in ledger.hours(name, now).items()
        ],
    )
