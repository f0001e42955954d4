"""Real sessions without a known fault are all accepted; what is dirty is doubted for what it hides."""

from pathlib import Path

import pytest

from tradematrix_pipelines.candles.resample import resample
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.findings import Kind, Severity
from tradematrix_pipelines.quality.judge import judge_in_order
from tradematrix_pipelines_tests.quality.series import LATER, load

DOUBTED = [
    "01-05",
    "01-07",
    "01-14",
    "01-15",
    "01-19",
    "01-20",
    "01-22",
    "01-26",
    "02-02",
    "02-03",
    "02-04",
    "02-12",
    "02-13",
    "02-16",
    "02-18",
    "02-24",
    "03-02",
    "03-03",
    "03-05",
    "03-06",
    "03-10",
    "03-20",
    "03-25",
    "03-27",
    "03-31",
    "04-06",
    "04-09",
    "04-14",
    "04-16",
    "04-21",
    "04-23",
    "04-24",
    "04-27",
    "04-28",
    "05-01",
    "05-04",
    "05-07",
    "05-13",
    "05-15",
    "05-19",
    "05-22",
    "05-28",
    "06-02",
    "06-03",
    "06-05",
    "06-09",
    "06-10",
    "06-23",
    "06-24",
    "06-26",
    "07-02",
]
"""Days of 2026 whose rejected bars, each hiding its high or its low, may have passed the session's."""


@pytest.mark.parametrize(("symbol", "count"), [("DAX", 3), ("SPX", 5), ("EUR/USD", 11), ("XAU/USD", 10)])
def test_clean_minutes_are_accepted(shared_data: Path, symbol: str, count: int) -> None:
    judgements = load(shared_data, symbol).judged()
    assert len(judgements) == count
    assert [finding for judgement in judgements.values() for finding in judgement.findings] == []


@pytest.mark.parametrize("timeframe", [Timeframe.M5, Timeframe.M15, Timeframe.H1])
@pytest.mark.parametrize("symbol", ["DAX", "SPX", "EUR/USD", "XAU/USD"])
def test_coarser_bars_of_clean_minutes_are_accepted(shared_data: Path, symbol: str, timeframe: Timeframe) -> None:
    series = load(shared_data, symbol)
    screened = series.screened()
    sessions = series.complete(screened)
    bars = resample(screened.candles, timeframe=timeframe, sessions=sessions, now=LATER)
    judgements = judge_in_order(bars, symbol=series.symbol, timeframe=timeframe, sessions=sessions)
    assert [finding for judgement in judgements.values() for finding in judgement.findings] == []


def test_clean_days_are_accepted_the_crash_of_2020_included(shared_data: Path) -> None:
    judgements = load(shared_data, "SPY", Timeframe.D1).judged()
    assert len(judgements) == 1320
    assert [finding for judgement in judgements.values() for finding in judgement.findings] == []


def test_a_dirty_series_is_doubted_where_rejected_bars_may_have_been_the_extreme(shared_data: Path) -> None:
    """1,071 rejected bars in 124 complete sessions: eight each."""
    judgements = load(shared_data, "EUR/USD", Timeframe.M5).judged()
    doubts = {
        kind: sorted(
            day.isoformat()[5:]
            for day, judgement in judgements.items()
            if any(finding.kind is kind and finding.severity is Severity.DOUBT for finding in judgement.findings)
        )
        for kind in Kind
    }
    assert len(judgements) == 124
    assert {kind: days for kind, days in doubts.items() if days and kind is not Kind.HIDDEN_EXTREME} == {
        Kind.EDGE: ["05-18"]  # its first two bars are rejected
    }
    assert doubts[Kind.HIDDEN_EXTREME] == DOUBTED
