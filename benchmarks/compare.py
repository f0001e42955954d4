"""What ``tradematrix compare`` costs, as a multiple of reading both databases' candles as frames in the same run.

A million seeded minutes of five symbols in an embedded server, and beside them the old system's database with the same
candles: uuids, ``numeric``, Berlin's clock stamped as UTC. Baseline (1.0): a new ADBC connection to each, and
``SELECT`` of the bare columns as a pandas frame. Compared is what the command compares: the shift is looked for, each
series placed in its sessions, and every value looked at. The ways are interleaved; medians of the rounds' ratios.

    .venv/bin/python benchmarks/compare.py [--candles 1000000] [--rounds 5] [--json]
"""

import argparse
import os
import tempfile

import psycopg
from adbc_driver_postgresql import dbapi
from lines import Line, report
from measuring import in_rounds, ratios
from reader import NOW, fill, last_date
from sqlalchemy import URL

from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.comparing import compare_symbol
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.other_database import OtherDatabase
from tradematrix_pipelines.storage.pairing import pair_symbols
from tradematrix_pipelines.storage.symbols import read_symbols

_TABLES = """
CREATE TABLE market_symbols (id uuid PRIMARY KEY, vendor text NOT NULL, symbol text NOT NULL);
CREATE TABLE ohlc (id uuid DEFAULT gen_random_uuid(), ts timestamptz, symbol_id uuid, timeframe text, open numeric,
    high numeric, low numeric, close numeric, volume bigint DEFAULT 0);
CREATE TABLE levels_daily (trade_date date, symbol_id uuid, y_high numeric);
"""
_ROWS = """
COPY (SELECT (o.ts AT TIME ZONE 'Europe/Berlin') AT TIME ZONE 'UTC', s.legacy_id, o.timeframe::text, o.open::numeric,
        o.high::numeric, o.low::numeric, o.close::numeric
      FROM ohlc AS o JOIN market_symbols AS s ON s.id = o.symbol_id ORDER BY 2, 1) TO STDOUT
"""
_KEY = "ALTER TABLE ohlc ADD PRIMARY KEY (id), ADD UNIQUE (symbol_id, timeframe, ts)"
_BARE = "SELECT ts, symbol_id::text, open::float8, high::float8, low::float8, close::float8, volume::float8 FROM ohlc"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candles", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tradematrix-") as home:
        os.environ |= {"TRADEMATRIX_HOME": home, "TRADEMATRIX_CLOCK": NOW.isoformat()}
        with Database.open(load_settings()) as database:
            symbols = read_symbols(database.engine)
            last = last_date(symbols, options.candles)
            for symbol in symbols:
                fill(database, symbol, last)
            ours = database.databases.market
            theirs = ours.set(database="old")
            _make_old(ours, theirs)
            equal, shifted = _compare(ours, theirs, symbols)
            ways = {"read": lambda: _frames(ours, theirs), "compare": lambda: _compare(ours, theirs, symbols)}
            rounds = in_rounds(ways, options.rounds + 1)[1:]  # the first warms the server
    line = Line(
        what="tradematrix compare",
        against="reading both databases as frames",
        ratios=ratios(rounds, "compare", "read"),
        note=f"{equal:,} equal candles, {shifted} symbols shifted",
    )
    report([line], as_json=options.json)


def _make_old(ours: URL, theirs: URL) -> None:
    with psycopg.connect(_plain(ours), autocommit=True) as source:
        source.execute("CREATE DATABASE old")
        with psycopg.connect(_plain(theirs), autocommit=True) as target:
            target.execute(_TABLES)
            for row in source.execute("SELECT legacy_id, vendor, symbol FROM market_symbols").fetchall():
                target.execute("INSERT INTO market_symbols VALUES (%s, %s, %s)", row)
            columns = "ts, symbol_id, timeframe, open, high, low, close"
            with (
                source.cursor().copy(_ROWS) as rows,
                target.cursor().copy(f"COPY ohlc ({columns}) FROM STDIN") as copy,
            ):
                for data in rows:
                    copy.write(data)
            target.execute(_KEY)
            for connection in (source, target):
                connection.execute("VACUUM ANALYZE")


def _frames(*urls: URL) -> None:
    for url in urls:
        with dbapi.connect(_plain(url), autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(_BARE)
            cursor.fetch_df()


def _compare(ours: URL, theirs: URL, symbols: list[Symbol]) -> tuple[int, int]:
    """Return how many candles are equal, and of how many symbols the stamps are off."""
    with OtherDatabase(ours) as one, OtherDatabase(theirs) as other:
        mine = {pair.symbol.name: pair for pair in pair_symbols(one, symbols).pairs}
        rows = [
            row
            for pair in pair_symbols(other, symbols).pairs
            for row in compare_symbol(
                one, other, mine[pair.symbol.name], pair, timeframes=tuple(Timeframe), since=None, until=None
            )
        ]
    equal = sum(row.difference.equal for row in rows if row.difference is not None)
    return equal, sum(row.shift is not None for row in rows)


def _plain(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


if __name__ == "__main__":
    main()
