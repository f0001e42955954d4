"""What coarser bars cost, as a multiple of polars' ``group_by_dynamic`` of the same rows in the same run.

Seeded minutes of EUR/USD's sessions, in memory. Baseline (1.0): polars, which knows no sessions: its bars are anchored
at midnight, and none is cut at a close. Interleaved; medians of the rounds' ratios.

    .venv/bin/python benchmarks/resampling.py [--candles 1000000] [--rounds 7] [--json]
"""

import argparse
from datetime import UTC, date, datetime
from functools import partial

import pandas as pd
import polars as pl
from lines import Line, report
from measuring import in_rounds, ratios
from reader import seeded

from tradematrix_pipelines.candles.frame import VALUES
from tradematrix_pipelines.candles.resample import resample
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe

LATER = datetime(2027, 1, 1, tzinfo=UTC)
COARSER = (Timeframe.M5, Timeframe.M15, Timeframe.H1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candles", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    [symbol] = [one for one in DEFAULT_SYMBOLS if one.name == "EUR/USD"]
    sessions, count = [], 0
    for session in calendar_of(symbol).sessions(date(2023, 1, 2), date(2026, 11, 20)):
        if count >= options.candles:
            break
        sessions.append(session)
        count += len(session.bar_opens(Timeframe.M1))
    candles = seeded(symbol, sessions).assign(volume=1.0)
    frame = pl.from_pandas(candles).set_sorted("ts")
    lines = []
    for timeframe in COARSER:
        ways = {
            "polars": partial(_polars, frame, timeframe),
            "ours": partial(_ours, candles, timeframe, sessions),
        }
        rounds = in_rounds(ways, options.rounds + 1)[1:]
        lines.append(
            Line(
                what=f"{len(candles):,} minutes to {timeframe}, with sessions",
                against="polars' group_by_dynamic without",
                ratios=ratios(rounds, "ours", "polars"),
                bar=1.0,
            )
        )
    report(lines, as_json=options.json)


def _ours(candles: pd.DataFrame, timeframe: Timeframe, sessions: list[Session]) -> pd.DataFrame:
    return resample(candles, timeframe=timeframe, sessions=sessions, now=LATER)


def _polars(frame: pl.DataFrame, timeframe: Timeframe) -> pl.DataFrame:
    first, highest, lowest, last, total = (pl.col(name) for name in VALUES)
    return frame.group_by_dynamic("ts", every=f"{timeframe.minutes}m").agg(
        first.first(), highest.max(), lowest.min(), last.last(), total.sum()
    )


if __name__ == "__main__":
    main()
