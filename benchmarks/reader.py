"""What ``tm.candles`` costs, as a multiple of the fastest frame of the same rows in the same run.

A million seeded minutes of five symbols, with the coverage of their sessions, in an embedded server. Baseline (1.0):
a new ADBC connection and ``SELECT`` of the bare columns, by key, as a pandas frame: no symbol names, no sessions, no
check of what is missing. The ways are interleaved; medians of the rounds' ratios, and the ratio of the fastest rounds,
which a busy machine disturbs less. Also printed: the cold import of the package beside that of pandas.

    .venv/bin/python benchmarks/reader.py [--candles 1000000] [--rounds 7] [--json]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from adbc_driver_postgresql import dbapi
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
FIRST, NOW = date(2022, 1, 3), datetime(2026, 11, 20, 23, tzinfo=UTC)
_BARE = """
    SELECT symbol_id, ts, open, high, low, close, volume FROM ohlc WHERE timeframe = '1m' ORDER BY symbol_id, ts
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
            # Each round begins with another way: what comes after the largest frame pays for its memory.
            names = [*ways, *ways]
            orders = [names[start % len(ways) :][: len(ways)] for start in range(options.rounds)]
            rounds = [{name: _seconds(ways[name]) for name in order} for order in orders]
    _report(rounds, candles=rows[BASELINE], as_json=options.json)


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
    opens = np.concatenate([session.bar_opens(Timeframe.M1) for session in sessions])
    random = np.random.default_rng(symbol.id)
    close = 1.1 + random.normal(0, 1e-4, len(opens)).cumsum() * 0.01
    ts = pd.Series(opens).dt.tz_localize("UTC")
    rows = pd.DataFrame({"ts": ts, "open": close, "high": close + 1e-3, "low": close - 1e-3, "close": close})
    batch = SeriesBatch(
        symbol=symbol,
        timeframe=Timeframe.M1,
        candles=as_candles(rows),
        coverage=tuple(_complete(session) for session in sessions),
        source="bench",
    )
    write(database.engine, [batch], now=NOW - timedelta(days=1))


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


def _seconds(way: Callable[[], pd.DataFrame]) -> float:
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


def _report(rounds: list[dict[str, float]], *, candles: int, as_json: bool) -> None:
    rows = [
        {
            "way": name,
            "ratio": round(statistics.median(one[name] / one[BASELINE] for one in rounds), 2),
            "fastest": round(min(one[name] for one in rounds) / min(one[BASELINE] for one in rounds), 2),
            "seconds": round(min(one[name] for one in rounds), 3),
        }
        for name in sorted(rounds[0], key=lambda name: name != BASELINE)
    ]
    imports = {name: _cold(f"import {name}") for name in ("tradematrix_pipelines", "pandas")}
    if as_json:
        print(json.dumps({"candles": candles, "reading": rows, "import_seconds": imports}, indent=2))
        return
    print(f"{candles:,} candles; seconds as a multiple of: {BASELINE}")
    for row in rows:
        print("{way:28} {ratio:5.2f}   fastest round {fastest:5.2f}   {seconds:6.3f} s".format(**row))
    for name, seconds in imports.items():
        print(f"python -c 'import {name}'".ljust(42) + f"{seconds:6.3f} s")


def _cold(code: str) -> float:
    """Return the median seconds of a fresh process that does this, of five."""
    command, times = [sys.executable, "-c", code], []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, check=True, cwd=Path(__file__).parents[1])
        times.append(time.perf_counter() - start)
    return round(statistics.median(times), 3)


if __name__ == "__main__":
    main()
