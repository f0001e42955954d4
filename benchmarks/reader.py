"""What ``tm.candles`` costs, as a multiple of the fastest frame of the same rows in the same run.

A million seeded minutes of five symbols, with the coverage of their sessions, in an embedded server. Baseline (1.0):
a new ADBC connection and ``SELECT`` of the bare columns, by key, as a pandas frame: no symbol names, no sessions, no
check of what is missing. The ways are interleaved; medians of the rounds' ratios, and the ratio of the fastest rounds,
which a busy machine disturbs less. Then one symbol-day after the other in ``tm.connected()``, against the same rows by
ADBC on an open connection; and the CPU of a cold import of the package beside that of pandas.

    .venv/bin/python benchmarks/reader.py [--candles 1000000] [--rounds 7] [--json]
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial

import numpy as np
import pandas as pd
from adbc_driver_postgresql import dbapi
from lines import Line, report
from measuring import Rounds, cpu_of, in_rounds, ratios
from sqlalchemy import text

import tradematrix_pipelines as tm
from tradematrix_pipelines.candles.coverage import Coverage, Status, Verdict
from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols

BASELINE = "ADBC, bare columns"
OPEN, NEW = "the same rows by ADBC, open connection", "the same rows by ADBC, new connection"
KEPT = "tm.candles in tm.connected()"
PACKAGE = "tradematrix_pipelines"
FIRST, NOW = date(2022, 1, 3), datetime(2026, 11, 20, 23, tzinfo=UTC)
_BARE = """
    SELECT symbol_id, ts, open, high, low, close, volume FROM ohlc WHERE timeframe = '1m' ORDER BY symbol_id, ts
"""
_DAY = """
    SELECT ts, open, high, low, close, volume FROM ohlc
    WHERE symbol_id = {} AND timeframe = '1m' AND ts >= '{}' AND ts < '{}' ORDER BY ts
"""
_NAMED = """
    SELECT s.symbol, o.ts, o.open, o.high, o.low, o.close, o.volume, o.source
    FROM ohlc AS o JOIN market_symbols AS s ON s.id = o.symbol_id WHERE timeframe = '1m' ORDER BY s.symbol, o.ts
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candles", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tradematrix-") as home:
        os.environ |= {"TRADEMATRIX_HOME": home, "TRADEMATRIX_CLOCK": NOW.isoformat()}
        with Database.open(load_settings()) as database:
            symbols = read_symbols(database.engine)
            last = last_date(symbols, options.candles)
            for symbol in symbols:
                fill(database, symbol, last)
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))
            url = database.databases.market.set(drivername="postgresql").render_as_string(hide_password=False)
            ways = _ways(url, [symbol.name for symbol in symbols], last)
            rows = {name: len(way()) for name, way in ways.items()}  # warms the server, and loads what is needed
            if len(set(rows.values())) > 1:
                raise SystemExit(f"the ways differ in their rows: {rows}")
            rounds = in_rounds(ways, options.rounds)
            with tm.connected():
                days = in_rounds(_days(database, url, symbols[0], last), options.rounds + 1)[1:]
    imports = {name: [sys.executable, "-c", f"import {name}"] for name in (PACKAGE, "pandas")}
    cold = in_rounds({name: partial(cpu_of, command) for name, command in imports.items()}, 5, lambda way: way())
    report(_lines(rounds, days, cold, candles=rows[BASELINE]), as_json=options.json)


def _ways(url: str, names: list[str], last: date) -> dict[str, Callable[[], pd.DataFrame]]:
    return {
        BASELINE: lambda: _adbc(url, _BARE),
        "tm.candles": lambda: tm.candles(names, "1m", FIRST, last, strict=True),
        "tm.candles, arrow": lambda: tm.candles(names, "1m", FIRST, last, strict=True, as_="arrow"),
        "tm.candles, polars": lambda: tm.candles(names, "1m", FIRST, last, strict=True, as_="polars"),
        "ADBC, joined text columns": lambda: _adbc(url, _NAMED),
    }


def _adbc(url: str, query: str) -> pd.DataFrame:
    with dbapi.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        frame: pd.DataFrame = cursor.fetch_df()
        return frame


def last_date(symbols: list[Symbol], count: int) -> date:
    """Return the trade date by which the symbols have had this many minutes together."""
    day = FIRST
    while count > 0:
        sessions = [session for symbol in symbols if (session := calendar_of(symbol).session(day)) is not None]
        count -= sum(len(session.bar_opens(Timeframe.M1)) for session in sessions)
        day += timedelta(days=1)
    return day - timedelta(days=1)


def fill(database: Database, symbol: Symbol, last: date) -> None:
    """Store a seeded minute for each of a symbol's sessions up to a date, with their coverage."""
    sessions = calendar_of(symbol).sessions(FIRST, last)
    batch = SeriesBatch(
        symbol=symbol,
        timeframe=Timeframe.M1,
        candles=seeded(symbol, sessions),
        coverage=tuple(_complete(session) for session in sessions),
        source="bench",
    )
    write(database.engine, [batch], now=NOW - timedelta(days=1))


def seeded(symbol: Symbol, sessions: Sequence[Session]) -> pd.DataFrame:
    """Return a candle (``candles.frame``) for each minute of a symbol's sessions."""
    opens = np.concatenate([session.bar_opens(Timeframe.M1) for session in sessions])
    random = np.random.default_rng(symbol.id)
    close = 1.1 + random.normal(0, 1e-4, len(opens)).cumsum() * 0.01
    ts = pd.Series(opens).dt.tz_localize("UTC")
    rows = pd.DataFrame({"ts": ts, "open": close, "high": close + 1e-3, "low": close - 1e-3, "close": close})
    return as_candles(rows)


def _complete(session: Session) -> Coverage:
    bars = len(session.bar_opens(Timeframe.M1))
    return Coverage(
        timeframe=Timeframe.M1,
        trade_date=session.trade_date,
        status=Status.COMPLETE,
        final=True,
        expected=bars,
        received=bars,
        source="bench",
        opens_at=session.opens_at,
        closes_at=session.closes_at,
        verdict=Verdict.ACCEPTED,
    )


def _days(database: Database, url: str, symbol: Symbol, last: date) -> dict[str, Callable[[], object]]:
    """Return ways of reading the last twenty sessions, one by one.

    Without a URL, ``tm.candles`` reads over the connections that the caller keeps open.
    """
    sessions = calendar_of(symbol).sessions(max(FIRST, last - timedelta(days=40)), last)[-20:]
    days = [session.trade_date for session in sessions]
    windows = [(session.opens_at, session.closes_at) for session in sessions]
    connection = dbapi.connect(url, autocommit=True)

    def ask(cursor: dbapi.Cursor, window: tuple[datetime, datetime]) -> None:
        # Written out: ADBC takes longer over parameters.
        cursor.execute(_DAY.format(symbol.id, *window))
        cursor.fetch_df()

    def on_open() -> None:
        with connection.cursor() as cursor:
            for window in windows:
                ask(cursor, window)

    def on_new() -> None:
        for window in windows:
            with dbapi.connect(url, autocommit=True) as new, new.cursor() as cursor:
                ask(cursor, window)

    def read(database_url: str | None) -> None:
        for day in days:
            tm.candles(symbol.name, "1m", day, day, strict=True, url=database_url)

    return {
        OPEN: on_open,
        NEW: on_new,
        "tm.candles": partial(read, url),
        KEPT: partial(read, None),
        "stored candles": lambda: [database.candles.table(symbol, Timeframe.M1, *window) for window in windows],
    }


def _lines(rounds: Rounds, days: Rounds, cold: Rounds, *, candles: int) -> list[Line]:
    lines = []
    for name in rounds[0]:
        if name != BASELINE:
            fastest = min(one[name] for one in rounds) / min(one[BASELINE] for one in rounds)
            lines.append(
                Line(
                    what=f"{name}, {candles:,} rows",
                    against=BASELINE,
                    ratios=ratios(rounds, name, BASELINE),
                    bar=1.1 if name == "tm.candles" else None,
                    note=f"fastest round {fastest:.2f}",
                )
            )
    day = "of one symbol-day"
    return [
        *lines,
        Line(what=f"{KEPT} {day}", against=OPEN, ratios=ratios(days, KEPT, OPEN), bar=1.5),
        Line(what=f"tm.candles {day}", against=NEW, ratios=ratios(days, "tm.candles", NEW)),
        Line(what=f"rows {day}, database open", against=OPEN, ratios=ratios(days, "stored candles", OPEN)),
        Line(what=f"import {PACKAGE}, CPU", against="import pandas", ratios=ratios(cold, PACKAGE, "pandas")),
    ]


if __name__ == "__main__":
    main()
