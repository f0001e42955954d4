"""Sessions that wait for the day's credits are selected without reading all that is stored."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from tradematrix_pipelines.storage.coverage import read_due_again
from tradematrix_pipelines.storage.database import Database

NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
YEARS = text("""
    INSERT INTO session_coverage (symbol_id, timeframe, trade_date, status, final, expected, received, rejected,
                                  outside, longest_gap, source, opens_at, closes_at, attempts, checked_at)
    SELECT s.id, t::ohlc_timeframe, d::date, 'complete', true, 1, 1, 0, 0, 0, 'files', d, d + interval '8 hours', 1, d
    FROM market_symbols AS s, unnest(ARRAY['1m', '5m', '15m', '1h', '1d']) AS t,
         generate_series(timestamptz '2020-02-10', timestamptz '2026-11-20', interval '1 day') AS d
""")


@pytest.fixture
def years(database: Database) -> Database:
    """Years of complete sessions of all symbols."""
    with database.engine.begin() as connection:
        connection.execute(YEARS)
        connection.execute(text("ANALYZE session_coverage"))
    return database


def wait(database: Database, day: str, *, until: datetime, symbol: str = "DAX") -> None:
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE session_coverage SET status = 'failed', retry_at = :until WHERE timeframe = '1m' "
                "AND trade_date = :day AND symbol_id = (SELECT id FROM market_symbols WHERE symbol = :symbol)"
            ),
            {"until": until, "day": date.fromisoformat(day), "symbol": symbol},
        )


def test_only_what_waited_for_a_reset_that_has_come(years: Database) -> None:
    wait(years, "2024-05-06", until=NOW)
    wait(years, "2024-05-07", until=NOW + timedelta(seconds=1))
    wait(years, "2024-05-08", until=NOW - timedelta(days=1), symbol="NDX")
    wait(years, "2021-05-06", until=NOW)
    wait(years, "2024-05-09", until=NOW + timedelta(days=300))  # no reset is that far away: a clock was set back
    with years.engine.begin() as connection:
        connection.execute(text("UPDATE market_symbols SET active = false WHERE symbol = 'NDX'"))
        # Not closed yet: a live pull's.
        connection.execute(
            text("UPDATE session_coverage SET retry_at = :now, closes_at = :later WHERE trade_date = '2026-11-19'"),
            {"now": NOW, "later": NOW + timedelta(hours=1)},
        )
    due = read_due_again(years.engine, since=date(2022, 1, 1), now=NOW)
    assert [(row.symbol, str(row.coverage.trade_date)) for row in due] == [
        ("DAX", "2024-05-06"),
        ("DAX", "2024-05-09"),
    ]


def test_the_query_uses_the_index(years: Database) -> None:
    wait(years, "2024-05-06", until=NOW)
    plan = (
        "EXPLAIN SELECT * FROM session_coverage "
        "WHERE (retry_at <= now() OR retry_at > now() + interval '1 day') AND closes_at <= now()"
    )
    with years.engine.connect() as connection:
        lines = connection.execute(text(plan)).scalars().all()
    assert any("session_coverage_retry_at_idx" in line for line in lines), lines
