"""Real market data through the whole pipeline: exactly the sessions that a separate script reports for it."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import text

from tradematrix_pipelines.cli.backfill import backfill
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import InstrumentType, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.level_book import read_book
from tradematrix_pipelines.storage.levels import read_levels
from tradematrix_pipelines.storage.symbols import add_symbols, find_symbols
from tradematrix_pipelines.storage.tables import levels_daily

ADDED = (
    Symbol(name="SPX", calendar="XNYS", instrument=InstrumentType.INDEX, tick_size=0.01, currency="USD"),
    Symbol(
        name="XAU/USD", calendar="FX", instrument=InstrumentType.METAL, tick_size=0.01, currency="USD", gap_tolerance=75
    ),
)
# The files start or end within these sessions: what is there is stored, and nothing follows from it.
INCOMPLETE = {
    ("EUR/USD", date(2014, 5, 1)),
    ("EUR/USD", date(2014, 5, 16)),
    ("EUR/USD", date(2018, 4, 3)),
    ("XAU/USD", date(2014, 5, 1)),
}


@dataclass(frozen=True)
class Answer:
    """One row of answers_sessions.csv."""

    symbol: str
    trade_date: date
    opens_at: datetime
    closes_at: datetime
    bars: int
    prices: tuple[float, float, float, float]


@pytest.fixture(scope="module")
def answers(shared_data: Path) -> list[Answer]:
    with (shared_data / "market" / "answers_sessions.csv").open() as file:
        return [
            Answer(
                row["symbol"],
                date.fromisoformat(row["trade_date"]),
                datetime.fromisoformat(row["session_open"]),
                datetime.fromisoformat(row["session_close"]),
                int(row["bars"]),
                (float(row["open"]), float(row["high"]), float(row["low"]), float(row["close"])),
            )
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def files_settings(module_installation: Callable[..., Settings], shared_data: Path) -> Settings:
    return module_installation(
        TRADEMATRIX_VENDOR="files",
        TRADEMATRIX_FILES_DIR=str(shared_data / "market"),
        TRADEMATRIX_HISTORY_START="2013-01-01",
    )


@pytest.fixture(scope="module")
def stored(files_settings: Settings, answers: list[Answer]) -> Iterator[Database]:
    with Database.open(files_settings) as database:
        add_symbols(database.engine, ADDED)
        for name in dict.fromkeys(answer.symbol for answer in answers):
            symbols = find_symbols(database.engine, [name])
            for year in sorted({answer.trade_date.year for answer in answers if answer.symbol == name}):
                dates = [a.trade_date for a in answers if a.symbol == name and a.trade_date.year == year]
                backfill(files_settings, database, symbols, first=dates[0], last=dates[-1], timeframes=list(Timeframe))
        yield database


def test_exactly_these_sessions_are_stored_and_used_for_the_next_levels(
    stored: Database, answers: list[Answer]
) -> None:
    with stored.engine.connect() as connection:
        total = connection.execute(text("SELECT count(*) FROM ohlc WHERE timeframe = '1m'")).scalar_one()
    assert total == sum(answer.bars for answer in answers), "a candle outside the sessions is stored, or one is missing"
    for answer in answers:
        [symbol] = find_symbols(stored.engine, [answer.symbol])
        candles = stored.candles.series(symbol, Timeframe.M1, answer.opens_at, answer.closes_at)
        assert len(candles) == answer.bars, answer
        prices = (candles["open"].iloc[0], candles["high"].max(), candles["low"].min(), candles["close"].iloc[-1])
        assert prices == answer.prices, answer
        coming = get_calendar(symbol.calendar).next(answer.trade_date).trade_date
        levels = read_levels(stored.engine, levels_daily, [symbol], coming, coming)
        if (answer.symbol, answer.trade_date) in INCOMPLETE:
            assert levels.empty, f"levels from an incomplete session: {answer}"
            continue
        [row] = levels.to_dict("records")
        assert (row["y_open"], row["y_high"], row["y_low"], row["y_close"]) == answer.prices
        assert row["y_trade_date"] == answer.trade_date


def test_a_half_day_has_its_210_minutes_and_four_hours(stored: Database) -> None:
    [spx] = find_symbols(stored.engine, ["SPX"])
    day = (datetime(2023, 7, 3, tzinfo=UTC), datetime(2023, 7, 4, tzinfo=UTC))
    assert len(stored.candles.series(spx, Timeframe.M1, *day)) == 210
    hours = stored.candles.series(spx, Timeframe.H1, *day)
    assert [f"{ts:%H:%M}" for ts in hours["ts"]] == ["13:30", "14:30", "15:30", "16:30"]


def test_the_level_book_of_days_that_are_worked_out_by_hand(stored: Database) -> None:
    # As in levels/book/test_golden.py, but the whole way.
    def book(name: str, day: date) -> dict[tuple[str, str], tuple[float, str]]:
        rows = read_book(stored.engine, find_symbols(stored.engine, [name]), day, day).to_dict("records")
        return {(row["kind"], row["name"]): (row["price"], f"{row['known_at']:%d %H:%M}") for row in rows}

    dax = book("DAX", date(2019, 2, 21))
    assert dax["gap", "fill"] == (11409.9, "21 08:01")
    assert dax["gap", "filled"] == (11409.9, "21 08:56")
    assert dax["opening_range", "60m low"] == (11409.5, "21 09:00")
    half = book("SPX", date(2023, 7, 3))
    assert half["initial_balance", "high"] == (4452.38, "03 14:30")
    after = book("SPX", date(2023, 7, 5))
    assert after["time_profile", "poc"] == (4450.05, "03 17:00")
    assert after["previous_day", "low"] == (4442.29, "03 17:00")
    assert ("previous_week", "high") not in after, "not all of its sessions are stored"
    euro = book("EUR/USD", date(2014, 5, 6))
    assert euro["session_windows", "london high"] == (1.3951, "06 16:00")
    assert euro["session_windows", "asia low"] == (1.38716, "06 09:00")


def test_only_complete_partitions_show_as_materialized(stored: Database, files_settings: Settings) -> None:
    del stored
    from tradematrix_pipelines.defs.internals.dagster_home import open_instance

    with open_instance(files_settings) as instance:
        minutes = instance.get_materialized_partitions(dg.AssetKey("ohlc_1m"))
        days = instance.get_materialized_partitions(dg.AssetKey("ohlc_1d"))
        levels = instance.get_materialized_partitions(dg.AssetKey("pivot_points"))
    incomplete = {f"{day}|{symbol}" for symbol, day in INCOMPLETE}
    assert not incomplete & minutes
    assert not incomplete & days
    assert {"2014-05-02|EUR/USD", "2019-02-22|DAX", "2023-07-03|SPX"} <= minutes & days
    assert {"2019-02-21|DAX", "2019-02-25|DAX", "2023-07-05|SPX"} <= levels
    assert "2014-05-02|EUR/USD" not in levels
