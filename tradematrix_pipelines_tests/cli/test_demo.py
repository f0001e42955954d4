"""What the demo gives to the services that it starts."""

from datetime import date

from sqlalchemy import text

from tradematrix_pipelines.cli.demo import with_stored_history
from tradematrix_pipelines.settings import Settings, child_environment, load_settings
from tradematrix_pipelines.storage.database import Database

_STORED = text("""
    INSERT INTO session_coverage (symbol_id, timeframe, trade_date, status, final, expected, received, rejected,
                                  outside, longest_gap, attempts, checked_at)
    SELECT id, CAST(:timeframe AS ohlc_timeframe), CAST(:day AS date), 'complete', true, 1, 1, 0, 0, 0, 1, now()
    FROM market_symbols WHERE symbol = :symbol
""")


def test_the_partitions_begin_where_minutes_are_stored_unless_their_start_is_set(
    settings: Settings, database: Database
) -> None:
    assert with_stored_history(settings, database) == settings
    with database.engine.begin() as connection:
        for symbol, timeframe, day in (
            ("DAX", "1m", "2026-11-10"),
            ("NDX", "1m", "2026-11-09"),
            ("DAX", "1d", "2026-04-01"),
        ):
            connection.execute(_STORED, {"symbol": symbol, "timeframe": timeframe, "day": day})
    begun = with_stored_history(settings, database)
    assert begun.history_start == date(2026, 11, 9)
    assert child_environment(begun)["TRADEMATRIX_HISTORY_START"] == "2026-11-09"
    chosen = load_settings({"TRADEMATRIX_HISTORY_START": "2025-01-02"})
    assert with_stored_history(chosen, database).history_start == date(2025, 1, 2)
