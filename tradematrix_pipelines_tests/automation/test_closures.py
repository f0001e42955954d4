"""Which days count as surprise closures, as tables of what is stored."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from tradematrix_pipelines.alerts.detectors import find_surprise_closures
from tradematrix_pipelines.automation.backlog import Cause, backlog
from tradematrix_pipelines.automation.closures import SurpriseClosure, find_closures, paused_sessions
from tradematrix_pipelines.candles.coverage import Coverage, Status, StoredCoverage
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.corrections import Correction
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

DAX, NDX, DJI, EURO, _ = DEFAULT_SYMBOLS
THURSDAY, FRIDAY = date(2026, 11, 19), date(2026, 11, 20)
M1, D1 = Timeframe.M1, Timeframe.D1


def row(
    symbol: Symbol, day: date, status: Status = Status.MISSING, *, timeframe: Timeframe = M1, late: int = 10,
    final: bool = True, attempts: int = 1,
) -> StoredCoverage:  # fmt: skip
    session = calendar_of(symbol).session(day)
    assert session is not None
    received = 390 if status in {Status.COMPLETE, Status.PARTIAL} else 0
    coverage = Coverage(
        timeframe=timeframe, trade_date=day, status=status, final=final, expected=390, received=received,
        opens_at=session.opens_at, closes_at=session.closes_at,
    )  # fmt: skip
    checked = session.closes_at + timedelta(minutes=late)
    return StoredCoverage(symbol=symbol.name, coverage=coverage, attempts=attempts, checked_at=checked)


def closures(*rows: StoredCoverage, symbols: tuple[Symbol, ...] = (NDX, DJI)) -> list[date]:
    by_symbol = {symbol.name: [one for one in rows if one.symbol == symbol.name] for symbol in symbols}
    return [closure.trade_date for closure in find_closures(symbols, by_symbol)]


KNOWN = row(NDX, THURSDAY, Status.COMPLETE)


def test_a_day_without_a_bar_of_any_symbol_is_one() -> None:
    day = [row(symbol, FRIDAY, timeframe=timeframe) for symbol in (NDX, DJI) for timeframe in (M1, D1)]
    assert closures(KNOWN, *day) == [FRIDAY]
    assert closures(KNOWN, day[0], symbols=(NDX,)) == [FRIDAY], "one symbol is enough where there is no other"


@pytest.mark.parametrize(
    "dji",
    [
        pytest.param([], id="not fetched yet"),
        pytest.param([row(DJI, FRIDAY, Status.PARTIAL)], id="has bars"),
        pytest.param([row(DJI, FRIDAY, Status.FAILED)], id="could not be fetched"),
        pytest.param([row(DJI, FRIDAY), row(DJI, FRIDAY, Status.COMPLETE, timeframe=D1)], id="has a day"),
        pytest.param([row(DJI, FRIDAY, late=-60, final=False)], id="still open"),
        pytest.param([row(DJI, FRIDAY, late=1)], id="not settled"),
    ],
)
def test_a_day_of_which_anything_is_known_is_none(dji: list[StoredCoverage]) -> None:
    assert closures(KNOWN, row(NDX, FRIDAY), *dji) == []


def test_symbols_that_never_had_a_bar_are_no_evidence() -> None:
    assert closures(row(NDX, FRIDAY), row(DJI, FRIDAY)) == []


def test_markets_without_an_exchange_have_none() -> None:
    assert closures(row(EURO, THURSDAY, Status.COMPLETE), row(EURO, FRIDAY), symbols=(EURO,)) == []


def test_a_corrected_day_is_none() -> None:
    ndx = replace(NDX, corrections=(Correction(trade_date=FRIDAY),))
    assert closures(KNOWN, row(NDX, FRIDAY), symbols=(ndx,)) == []


def test_each_exchange_is_judged_by_itself_in_one_incident() -> None:
    known = {"NDX": [KNOWN, row(NDX, FRIDAY)], "DJI": [row(DJI, FRIDAY)], "DAX": [row(DAX, FRIDAY, Status.COMPLETE)]}
    surprises = find_closures((DAX, NDX, DJI), known)
    assert surprises == [SurpriseClosure(calendar="XNYS", trade_date=FRIDAY, symbols=("NDX", "DJI"))]
    assert [incident.key for incident in find_surprise_closures(surprises)] == ["surprise_closure|XNYS|2026-11-20"]
    assert paused_sessions(NDX, surprises) == {FRIDAY: True}
    assert paused_sessions(DJI, surprises) == {FRIDAY: False}
    assert paused_sessions(DAX, surprises) == {}


@pytest.mark.parametrize(
    ("stands_for_all", "attempts", "causes"),
    [
        (True, 1, [Cause.INCOMPLETE, Cause.CLOSURE]),
        (True, 8, [Cause.CLOSURE, Cause.CLOSURE]),
        (False, 1, [Cause.CLOSURE, Cause.CLOSURE]),
    ],
)
def test_healing_asks_for_the_minutes_of_one_symbol(stands_for_all: bool, attempts: int, causes: list[Cause]) -> None:
    rows = [row(NDX, FRIDAY, timeframe=timeframe, attempts=attempts) for timeframe in (M1, D1)]
    tasks = backlog(NDX, rows, rows[0].checked_at + timedelta(days=2), paused={FRIDAY: stands_for_all})
    assert [task.cause for task in tasks] == causes
    assert all(task.next_attempt is None for task in tasks if task.cause is Cause.CLOSURE)


def test_a_row_that_is_no_session_any_more_needs_nothing() -> None:
    """A run that was under way when the calendar was corrected stores one."""
    ndx = replace(NDX, corrections=(Correction(trade_date=FRIDAY),))
    assert backlog(ndx, [row(NDX, FRIDAY)], row(NDX, FRIDAY).checked_at + timedelta(days=1)) == []
