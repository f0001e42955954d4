"""What is stored, as the morning page has it: of now, or of the morning of a past trade date.

Here: which rows belong on the page. Not here: SQL (``storage``), or how the page looks (``page``).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from tradematrix_pipelines.alerts.changed_levels import moved_levels
from tradematrix_pipelines.automation.backlog import LOOKBACK
from tradematrix_pipelines.automation.deadlines import BERLIN
from tradematrix_pipelines.automation.pulls import coming_session
from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.charts.level_chart import level_chart
from tradematrix_pipelines.charts.svg import to_svg
from tradematrix_pipelines.errors import TradeMatrixError, UsageError
from tradematrix_pipelines.levels.book.model import Kind
from tradematrix_pipelines.levels.daily import LEVELS as DAILY
from tradematrix_pipelines.levels.names import short_name
from tradematrix_pipelines.levels.outcomes import Outcome, Result
from tradematrix_pipelines.levels.pivots import LEVELS as PIVOTS
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol, price_digits
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.reader.coverage_rows import coverage_rows
from tradematrix_pipelines.report.model import (
    Change,
    OpenSession,
    Outcomes,
    Report,
    SymbolPart,
    VendorCredits,
    level_rows,
)
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.activity import changed_incidents, revised_sessions
from tradematrix_pipelines.storage.coverage import a_stored_source
from tradematrix_pipelines.storage.credits import open_ledger
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.level_changes import read_level_changes
from tradematrix_pipelines.storage.level_charts import read_chart_candles
from tradematrix_pipelines.storage.levels import read_level_rows, why_no_levels
from tradematrix_pipelines.storage.outcomes import read_outcomes
from tradematrix_pipelines.storage.prices_at import read_price_at, read_session_so_far
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.storage.tables import levels_daily, pivot_levels
from tradematrix_pipelines.storage.touches import read_touches
from tradematrix_pipelines.vendors.provenance import SIMULATED

_MORNING = time(8, tzinfo=BERLIN)
"""When a past trade date's page is as of."""
_CHARTS_BYTES = 1_500_000
"""What the charts of a page may take together; the symbols after that have none."""
_MOST_CHANGES, _MOST_OPEN = 40, 40
_DAY = timedelta(days=1)
_RESULTS = (Result.HELD, Result.BROKEN, Result.UNDECIDED, Result.UNTOUCHED, Result.FILLED, Result.UNFILLED)
_DAILY_KINDS = {Kind.PREVIOUS_DAY: "y_{}", Kind.PREVIOUS_WEEK: "prev_week_{}"}

_Row = Mapping[str, Any]


class NoReport(TradeMatrixError):
    """There is nothing to report of this trade date; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _View:
    """What every part of one page is read with."""

    database: Database
    method: str
    day: date
    at: datetime
    daily: Mapping[str, _Row]
    pivots: Mapping[str, _Row]


def coming_date(database: Database) -> date:
    """Return the trade date that the next page is for: the earliest that a symbol trades now or next.

    Raises:
        NoReport: there are no symbols.
    """
    now = database.clock.now()
    days = [coming_session(symbol, now).trade_date for symbol in _symbols(database)]
    if not days:
        raise NoReport("no symbol is active: add one with `tradematrix symbols add`")
    return min(days)


def is_over(database: Database, day: date) -> bool:
    """Whether no session of a trade date is open or to come."""
    sessions = [calendar_of(symbol).session(day) for symbol in _symbols(database)]
    return all(session is None or session.closes_at <= database.clock.now() for session in sessions)


def read_report_of(database: Database, settings: Settings, day: date) -> Report:
    """Return the page of a trade date, as of now, or of its morning where all its sessions are over.

    Raises:
        NoReport: no market trades on it, or no symbol has levels for it.
    """
    symbols, now = _symbols(database), database.clock.now()
    sessions = {symbol.name: calendar_of(symbol).session(day) for symbol in symbols}
    if not any(sessions.values()):
        raise NoReport(f"no symbol has a session on {day}: choose another date")
    past = is_over(database, day)
    at = min(now, datetime.combine(day, _MORNING)) if past else now
    view = _view(database, settings, symbols, day, at)
    if not view.daily and not view.pivots:
        first = next(symbol for symbol in symbols if sessions[symbol.name] is not None)
        why = why_no_levels(database.engine, first, day, now=now)
        raise NoReport(f"no symbol has levels for {day}. {first.name}: {why}")
    since = min(calendar_of(symbol).previous(day).closes_at for symbol in symbols if sessions[symbol.name])
    return Report(
        trade_date=day,
        at=at,
        since=since,
        simulated=a_stored_source(database.engine) == SIMULATED,
        symbols=_with_charts(view, [(symbol, _part(view, symbol, sessions[symbol.name])) for symbol in symbols]),
        changes=_changes_by_time(view, symbols, since),
        open_incidents=_open_incidents(view),
        open_sessions=[] if past else _open_sessions(database, settings, symbols, now),
        credits=[] if past else _credits(database, settings, now),
    )


def _symbols(database: Database) -> list[Symbol]:
    """Return the active symbols; a row without a calendar that there is, written by SQL, is left out."""
    usable = []
    for symbol in read_symbols(database.engine):
        with suppress(UsageError):
            calendar_of(symbol)
            usable.append(symbol)
    return usable


def _view(database: Database, settings: Settings, symbols: Sequence[Symbol], day: date, at: datetime) -> _View:
    method = str(settings.pivot_method)
    daily, pivots = (
        {
            row["symbol"]: row
            for row in read_level_rows(database.engine, table, symbols, day, day)
            if table is levels_daily or row["method"] == method
        }
        for table in (levels_daily, pivot_levels)
    )
    return _View(database=database, method=method, day=day, at=at, daily=daily, pivots=pivots)


def _part(view: _View, symbol: Symbol, session: Session | None) -> SymbolPart:
    engine = view.database.engine
    last = read_price_at(engine, symbol, view.at)
    part = SymbolPart(
        symbol=symbol.name,
        alias=symbol.alias,
        digits=price_digits(symbol.tick_size),
        opens_at=None if session is None else session.opens_at,
        closes_at=None if session is None else session.closes_at,
        last=None if last is None else last.price,
        last_at=None if last is None else last.at,
    )
    if session is None:
        return part
    daily = view.daily.get(symbol.name)
    if daily is None:
        reason = why_no_levels(engine, symbol, view.day, now=view.database.clock.now())
        return replace(part, unavailable_reason=reason)
    so_far = read_session_so_far(engine, symbol, session, view.at)
    touched = {touch.level: touch.at for touch in read_touches(engine, symbol, view.day) if touch.at <= view.at}
    pivots = _pivots(view.pivots.get(symbol.name))
    return replace(
        part,
        from_session=daily["y_trade_date"],
        doubtful=daily["verdict"] == Verdict.DOUBTFUL,
        y_close=daily["y_close"],
        atr=daily["atr_14"],
        gap=None if so_far is None else so_far.open - daily["y_close"],
        low=None if so_far is None else so_far.low,
        high=None if so_far is None else so_far.high,
        levels=level_rows(_daily(daily), pivots, method=view.method, last=part.last, touched=touched),
        outcomes=_outcomes(view, symbol, daily["y_trade_date"]),
    )


def _daily(row: _Row) -> dict[str, float | None]:
    return {name: row[name] for name in DAILY}


def _pivots(row: _Row | None) -> dict[str, float | None]:
    return {} if row is None else {name: row[name] for name in PIVOTS}


def _outcomes(view: _View, symbol: Symbol, session: date) -> Outcomes | None:
    by_result: dict[str, list[str]] = {}
    for outcome in read_outcomes(view.database.engine, symbol, first=session, last=session):
        name = _outcome_name(outcome, view.method)
        if name is not None:
            by_result.setdefault(str(outcome.result), []).append(name)
    in_order = {str(result): by_result[result] for result in _RESULTS if result in by_result}
    return Outcomes(trade_date=session, by_result=in_order) if in_order else None


def _outcome_name(outcome: Outcome, method: str) -> str | None:
    """Return how the page calls a level of the book; ``None`` for those that it does not show."""
    if outcome.kind is Kind.GAP:
        return "gap"
    if outcome.kind is Kind.DAY_PIVOTS:
        return short_name(outcome.name) if outcome.name.startswith(f"{method} ") else None
    daily = _DAILY_KINDS.get(outcome.kind, "").format(outcome.name)
    return short_name(daily) if daily in DAILY else None


def _with_charts(view: _View, parts: Sequence[tuple[Symbol, SymbolPart]]) -> list[SymbolPart]:
    """Return the parts with their charts, as far as the page stays small enough to be sent."""
    charted, size = [], 0
    for symbol, part in parts:
        chart = _chart(view, symbol, part) if size < _CHARTS_BYTES else None
        size += len(chart or "")
        charted.append(part if chart is None else replace(part, chart=chart))
    return charted


def _chart(view: _View, symbol: Symbol, part: SymbolPart) -> str | None:
    daily = view.daily.get(symbol.name)
    candles = read_chart_candles(view.database, symbol, view.day, until=view.at) if daily is not None else []
    if daily is None or not candles:
        return None
    scene = level_chart(
        candles,
        daily=_daily(daily),
        pivots=_pivots(view.pivots.get(symbol.name)),
        last=part.last,
        title=f"{symbol.name}: candles of the last sessions, and the levels of {view.day}",
        digits=part.digits,
    )
    return to_svg(scene)


def _changes_by_time(view: _View, symbols: Sequence[Symbol], since: datetime) -> list[Change]:
    changes = [change for change in _changes(view, symbols, since) if change.at <= view.at]
    return sorted(changes, key=lambda change: change.at)[-_MOST_CHANGES:]


def _changes(view: _View, symbols: Sequence[Symbol], since: datetime) -> Iterator[Change]:
    """Yield what happened from ``since`` on: to levels of the date, to candles, incidents."""
    engine, by_name = view.database.engine, {symbol.name: symbol for symbol in symbols}
    for change in read_level_changes(engine, symbols, first=view.day, last=view.day, since=since):
        symbol = by_name[change.symbol]
        moved = list(moved_levels(change, symbol.tick_size))
        if moved:
            old, new = (_price(levels.get(moved[0]), symbol) for levels in (change.old, change.new))
            more = f", and {len(moved) - 1} other levels" if moved[1:] else ""
            yield Change(at=change.changed_at, symbol=symbol.name, text=f"{moved[0]} changed: {old} → {new}{more}")
    for session in revised_sessions(engine, symbols, since=since):
        counts = {"revised": session.revised, "withdrawn": session.withdrawn}
        what = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
        of_session = "" if session.trade_date is None else f" of {session.trade_date}"
        yield Change(at=session.at, symbol=session.symbol, text=f"candles{of_session}: {what}")
    for incident in changed_incidents(engine, since=since):
        words = str(incident.kind).replace("_", " ")
        if incident.opened_at >= since:
            yield Change(at=incident.opened_at, text=f"{words}: {incident.message}")
        if incident.closed_at is not None:
            yield Change(at=incident.closed_at, text=f"over: {words}: {incident.message}")


def _price(value: float | None, symbol: Symbol) -> str:
    return "none" if value is None else f"{value:,.{price_digits(symbol.tick_size)}f}"


def _open_incidents(view: _View) -> list[str]:
    return [
        f"{str(incident.kind).replace('_', ' ')}: {incident.message} (since {incident.opened_at:%Y-%m-%d %H:%M} UTC)"
        for incident in changed_incidents(view.database.engine, since=view.at - LOOKBACK)
        if incident.opened_at <= view.at and (incident.closed_at is None or incident.closed_at > view.at)
    ]


def _open_sessions(
    database: Database, settings: Settings, symbols: Sequence[Symbol], now: datetime
) -> list[OpenSession]:
    """Return what ``tradematrix coverage --open`` lists, a row a session and reason, the newest first."""
    between = ((now - LOOKBACK).date(), (now + _DAY).date())
    rows = coverage_rows(database, settings, symbols, list(Timeframe), between, now=now, only_open=True)
    timeframes: dict[tuple[Any, ...], list[str]] = {}
    for row in rows:
        key = (row["trade_date"], row["symbol"], row["reason"] or row["status"])
        timeframes.setdefault(key, []).append(str(row["timeframe"]))
    newest = sorted(timeframes.items(), key=lambda item: item[0][0], reverse=True)[:_MOST_OPEN]
    return [
        OpenSession(trade_date=day, symbol=name, timeframes=of_session, reason=str(reason))
        for (day, name, reason), of_session in newest
    ]


def _credits(database: Database, settings: Settings, now: datetime) -> list[VendorCredits]:
    ledger = open_ledger(database.engine, settings)
    used = {vendor: ledger.usage(vendor, now) for vendor in ledger.plans}
    return [
        VendorCredits(vendor=vendor, used=usage.day_used, left=usage.day_left, resets_at=usage.resets_at)
        for vendor, usage in used.items()
    ]
