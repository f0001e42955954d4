"""Metals that were stored by the hours of FX move to their own calendar, with all that is stored of them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, NullPool, create_engine, text

from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.schema import alembic_config
from tradematrix_pipelines.storage.sessions import read_sessions
from tradematrix_pipelines.storage.symbols import read_symbols

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SILVER, GOLD, PLATINUM, PALLADIUM, EURO = range(1, 6)
PAUSING, TICKING, THANKSGIVING, GOOD_FRIDAY = (
    date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 26), date(2026, 4, 3)
)  # fmt: skip
_SYMBOL = text("""
    INSERT INTO market_symbols (id, symbol, instrument, calendar, timezone, currency, tick_size, gap_tolerance)
    VALUES (:id, :symbol, :instrument, :calendar, 'America/New_York', 'USD', 0.01, :tolerance)
""")
_COVERAGE = text("""
    INSERT INTO session_coverage (symbol_id, timeframe, trade_date, status, final, expected, received, rejected,
        outside, longest_gap, source, opens_at, closes_at, attempts, checked_at)
    VALUES (:symbol, CAST(:timeframe AS ohlc_timeframe), :day, CAST(:status AS coverage_status), true, :expected,
        :received, 0, 0, :gap, 'files', :opens, :closes, 1, :checked)
""")
_CANDLE = text("""
    INSERT INTO ohlc (ts, open, high, low, close, symbol_id, timeframe, source)
    VALUES (:ts, :open, :high, :low, :close, :symbol, CAST(:timeframe AS ohlc_timeframe), 'files')
""")


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """Return an instant on the clock of New York, in UTC."""
    shift = 4 if date(2026, 3, 8) <= day < date(2026, 11, 1) else 5
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour + shift, minutes=minute)


class Old:
    """A database of the version before."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def run(self, statement: Any, rows: Sequence[dict[str, Any]]) -> None:
        with self.engine.begin() as connection:
            connection.execute(statement, list(rows))

    def session(self, symbol: int, day: date, starts: datetime, ends: datetime, *, status: str = "complete") -> None:
        """Store a session of FX with minutes from ``starts`` to ``ends``, and the hours and day made of them.

        Its prices rise by 1 a minute from 1,000 at the open of FX on.
        """
        opens, closes = at(day - DAY, 17), at(day, 17)
        count = (ends - starts) // MINUTE
        offset = (starts - opens) // MINUTE
        self._series(symbol, "1m", [(starts + n * MINUTE, offset + n, offset + n) for n in range(count)])
        hours = [(opens + n * HOUR, 60 * n, 60 * n + 59) for n in range(24)]
        inside = [(ts, max(low, offset), min(high, offset + count - 1)) for ts, low, high in hours
                  if ts + HOUR > starts and ts < ends]  # fmt: skip
        self._series(symbol, "1h", inside)
        days = [(opens, offset, offset + count - 1)] if count else []
        self._series(symbol, "1d", days)
        made = {"symbol": symbol, "day": day, "opens": opens, "closes": closes, "checked": closes + HOUR}
        received = {"1m": count, "1h": len(inside), "1d": len(days)}
        expected = {"1m": 1440, "1h": 24, "1d": 1}
        self.run(_COVERAGE, [
            {**made, "timeframe": timeframe, "expected": expected[timeframe], "received": got, "gap": 60,
             "status": status if timeframe == "1m" or not got else "complete"}
            for timeframe, got in received.items()
        ])  # fmt: skip

    def _series(self, symbol: int, timeframe: str, bars: Sequence[tuple[datetime, int, int]]) -> None:
        rows = [
            {"symbol": symbol, "timeframe": timeframe, "ts": ts, "open": 1_000 + first, "low": 1_000 + first,
             "high": 1_000 + last, "close": 1_000 + last}
            for ts, first, last in bars
        ]  # fmt: skip
        if rows:
            self.run(_CANDLE, rows)


@pytest.fixture
def old(settings: Settings) -> Iterator[Old]:
    with open_databases(settings) as databases:
        engine = create_engine(databases.market, poolclass=NullPool)
        with engine.begin() as connection:
            command.upgrade(alembic_config(connection), "0006")
        made = Old(engine)
        made.run(_SYMBOL, [
            {"id": number, "symbol": symbol, "instrument": instrument, "calendar": calendar, "tolerance": tolerance}
            for number, symbol, instrument, calendar, tolerance in (
                (SILVER, "XAG/USD", "metal", "FX", 75), (GOLD, "XAU/USD", "metal", "FX", 90),
                (PLATINUM, "XPT/USD", "metal", "CMES", 75), (PALLADIUM, "XPD/USD", "metal", "METALS", 30),
                (EURO, "EUR/USD", "forex", "FX", 15),
            )
        ])  # fmt: skip
        yield made


def ask(database: Database, query: str) -> list[Any]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_metals_move_and_what_users_set_stays(old: Old, settings: Settings) -> None:
    with Database.open(settings) as database:
        assert [(s.name, s.calendar, s.gap_tolerance) for s in read_symbols(database.engine)] == [
            ("XAG/USD", "METALS", 20), ("XAU/USD", "METALS", 90), ("XPT/USD", "CMES", 75), ("XPD/USD", "METALS", 30),
            ("EUR/USD", "FX", 15),
        ]  # fmt: skip
    silver = next(symbol for symbol in DEFAULT_SYMBOLS if symbol.name == "XAG/USD")
    assert (silver.calendar, silver.gap_tolerance) == ("METALS", 20)


def test_a_session_with_its_pause_is_the_same_an_hour_later(old: Old, settings: Settings) -> None:
    old.session(SILVER, PAUSING, at(PAUSING - DAY, 18), at(PAUSING, 17))
    old.session(EURO, PAUSING, at(PAUSING - DAY, 17), at(PAUSING, 17))
    with Database.open(settings) as database:
        symbols = {symbol.name: symbol for symbol in read_symbols(database.engine)}
        rows = ask(database, "SELECT symbol_id, timeframe::text, opens_at, closes_at, status::text, expected, "
                             "received, longest_gap FROM session_coverage c ORDER BY 1, c.timeframe")  # fmt: skip
        opens, closes = at(PAUSING - DAY, 18), at(PAUSING, 17)
        assert rows[:3] == [
            (SILVER, "1m", opens, closes, "complete", 1380, 1380, 0),
            (SILVER, "1h", opens, closes, "complete", 23, 23, 0),
            (SILVER, "1d", opens, closes, "complete", 1, 1, 0),
        ]
        assert [row[2] for row in rows[3:]] == [at(PAUSING - DAY, 17)] * 3, "not the euro"
        for timeframe, count in (("1m", 1380), ("1h", 23), ("1d", 1)):
            read = read_sessions(database, [symbols["XAG/USD"]], timeframe, PAUSING, PAUSING)  # type: ignore[arg-type]  # an enum of texts
            assert len(read) == count, timeframe
            assert read["ts"].iloc[0] == opens
        assert ask(database, "SELECT count(*) FROM ohlc_revisions") == [(0,)]


def test_what_was_quoted_in_the_pause_is_withdrawn_and_the_day_made_again(old: Old, settings: Settings) -> None:
    old.session(SILVER, TICKING, at(TICKING - DAY, 17), at(TICKING, 17))
    with Database.open(settings) as database:
        opens = at(TICKING - DAY, 18)
        days = "SELECT ts, open, high, low, close FROM ohlc WHERE timeframe = '1d'"
        assert ask(database, days) == [(opens, 1060, 2439, 1060, 2439)]
        assert ask(database, "SELECT min(ts) FROM ohlc") == [(opens,)]
        kept = "SELECT timeframe::text, count(*), bool_and(withdrawn) FROM ohlc_revisions GROUP BY 1 ORDER BY 1"
        assert ask(database, kept) == [("1d", 1, False), ("1h", 1, True), ("1m", 60, True)]


def test_without_complete_candles_the_day_is_made_again_by_a_fetch(old: Old, settings: Settings) -> None:
    old.session(SILVER, TICKING, at(TICKING - DAY, 17), at(TICKING, 17))
    old.run(text("DELETE FROM ohlc WHERE timeframe <> '1d' AND ts BETWEEN :first AND :last"),
            [{"first": at(TICKING, 3), "last": at(TICKING, 6)}])  # fmt: skip
    with Database.open(settings) as database:
        rows = (
            "SELECT timeframe::text, status::text, last_error FROM session_coverage ORDER BY session_coverage.timeframe"
        )
        stale = "made on the hours of calendar FX: fetch it again"
        assert ask(database, rows) == [("1m", "partial", None), ("1h", "partial", None), ("1d", "partial", stale)]


def test_holidays_of_metals_count(old: Old, settings: Settings) -> None:
    old.session(SILVER, THANKSGIVING, at(THANKSGIVING - DAY, 18), at(THANKSGIVING, 14, 30), status="partial")
    old.session(SILVER, GOOD_FRIDAY, at(GOOD_FRIDAY, 9), at(GOOD_FRIDAY, 9), status="missing")
    with Database.open(settings) as database:
        rows = (
            "SELECT trade_date, status::text, opens_at IS NULL FROM session_coverage WHERE timeframe = '1m' ORDER BY 1"
        )
        assert ask(database, rows) == [(GOOD_FRIDAY, "closed", True), (THANKSGIVING, "complete", False)]
