"""What native partitioning by month would change, as a multiple of today's table in the same run.

Two databases of an embedded server with the same minutes of five symbols: in one ``ohlc`` as it is, in the other
partitioned by timeframe, its minutes by month. The same code writes and reads both. Each round measures both layouts,
one after the other, and prunes another month; medians of the rounds' ratios, with minimum and maximum.

    .venv/bin/python benchmarks/partitions.py [--candles 4000000] [--rounds 5] [--json]
"""

import argparse
import os
import platform
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from lines import Line, report
from measuring import seconds
from sqlalchemy import text

from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.pruning import free_space, months_to_prune, prune_month
from tradematrix_pipelines.storage.symbols import read_symbols

BASELINE = "today's table"
NOW = datetime(2026, 11, 20, 23, tzinfo=UTC)
START = datetime(2023, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SYMBOLS, MINUTES = 5, 1440

_LAYOUT = """
    ALTER TABLE ohlc RENAME TO ohlc_before;
    CREATE TABLE ohlc (LIKE ohlc_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY LIST (timeframe);
    ALTER TABLE ohlc ADD PRIMARY KEY (symbol_id, timeframe, ts);
    CREATE TABLE ohlc_coarser PARTITION OF ohlc DEFAULT;
    CREATE TABLE ohlc_minutes PARTITION OF ohlc FOR VALUES IN ('1m') PARTITION BY RANGE (ts);
    CREATE TRIGGER ohlc_keep_revision BEFORE UPDATE ON ohlc FOR EACH ROW
        WHEN ((OLD.open, OLD.high, OLD.low, OLD.close, OLD.volume)
              IS DISTINCT FROM (NEW.open, NEW.high, NEW.low, NEW.close, NEW.volume))
        EXECUTE FUNCTION keep_ohlc_revision();
    DROP TABLE ohlc_before CASCADE;
"""
_FILL = text("""
    INSERT INTO ohlc (ts, open, high, low, close, volume, symbol_id, timeframe, source, stored_at)
    SELECT ts, price, price + 0.001, price - 0.001, price, NULL, id, '1m', 'bench', :now
    FROM market_symbols AS s,
        generate_series(CAST(:start AS timestamptz), CAST(:end AS timestamptz) - interval '1 minute', '1 minute') AS ts,
        LATERAL (SELECT 1.1 + 0.01 * sin(extract(epoch FROM ts) / 7919 + id) AS price) AS p
""")
_COVER = text("""
    INSERT INTO session_coverage (symbol_id, timeframe, trade_date, status, final, expected, received, rejected,
        outside, longest_gap, opens_at, closes_at, attempts, checked_at, source)
    SELECT id, '1m', day, 'complete', true, 1440, 1440, 0, 0, 0, day AT TIME ZONE 'UTC',
        (day + interval '1 day') AT TIME ZONE 'UTC', 1, :now, 'bench'
    FROM market_symbols,
        generate_series(CAST(:start AS date)::timestamp, CAST(:end AS date) - interval '1 day', '1 day') AS day
""")
_MARK = text("""
    UPDATE session_coverage SET pruned_at = :now
    WHERE timeframe = '1m' AND trade_date BETWEEN :first AND :last AND pruned_at IS NULL
""")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candles", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    days = options.candles // SYMBOLS // MINUTES
    with tempfile.TemporaryDirectory(prefix="tradematrix-") as home, ExitStack() as stack:
        layouts = [
            Layout(stack.enter_context(_open(home, name)), days=days, partitioned=name == "partitioned")
            for name in ("whole", "partitioned")
        ]
        rounds = [_round(layouts, number) for number in range(options.rounds)]
        sizes = [layout.bytes_a_row for layout in layouts]
        version = layouts[0].version
    if not options.json:
        machine = f"Python {platform.python_version()}, PostgreSQL {version}, {os.cpu_count()} cores"
        print(f"{days * SYMBOLS * MINUTES:,} candles of {days} days, {options.rounds} rounds; {machine}")
    lines = [
        Line(
            what=what,
            against=BASELINE,
            ratios=[partitioned[what] / whole[what] for whole, partitioned in rounds],
            note=f"{np.median([whole[what] for whole, _ in rounds]) * 1e3:,.1f} ms, "
            f"partitioned {np.median([partitioned[what] for _, partitioned in rounds]) * 1e3:,.1f} ms",
        )
        for what in rounds[0][0]
    ]
    lines.append(
        Line(what="bytes a row", against=BASELINE, ratios=[sizes[1] / sizes[0]], note=f"{sizes[0]:.0f} with its key")
    )
    report(lines, as_json=options.json)


class Layout:
    """One of the two databases, filled."""

    def __init__(self, database: Database, *, days: int, partitioned: bool) -> None:
        self.database, self.partitioned, self.end = database, partitioned, START + days * DAY
        self.symbols = read_symbols(database.engine)
        terms = {"start": START, "end": self.end, "now": NOW}
        with database.engine.begin() as connection:
            if partitioned:
                connection.exec_driver_sql(_LAYOUT)
                # A year of months to come, as one would have.
                for month in pd.date_range(START, self.end + 365 * DAY, freq="MS"):
                    after = month + pd.offsets.MonthBegin()
                    connection.exec_driver_sql(
                        f"CREATE TABLE {_name(month)} PARTITION OF ohlc_minutes "
                        f"FOR VALUES FROM ('{month.isoformat()}') TO ('{after.isoformat()}')"
                    )
            connection.execute(_FILL, terms)
            connection.execute(_COVER, terms)
        self.settle()
        with database.engine.connect() as connection:
            size = connection.exec_driver_sql(
                "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('ohlc') "
                if partitioned
                else "SELECT pg_total_relation_size('ohlc')"
            ).scalar_one()
            self.version = str(connection.exec_driver_sql("SHOW server_version").scalar_one()).split()[0]
        self.bytes_a_row = float(size) / (days * SYMBOLS * MINUTES)

    def measure(self, number: int) -> dict[str, float]:
        """Return the seconds of what is done with candles; round ``number`` prunes the month of that number."""
        month = [self.batch(symbol, self.end - 30 * DAY, 30 * MINUTES) for symbol in self.symbols]
        session = [self.batch(self.symbols[0], self.end - 3 * DAY, MINUTES)]
        fresh = [self.batch(symbol, self.end + (number + 1) * DAY, MINUTES) for symbol in self.symbols]
        self.read(self.end - 2 * DAY, self.end - DAY)  # opens the connection
        return {
            "write: a day of five symbols, new (COPY)": _seconds(lambda: self.store(fresh)),
            "write: a month of five symbols again": _seconds(lambda: self.store(month)),
            "write: a day of one symbol again": _seconds(lambda: self.store(session), times=10),
            "read: a symbol's quarter": _seconds(lambda: self.read(self.end - 91 * DAY, self.end), times=5),
            "read: a symbol's day": _seconds(lambda: self.read(self.end - 40 * DAY, self.end - 39 * DAY), times=30),
            "read: the newest candle": _seconds(self.newest, times=30),
            "prune: the oldest month of five symbols": _seconds(lambda: self.prune(number)),
        }

    def batch(self, symbol: Symbol, start: datetime, count: int) -> SeriesBatch:
        """Return minutes of a symbol, as they are stored where they are."""
        ts = pd.date_range(start, periods=count, freq="1min")
        price = 1.1 + 0.01 * np.sin(ts.as_unit("s").asi8 / 7919 + (symbol.id or 0))
        rows = {"ts": ts, "open": price, "high": price + 0.001, "low": price - 0.001, "close": price}
        return SeriesBatch(
            symbol=symbol, timeframe=Timeframe.M1, candles=as_candles(pd.DataFrame(rows)), source="bench"
        )

    def store(self, batches: list[SeriesBatch]) -> None:
        """Store as a run does."""
        write(self.database.engine, batches, now=NOW)

    def read(self, start: datetime, end: datetime) -> None:
        """Read as a program does."""
        rows = self.database.candles.series(self.symbols[1], Timeframe.M1, start, end)
        assert len(rows) == (end - start) // timedelta(minutes=1)

    def newest(self) -> None:
        """Ask for one candle of any time."""
        query = "SELECT ts, close FROM ohlc WHERE symbol_id = %s AND timeframe = '1m' ORDER BY ts DESC LIMIT 1"
        with self.database.engine.connect() as connection:
            connection.exec_driver_sql(query, (self.symbols[1].id,)).one()

    def prune(self, number: int) -> None:
        """Delete a month, until its space can be used again."""
        first = pd.Timestamp(START) + pd.DateOffset(months=number)
        last = first + pd.offsets.MonthEnd()
        if not self.partitioned:
            kept = {Timeframe.M1: timedelta(days=(NOW.date() - (last + DAY).date()).days)}
            months = months_to_prune(self.database.engine, self.symbols, kept, today=NOW.date())
            assert len(months) == SYMBOLS, months
            for month in months:
                prune_month(self.database.engine, month, now=NOW)
            free_space(self.database.engine)
            return
        with self.database.engine.begin() as connection:
            connection.execute(_MARK, {"now": NOW, "first": first.date(), "last": last.date()})
            connection.exec_driver_sql(f"DROP TABLE {_name(first)}")

    def settle(self) -> None:
        """Leave no work of what was written to what comes."""
        with self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE ohlc"))
            connection.execute(text("CHECKPOINT"))


def _open(home: str, name: str) -> Database:
    return Database.open(load_settings({"TRADEMATRIX_HOME": str(Path(home) / name)}))


def _name(month: pd.Timestamp) -> str:
    return f"ohlc_minutes_{month:%Y_%m}"


def _round(layouts: list[Layout], number: int) -> list[dict[str, float]]:
    measured = {}
    for layout in layouts if number % 2 == 0 else reversed(layouts):
        layout.settle()
        measured[layout.partitioned] = layout.measure(number)
    return [measured[False], measured[True]]


def _seconds(way: Callable[[], None], *, times: int = 1) -> float:
    return seconds(lambda: [way() for _ in range(times)]) / times


if __name__ == "__main__":
    main()
