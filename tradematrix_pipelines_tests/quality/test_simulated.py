"""No false alarm on a simulated year without faults, of all five default symbols."""

from datetime import date

import pandas as pd
import pytest

from tradematrix_pipelines.candles.frame import PRICES, as_candles
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.findings import Severity
from tradematrix_pipelines.quality.judge import judge_in_order
from tradematrix_pipelines.simulator.bars import aggregate
from tradematrix_pipelines.simulator.instruments import CATALOGUE
from tradematrix_pipelines.simulator.prices import SyntheticPrices
from tradematrix_pipelines_tests.quality.series import LATER


@pytest.mark.parametrize("timeframe", [Timeframe.M1, Timeframe.D1])
@pytest.mark.parametrize("symbol", DEFAULT_SYMBOLS, ids=lambda symbol: symbol.name)
def test_a_simulated_year_has_no_finding_above_a_note(symbol: Symbol, timeframe: Timeframe) -> None:
    [instrument] = [one for one in CATALOGUE if one.symbol == symbol.symbol_at("twelve_data")]
    sessions = get_calendar(symbol.calendar).sessions(date(2025, 1, 1), date(2025, 12, 31))
    minutes = SyntheticPrices().minutes(instrument, sessions, LATER)
    bars = aggregate(minutes, sessions, timeframe)
    ts = pd.Series(bars.ts).dt.tz_localize("UTC")
    if timeframe is Timeframe.D1:
        ts = pd.Series([session.opens_at for session in sessions])
    candles = as_candles(pd.DataFrame({"ts": ts, **dict(zip(PRICES, bars.ohlcv.T[:4], strict=True))}))
    judgements = judge_in_order(candles, symbol=symbol, timeframe=timeframe, sessions=sessions)
    assert len(judgements) == len(sessions) >= 250
    alarms = [
        (day, finding.message)
        for day, judgement in judgements.items()
        for finding in judgement.findings
        if finding.severity > Severity.NOTE
    ]
    assert alarms == []
    assert [judgement.cold for judgement in judgements.values()][4:6] == [True, False]
