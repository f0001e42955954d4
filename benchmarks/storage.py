"""What storing candles costs, as a multiple of raw COPY in the same run.

Seeded minutes of five symbols in an embedded server with its defaults, from frames in memory to COMMIT. Baseline (1.0):
binary COPY of ready-made bytes of the same rows into the same table, empty, with its indexes and checks. Each round
measures the baseline and every way; medians of the rounds' ratios, with minimum and maximum.

The last two ways are what a user would write; they store a tenth of the rows, and are counted a row.

    .venv/bin/python benchmarks/storage.py [--candles 1000000] [--into 10000000] [--rounds 5] [--json]
"""

import argparse
import os
import platform
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
from lines import Line, report
from measuring import ratios, seconds
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.copy import COPY_COLUMNS, HEADER, TRAILER, encode
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.storage.tables import ohlc

BASELINE = "raw COPY"
STORED_AT = datetime(2026, 11, 20, 23, tzinfo=UTC)
START = pd.Timestamp("2024-01-01", tz="UTC")
SESSION = 510  # minutes of a day of DAX
Batches = Sequence[SeriesBatch]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candles", type=int, default=1_000_000)
    parser.add_argument("--into", type=int, default=10_000_000, help="rows that a full table holds before")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tradematrix-") as home:
        settings = load_settings({"TRADEMATRIX_HOME": str(Path(home) / "home")})
        with Database.open(settings) as database:
            bench = Bench(database, options.candles)
            rounds = [bench.round() for _ in range(options.rounds)]
            bench.fill(options.into)
            full = [bench.full() for _ in range(options.rounds)]
    lines = _lines(rounds, full, into=options.into)
    if not options.json:
        machine = f"Python {platform.python_version()}, {bench.version}, {os.cpu_count()} cores"
        print(f"{options.candles:,} candles, {options.rounds} rounds; {machine}")
    report(lines, as_json=options.json)


class Bench:
    """The ways of storing, each timed on a table in the state that it is about."""

    def __init__(self, database: Database, candles: int) -> None:
        self.database = database
        self.batches = [_minutes(symbol, START, candles // 5) for symbol in read_symbols(database.engine)]
        self.raw = _ready(self.batches)
        self.version = _version(database)

    def round(self) -> dict[str, float]:
        """Return the seconds of each way, and the WAL of a replay in bytes."""
        costs = {}
        self._empty()
        costs[BASELINE] = seconds(lambda: self._copy(self.raw))
        self._empty()
        costs["fresh"] = seconds(lambda: self._store(self.batches))
        self._settle()
        before = self._wal()
        costs["identical replay"] = seconds(lambda: self._store(self.batches))
        costs["WAL"] = self._wal() - before
        revised = [_revised(batch) for batch in self.batches]
        self._settle()
        costs["1% revised"] = seconds(lambda: self._store(revised))
        self._empty()
        self._store([replace(batch, candles=batch.candles.iloc[::2]) for batch in self.batches])
        self._settle()
        costs["half new"] = seconds(lambda: self._store(self.batches))
        self._empty()
        costs["fresh, two writers"] = seconds(self._two_writers)
        return costs | self._days() | self._usual()

    def fill(self, rows: int) -> None:
        """Store so many minutes before those of the rounds."""
        self._empty()
        start = START - pd.Timedelta(minutes=rows // len(self.batches))
        for batch in self.batches:
            self._store([_minutes(batch.symbol, start, rows // len(self.batches))])
        self._store(self.batches)

    def full(self) -> float:
        """Return the seconds of an identical replay into the table that :meth:`fill` left."""
        self._settle()
        return seconds(lambda: self._store(self.batches))

    def _days(self) -> dict[str, float]:
        """Twenty sessions of one symbol, each a transaction of its own on an open connection."""
        symbol = self.batches[0].symbol
        days = [[_minutes(symbol, START + pd.Timedelta(days=day), SESSION)] for day in range(20)]
        ready = [_ready(day) for day in days]
        self._empty()
        raw = seconds(lambda: [self._copy(day) for day in ready])
        self._empty()
        return {"raw COPY of a day": raw, "one symbol-day": seconds(lambda: [self._store(day) for day in days])}

    def _usual(self) -> dict[str, float]:
        """Return the seconds a row of what a user would write, by a tenth of the rows."""
        tenth = [replace(batch, candles=batch.candles.iloc[: len(batch.candles) // 10]) for batch in self.batches]
        frame = pd.concat([_frame(batch) for batch in tenth])
        self._empty()
        engine = self.database.engine
        options = {
            "if_exists": "append",
            "index": False,
            "chunksize": 10_000,
            "dtype": {"timeframe": ohlc.c.timeframe.type},
        }
        inserted = seconds(lambda: frame.to_sql("ohlc", engine, **options))
        self._empty()
        upserted = seconds(lambda: self._upsert(frame))
        share = len(frame) / sum(len(batch.candles) for batch in self.batches)
        return {"DataFrame.to_sql": inserted / share, "SQLAlchemy on_conflict_do_update": upserted / share}

    def _upsert(self, frame: pd.DataFrame) -> None:
        statement = insert(ohlc)
        changed = {name: statement.excluded[name] for name in ("open", "high", "low", "close", "volume", "source")}
        upsert = statement.on_conflict_do_update(index_elements=["symbol_id", "timeframe", "ts"], set_=changed)
        rows = frame.assign(volume=None).to_dict("records")
        with self.database.engine.begin() as connection:
            for start in range(0, len(rows), 1_000):
                connection.execute(upsert, rows[start : start + 1_000])

    def _two_writers(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._store, (self.batches[:3], self.batches[3:])))

    def _store(self, batches: Batches) -> None:
        write(self.database.engine, batches, now=STORED_AT)

    def _copy(self, data: bytes) -> None:
        with self.database.engine.begin() as connection:
            driver: psycopg.Connection[tuple[object, ...]] | None = connection.connection.driver_connection
            assert driver is not None
            statement = f"COPY ohlc ({', '.join(COPY_COLUMNS)}) FROM STDIN WITH (FORMAT binary)"
            with driver.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                copy.write(data)

    def _empty(self) -> None:
        with self.database.engine.begin() as connection:
            connection.execute(text("TRUNCATE ohlc, ohlc_revisions"))
        self._settle()

    def _settle(self) -> None:
        with self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE ohlc"))
            connection.execute(text("CHECKPOINT"))

    def _wal(self) -> int:
        with self.database.engine.connect() as connection:
            return int(connection.execute(text("SELECT pg_current_wal_insert_lsn() - '0/0'")).scalar_one())


def _lines(rounds: list[dict[str, float]], full: list[float], *, into: int) -> list[Line]:
    def of(way: str, baseline: str = BASELINE) -> list[float]:
        return ratios(rounds, way, baseline)

    replays = [again / one[BASELINE] for again, one in zip(full, rounds, strict=True)]
    return [
        Line(what="fresh", against=BASELINE, ratios=of("fresh"), bar=1.05),
        Line(what="fresh, two writers", against=BASELINE, ratios=of("fresh, two writers"), bar=0.8),
        Line(what="identical replay", against=BASELINE, ratios=of("identical replay"), bar=0.9),
        Line(what="WAL of that", against="1 MB", ratios=[one["WAL"] / 1e6 for one in rounds], bar=1.0),
        Line(what="1% revised", against=BASELINE, ratios=of("1% revised"), bar=1.1),
        Line(what="half new", against=BASELINE, ratios=of("half new"), bar=1.6),
        Line(what=f"replay into {into:,}", against=BASELINE, ratios=replays, bar=1.0 if into <= 10_000_000 else 1.1),
        Line(
            what="one symbol-day",
            against="raw COPY of a day",
            ratios=of("one symbol-day", "raw COPY of a day"),
            bar=1.5,
        ),
        Line(what="DataFrame.to_sql", against="fresh", ratios=of("DataFrame.to_sql", "fresh"), bar=8, side="≥"),
        Line(
            what="SQLAlchemy on_conflict_do_update",
            against="fresh",
            ratios=of("SQLAlchemy on_conflict_do_update", "fresh"),
            bar=15,
            side="≥",
        ),
    ]


def _minutes(symbol: Symbol, start: pd.Timestamp, count: int) -> SeriesBatch:
    random = np.random.default_rng(symbol.id)
    close = 1.1 + random.normal(0, 1e-4, count).cumsum() * 0.01
    ts = pd.date_range(start, periods=count, freq="1min")
    rows = {"ts": ts, "open": close, "high": close + 1e-3, "low": close - 1e-3, "close": close}
    return SeriesBatch(symbol=symbol, timeframe=Timeframe.M1, candles=as_candles(pd.DataFrame(rows)), source="bench")


def _revised(batch: SeriesBatch) -> SeriesBatch:
    candles = batch.candles.copy()
    candles.loc[candles.index[::100], "high"] += 1e-3
    return replace(batch, candles=candles)


def _frame(batch: SeriesBatch) -> pd.DataFrame:
    added = {"symbol_id": batch.symbol.id, "timeframe": str(batch.timeframe), "source": batch.source}
    return batch.candles.assign(**added, stored_at=STORED_AT)


def _ready(batches: Batches) -> bytes:
    tuples = (data for batch in batches for data in encode(batch, stored_at=STORED_AT))
    return b"".join([HEADER, *tuples, TRAILER])


def _version(database: Database) -> str:
    with database.engine.connect() as connection:
        return "PostgreSQL " + str(connection.execute(text("SHOW server_version")).scalar_one()).split()[0]


if __name__ == "__main__":
    main()
