"""Which symbols are read to list what is open: those of which a row says so, and those whose sparseness is relative."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text

from tradematrix_pipelines.automation.backlog import backlog
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.reader.coverage_rows import coverage_rows
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import may_be_open, read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols

NOW, SINCE, FRIDAY = datetime(2026, 11, 20, 23, 0, tzinfo=UTC), date(2026, 11, 16), date(2026, 11, 20)
WEEK = text("""
    INSERT INTO session_coverage (symbol_id, timeframe, trade_date, status, final, expected, received, rejected,
        outside, longest_gap, source, opens_at, closes_at, attempts, checked_at, verdict)
    SELECT s.id, t::ohlc_timeframe, d::date, 'complete', true, 1, 1, 0, 0, 0, 'files', d + interval '8 hours',
        d + interval '16 hours', 1, d + interval '20 hours', 'accepted'
    FROM market_symbols AS s, unnest(ARRAY['1m', '1d']) AS t,
        generate_series(timestamptz '2026-11-16', timestamptz '2026-11-20', interval '1 day') AS d
""")


@pytest.fixture
def week(database: Database) -> Database:
    """A complete week of all symbols, none with a gap tolerance."""
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE market_symbols SET gap_tolerance = NULL"))
        connection.execute(WEEK)
    return database


def change(database: Database, what: str) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql(what)


def names(database: Database) -> list[str]:
    symbols = read_symbols(database.engine)
    found = may_be_open(database.engine, symbols, since=SINCE, now=NOW)
    for symbol in symbols:
        rows = read_coverage(database.engine, [symbol], list(Timeframe), SINCE, FRIDAY)
        assert symbol in found or not backlog(symbol, rows, NOW), "none that has something to fetch is left out"
    return [symbol.name for symbol in found]


@pytest.mark.parametrize(
    ("state", "is_open"),
    [
        ("status = 'partial'", True),
        ("status = 'failed'", True),
        ("status = 'missing', received = 0", True),
        ("verdict = 'doubtful'", True),
        ("final = false", True),
        ("final = false, closes_at = '2026-11-21 01:00+00'", False),
        ("status = 'closed', expected = 0, received = 0, verdict = NULL", False),
    ],
)
def test_a_session_that_is_not_settled_or_not_believed(week: Database, state: str, is_open: bool) -> None:
    assert names(week) == []
    of_friday = "trade_date = '2026-11-20' AND symbol_id = (SELECT id FROM market_symbols WHERE symbol = 'NDX')"
    change(week, f"UPDATE session_coverage SET {state} WHERE timeframe = '1m' AND {of_friday}")
    assert names(week) == (["NDX"] if is_open else [])
    change(week, "UPDATE session_coverage SET trade_date = '2026-11-13' WHERE " + of_friday)
    assert names(week) == [], "before the first trade date"


def test_a_symbol_with_a_gap_tolerance(week: Database) -> None:
    change(week, "UPDATE market_symbols SET gap_tolerance = 15 WHERE symbol = 'EUR/USD'")
    assert names(week) == ["EUR/USD"]


def test_a_surprise_closure_is_listed_as_one(week: Database, settings: Settings) -> None:
    change(
        week,
        "UPDATE session_coverage SET status = 'missing', received = 0, verdict = NULL "
        "WHERE trade_date = '2026-11-20' AND symbol_id = (SELECT id FROM market_symbols WHERE symbol = 'DAX')",
    )
    symbols = may_be_open(week.engine, read_symbols(week.engine), since=SINCE, now=NOW)
    rows = coverage_rows(week, settings, symbols, list(Timeframe), (SINCE, FRIDAY), now=NOW, only_open=True)
    assert [row["symbol"] for row in rows] == ["DAX", "DAX"]
    assert "was it closed?" in str(rows[-1]["reason"])
