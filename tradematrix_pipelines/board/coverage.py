"""The coverage calendar of one symbol: each day, what is amiss, why, and what remedies it."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

from tradematrix_pipelines.board.days import DayState, Seen, day_state
from tradematrix_pipelines.board.shapes import CoverageCalendar, CoverageDay, Finding, SeriesCoverage
from tradematrix_pipelines.board.symbols import the_symbol
from tradematrix_pipelines.candles.coverage import Status, Verdict
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.partition_key import PartitionKey
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.findings import Severity
from tradematrix_pipelines.reader.coverage_rows import coverage_rows
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import first_known_date
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.judgements import StoredJudgement, read_judged

_DAY = timedelta(days=1)
_WEEKDAYS = range(5)
_EXHAUSTED = "exhausted"
_SEVERITIES: Mapping[Severity, Literal["note", "doubt", "refusal"]] = {
    Severity.NOTE: "note",
    Severity.DOUBT: "doubt",
    Severity.REFUSAL: "refusal",
}
_Row = Mapping[str, Any]
_Judged = Mapping[tuple[str, Timeframe, date], StoredJudgement]


def find_coverage(database: Database, settings: Settings, name: str, between: tuple[date, date]) -> CoverageCalendar:
    """Return the coverage calendar of a symbol between two trade dates, both included."""
    symbol, now = the_symbol(database, name), database.clock.now()
    first, last = between
    rows: dict[date, list[_Row]] = {}
    for row in coverage_rows(database, settings, [symbol], list(Timeframe), between, now=now):
        rows.setdefault(_date(row), []).append(row)
    judged = read_judged(database.engine, [symbol], first, last)
    sessions = {session.trade_date: session for session in calendar_of(symbol).sessions(first, last)}
    known_from = first_known_date(database.engine, symbol, list(Timeframe))
    days = (first + n * _DAY for n in range((last - first).days + 1))
    return CoverageCalendar(
        symbol=symbol.name,
        first=first,
        last=last,
        days=[
            _day(symbol, day, sessions.get(day), rows.get(day, ()), judged, now=now, known_from=known_from)
            for day in days
            if day.weekday() in _WEEKDAYS or day in sessions or day in rows
        ],
    )


def _day(
    symbol: Symbol,
    day: date,
    session: Session | None,
    rows: Sequence[_Row],
    judged: _Judged,
    *,
    now: datetime,
    known_from: date | None,
) -> CoverageDay:
    order = list(Timeframe)
    rows = sorted(rows, key=lambda row: order.index(Timeframe(row["timeframe"])))
    state = day_state(session, [_seen(row) for row in rows], now=now, first=known_from)
    exhausted = any(row["next_attempt"] == _EXHAUSTED for row in rows)
    running = session is not None and session.closes_at > now
    return CoverageDay(
        trade_date=day,
        status=state.status,
        verdict=state.verdict,
        ok=state.ok,
        reason=_closed_reason(symbol, day) if state.status == "closed" else state.reason,
        command=_command(
            symbol, day, state, running=running, exhausted=exhausted, pruned=any(row["pruned_at"] for row in rows)
        ),
        dagster_path=None if session is None and not rows else _dagster_path(symbol, day, state),
        timeframes=[_series(row) for row in rows],
        findings=[
            finding
            for timeframe in order
            for finding in _findings(judged.get((symbol.name, timeframe, day)), timeframe)
        ],
    )


def _closed_reason(symbol: Symbol, day: date) -> str:
    if any(correction.trade_date == day for correction in symbol.corrections):
        return f"no session: a correction of {symbol.calendar}, see `tradematrix calendar`"
    return f"no session: a holiday of {symbol.calendar}"


def _command(symbol: Symbol, day: date, state: DayState, *, running: bool, exhausted: bool, pruned: bool) -> str | None:
    # What an open session has not got yet, the next live pull fetches.
    if state.ok or running:
        return None
    name = shlex.quote(symbol.name)
    if state.verdict == "doubtful" and state.status == "complete" and exhausted:
        return f"tradematrix accept {name} {day} --reason …"
    return f"tradematrix backfill {name} --from {day} --to {day}{' --refresh' if pruned else ''}"


def _dagster_path(symbol: Symbol, day: date, state: DayState) -> str:
    partition = quote(str(PartitionKey(day, symbol.name)), safe="")
    return f"/assets/ohlc_{state.timeframe or Timeframe.M1}?view=partitions&partition={partition}"


def _seen(row: _Row) -> Seen:
    return Seen(
        timeframe=row["timeframe"],
        status=Status(row["status"]),
        expected=row["expected"],
        final=row["final"],
        verdict=None if row["verdict"] is None else Verdict(row["verdict"]),
        reason=row["reason"],
    )


def _series(row: _Row) -> SeriesCoverage:
    exhausted = row["next_attempt"] == _EXHAUSTED
    values = {name: row[name] for name in SeriesCoverage.model_fields if name not in {"next_attempt", "exhausted"}}
    return SeriesCoverage(**values, next_attempt=None if exhausted else row["next_attempt"], exhausted=exhausted)


def _findings(judgement: StoredJudgement | None, timeframe: Timeframe) -> list[Finding]:
    return [
        Finding(
            timeframe=str(timeframe),
            kind=str(finding.kind),
            severity=_SEVERITIES[finding.severity],
            message=finding.message,
            value=finding.value,
            threshold=finding.threshold,
            at=finding.at,
        )
        for finding in ([] if judgement is None else judgement.findings)
    ]


def _date(row: _Row) -> date:
    day: date = row["trade_date"]
    return day
