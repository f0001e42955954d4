"""What the demo gives to the services that it starts."""

from datetime import date

from sqlalchemy import text

from tradematrix_pipelines.cli.backfill import backfill
from tradematrix_pipelines.cli.demo import make_pages
from tradematrix_pipelines.cli.stored_history import with_stored_history
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.registry import MORNING_REPORT
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings, child_environment, load_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols

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
    real = load_settings({"TWELVE_DATA_API_KEY": "a-key"})
    assert with_stored_history(real, database) == real, "of a real market, any date may be fetched"


def test_the_pages_of_all_levels_are_made_in_one_run_that_dagster_knows(settings: Settings, database: Database) -> None:
    make_pages(settings, database)
    symbols = find_symbols(database.engine, ["DAX"])
    days = {"first": date(2026, 11, 18), "last": date(2026, 11, 20)}
    [outcome] = backfill(settings, database, symbols, timeframes=[Timeframe.D1], **days)
    assert outcome.ok
    make_pages(settings, database)
    with open_instance(settings) as instance:
        made = {"2026-11-19", "2026-11-20", "2026-11-23"}
        assert instance.get_materialized_partitions(MORNING_REPORT) == made
        [run] = [run for run in instance.get_runs() if MORNING_REPORT in (run.asset_selection or ())]
        assert (run.tags["sessions"], run.tags["by"], run.is_success) == ("2026-11-19…23", "cli", True)
