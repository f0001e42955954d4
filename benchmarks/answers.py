"""What taking in an answer of the vendor costs, as a multiple of parsing its JSON in the same run.

5,000 one-minute rows of EUR/USD as the simulator sends them. Baseline (1.0): ``orjson.loads`` of the same bytes.
Measured from bytes to judged sessions: decoded, its outcome and meta read, screened, and judged by twenty sessions
before it. The parts are lines of their own. Interleaved; medians of the rounds' ratios, of CPU.

    .venv/bin/python benchmarks/answers.py [--rows 5000] [--rounds 15] [--json]
"""

import argparse
import json
from datetime import UTC, date, datetime

import orjson
import pandas as pd
from judging import minutes
from lines import Line, report
from measuring import cpu_seconds, in_rounds, ratios

from tradematrix_pipelines.candles.screen import Screened, screen
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.judge import Judgement, judge_in_order
from tradematrix_pipelines.simulator.faults import parse_faults
from tradematrix_pipelines.simulator.prices import SyntheticPrices
from tradematrix_pipelines.simulator.service import Service
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines.vendors.twelve_data.outcomes import open_answer
from tradematrix_pipelines.vendors.twelve_data.query import series_params
from tradematrix_pipelines.vendors.twelve_data.responses import read_series

BASELINE = "orjson.loads"
NAME = "EUR/USD"
LATER = datetime(2027, 1, 1, tzinfo=UTC)
_BEFORE = 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    [symbol] = [one for one in DEFAULT_SYMBOLS if one.name == NAME]
    sessions = calendar_of(symbol).sessions(date(2025, 1, 6), date(2025, 12, 31))
    before, sessions = sessions[:_BEFORE], sessions[_BEFORE:]
    days = options.rows // len(sessions[0].bar_opens(Timeframe.M1)) + 1
    sessions = sessions[:days]
    request = CandleRequest(
        symbol=symbol, timeframe=Timeframe.M1, start=sessions[0].opens_at, end=sessions[-1].closes_at
    )
    params = series_params([request]) | {"outputsize": str(options.rows)}  # of the window, the newest
    service = Service(SyntheticPrices(), parse_faults([]))
    content = json.dumps(service.answer("/time_series", params, LATER)).encode()
    past = judge_in_order(minutes(symbol, before), symbol=symbol, timeframe=Timeframe.M1, sessions=before)
    history = [judgement.summary for judgement in past.values()]

    def decode() -> pd.DataFrame:
        body = open_answer(200, {}, content, what=NAME, secret="none", now=LATER)
        return read_series(body, Timeframe.M1)[1]

    def screened(rows: pd.DataFrame) -> Screened:
        return screen(rows, timeframe=Timeframe.M1, sessions=sessions, now=LATER)

    def judged(candles: pd.DataFrame) -> dict[date, Judgement]:
        return judge_in_order(candles, symbol=symbol, timeframe=Timeframe.M1, sessions=sessions, history=history)

    rows = decode()
    candles = screened(rows).candles
    # One row more than the window is asked for, which screening drops.
    if len(candles) < options.rows - 1 or len(judged(candles)) != len(sessions):
        raise SystemExit(f"{len(candles)} candles of {options.rows} rows: the answer is not what is to be measured")
    ways = {
        BASELINE: lambda: orjson.loads(content),
        "decode, screen and judge": lambda: judged(screened(decode()).candles),
        "decode": decode,
        "screen": lambda: screened(rows),
        "judge": lambda: judged(candles),
    }
    rounds = in_rounds(ways, options.rounds + 1, cpu_seconds)[1:]
    lines = [
        Line(
            what=f"{name} {options.rows:,} rows",
            against=f"{BASELINE} of the same answer",
            ratios=ratios(rounds, name, BASELINE),
            bar=3.0 if name == "decode, screen and judge" else None,
        )
        for name in ways
        if name != BASELINE
    ]
    report(lines, as_json=options.json)


if __name__ == "__main__":
    main()
