"""What storing candles costs, as a multiple of the usual recipe in the same run.

Each way stores the same seeded minutes of five symbols in an embedded server, fresh and as an identical replay, the
ways interleaved; medians of the rounds. Baseline (1.0): the usual recipe, COPY into a staging table and
``INSERT … ON CONFLICT DO UPDATE … WHERE … IS DISTINCT FROM``. Also printed: the WAL that a replay writes.

    .venv/bin/python benchmarks/storage.py [--candles 300000] [--rounds 3] [--json]
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import text

from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.candles import copy_candles, write
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols

Store = Callable[[Database, list[SeriesBatch]], None]
BASELINE = "staging + ON CONFLICT"

_UPSERT = text("""
    INSERT INTO ohlc SELECT * FROM staged_ohlc
    ON CONFLICT (symbol_id, timeframe, ts) DO UPDATE
    SET open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
        volume = excluded.volume, source = excluded.source
    WHERE (ohlc.open, ohlc.high, ohlc.low, ohlc.close, ohlc.volume)
          IS DISTINCT FROM (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)
""")


def ours(database: Database, batches: list[SeriesBatch]) -> None:
    """Store as the project does."""
    write(database.engine, batches, now=database.clock.now())


def usual(database: Database, batches: list[SeriesBatch]) -> None:
    """Store by the usual recipe, with the same encoder."""
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TEMP TABLE staged_ohlc (LIKE ohlc) ON COMMIT DROP"))
        copy_candles(connection, batches, table="staged_ohlc", now=database.clock.now())
        connection.execute(_UPSERT)


def delete_and_copy(database: Database, batches: list[SeriesBatch]) -> None:
    """Delete the range and COPY, as Dagster's own database IO managers do."""
    with database.engine.begin() as connection:
        for batch in batches:
            connection.execute(
                text("DELETE FROM ohlc WHERE symbol_id = :id AND timeframe = '1m' AND ts BETWEEN :first AND :last"),
                {
                    "id": batch.symbol.id,
                    "first": batch.candles["ts"].iloc[0].to_pydatetime(),
                    "last": batch.candles["ts"].iloc[-1].to_pydatetime(),
                },
            )
        copy_candles(connection, batches, table="ohlc", now=database.clock.now())


WAYS: dict[str, Store] = {BASELINE: usual, "tradematrix": ours, "delete + COPY": delete_and_copy}


@dataclass(frozen=True)
class Cost:
    """Seconds, and bytes of WAL."""

    seconds: float
    wal: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candles", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tradematrix-") as home:
        settings = load_settings({"TRADEMATRIX_HOME": str(Path(home) / "home")})
        with Database.open(settings) as database:
            batches = [_minutes(symbol, options.candles // 5) for symbol in read_symbols(database.engine)]
            rounds = [_round(database, batches) for _ in range(options.rounds)]
    _report(rounds, as_json=options.json)


def _minutes(symbol: Symbol, count: int) -> SeriesBatch:
    random = np.random.default_rng(symbol.id)
    close = 1.1 + random.normal(0, 1e-4, count).cumsum() * 0.01
    ts = pd.date_range("2024-01-01", periods=count, freq="1min", tz="UTC")
    rows = {"ts": ts, "open": close, "high": close + 1e-3, "low": close - 1e-3, "close": close}
    return SeriesBatch(symbol=symbol, timeframe=Timeframe.M1, candles=as_candles(pd.DataFrame(rows)), source="bench")


def _round(database: Database, batches: list[SeriesBatch]) -> dict[str, tuple[Cost, Cost]]:
    costs = {}
    for name, store in WAYS.items():
        with database.engine.begin() as connection:
            connection.execute(text("TRUNCATE ohlc"))
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("CHECKPOINT"))
        fresh, replay = _cost(database, batches, store), _cost(database, batches, store)
        costs[name] = (fresh, replay)
    return costs


def _cost(database: Database, batches: list[SeriesBatch], store: Store) -> Cost:
    before = _wal_position(database)
    start = time.perf_counter()
    store(database, batches)
    seconds = time.perf_counter() - start
    return Cost(seconds, _wal_position(database) - before)


def _wal_position(database: Database) -> int:
    with database.engine.connect() as connection:
        return int(connection.execute(text("SELECT pg_current_wal_insert_lsn() - '0/0'")).scalar_one())


def _report(rounds: list[dict[str, tuple[Cost, Cost]]], *, as_json: bool) -> None:
    rows = []
    for name in WAYS:
        ratios = [
            statistics.median(costs[name][kind].seconds / costs[BASELINE][kind].seconds for costs in rounds)
            for kind in (0, 1)
        ]
        wal = statistics.median(costs[name][1].wal for costs in rounds) / 1e6
        rows.append(
            {"way": name, "fresh": round(ratios[0], 2), "replay": round(ratios[1], 2), "replay_wal_mb": round(wal, 1)}
        )
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    print(f"seconds as a multiple of: {BASELINE}")
    for row in rows:
        print(
            "{way:24} fresh {fresh:5.2f}   replay {replay:5.2f}   WAL of a replay {replay_wal_mb:7.1f} MB".format(**row)
        )


if __name__ == "__main__":
    main()
