"""What judging a session costs, as a multiple of screening the same session in the same run.

The simulator's minutes of the five default symbols are screened and judged session by session, each judged by the 20
before it. Baseline (1.0): ``candles.screen``, session by session. A line a symbol, and one for what judging a whole
batch in order costs beside the screening of that batch in one call.

    .venv/bin/python benchmarks/judging.py [--sessions 60] [--json]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TypeVar

import pandas as pd
from lines import Line, report

from tradematrix_pipelines.candles.frame import PRICES, as_candles
from tradematrix_pipelines.candles.screen import screen
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.judge import judge, judge_in_order
from tradematrix_pipelines.quality.summary import SessionSummary
from tradematrix_pipelines.simulator.instruments import CATALOGUE
from tradematrix_pipelines.simulator.prices import SyntheticPrices

LATER = datetime(2027, 1, 1, tzinfo=UTC)
WARM_UP = 20
Result = TypeVar("Result")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report(
        [line for symbol in DEFAULT_SYMBOLS for line in _measure(symbol, options.sessions + WARM_UP)],
        as_json=options.json,
    )


def _measure(symbol: Symbol, count: int) -> list[Line]:
    sessions = calendar_of(symbol).sessions(date(2025, 1, 1), date(2025, 12, 31))[:count]
    candles = minutes(symbol, sessions)
    history: list[SessionSummary] = []
    screening, judging = [], []
    for session in sessions:
        own = candles[(candles["ts"] >= session.opens_at) & (candles["ts"] < session.closes_at)].reset_index(drop=True)
        screened, seconds = _timed(
            lambda own=own, session=session: screen(own, timeframe=Timeframe.M1, sessions=[session], now=LATER)
        )
        judgement, more = _timed(
            lambda screened=screened, session=session: judge(
                screened.candles, symbol=symbol, timeframe=Timeframe.M1, session=session, history=history[-20:]
            )
        )
        history.append(judgement.summary)
        screening.append(seconds)
        judging.append(more)
    screened, batch_screening = _timed(lambda: screen(candles, timeframe=Timeframe.M1, sessions=sessions, now=LATER))
    _, batch_judging = _timed(
        lambda: judge_in_order(screened.candles, symbol=symbol, timeframe=Timeframe.M1, sessions=sessions)
    )
    ratios = [one / other for one, other in zip(judging[WARM_UP:], screening[WARM_UP:], strict=True)]
    usual = f"{1e3 * statistics.median(judging[WARM_UP:]):.2f} ms"
    batch = f"{1e3 * batch_judging / len(sessions):.2f} ms a session"
    return [
        Line(what=f"verdict of a session, {symbol.name}", against="its screening", ratios=ratios, bar=1.5, note=usual),
        Line(
            what=f"verdicts of a batch, {symbol.name}",
            against="its screening in one call",
            ratios=[batch_judging / batch_screening],
            note=batch,
        ),
    ]


def minutes(symbol: Symbol, sessions: list[Session]) -> pd.DataFrame:
    """Return the simulator's minutes of these sessions."""
    [instrument] = [one for one in CATALOGUE if one.symbol == symbol.symbol_at("twelve_data")]
    bars = SyntheticPrices().minutes(instrument, sessions, LATER)
    prices = dict(zip(PRICES, bars.ohlcv.T[:4], strict=True))
    return as_candles(pd.DataFrame({"ts": pd.Series(bars.ts).dt.tz_localize("UTC"), **prices}))


def _timed(call: Callable[[], Result]) -> tuple[Result, float]:
    start = time.process_time()
    result = call()
    return result, time.process_time() - start


if __name__ == "__main__":
    main()
