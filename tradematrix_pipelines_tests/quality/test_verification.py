"""A stored session beside the same one asked for again."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.bars import SessionBars
from tradematrix_pipelines.quality.summary import SessionSummary, summarize
from tradematrix_pipelines.quality.verification import ABSENT, Outcome, compare_bars, compare_sessions

OPENS = datetime(2026, 11, 20, 8, tzinfo=UTC)
TICK = 0.5


def bars(**changed: float) -> pd.DataFrame:
    """Ten minutes from 100 to 110; ``changed`` replaces prices of the fourth."""
    ts = pd.date_range(OPENS, periods=10, freq="1min")
    frame = pd.DataFrame({"ts": ts, "open": 105.0, "high": 110.0, "low": 100.0, "close": 105.0, "volume": 7.0})
    for name, value in changed.items():
        frame.loc[3, name] = value
    return as_candles(frame)


def summary(candles: pd.DataFrame) -> SessionSummary:
    session = get_calendar("XETR").session(OPENS.date())
    assert session is not None
    return summarize(SessionBars.of(candles, session, Timeframe.M1), session, Timeframe.M1)


def test_equal_bars_are_exact_whatever_their_volume() -> None:
    result = compare_bars(bars(), bars(volume=9.0), tick_size=TICK)
    assert (result.outcome, result.bars, result.largest, result.at, result.what) == (Outcome.EXACT, 10, 0.0, None, None)


@pytest.mark.parametrize(
    ("high", "outcome"), [(110.5, Outcome.WITHIN), (109.5, Outcome.WITHIN), (110.6, Outcome.DIFFERENT)]
)
def test_a_bar_may_differ_by_a_tick(high: float, outcome: Outcome) -> None:
    result = compare_bars(bars(), bars(high=high, close=105.1), tick_size=TICK)
    assert (result.outcome, result.what) == (outcome, "high")
    assert result.largest == pytest.approx(abs(high - 110))
    assert result.at == datetime(2026, 11, 20, 8, 3, tzinfo=UTC)


def test_a_tick_that_no_binary_fraction_has_is_still_a_tick() -> None:
    assert compare_bars(bars(close=1.1018), bars(close=1.1019), tick_size=0.0001).outcome is Outcome.WITHIN


def test_a_bar_that_only_one_has_is_a_difference() -> None:
    for ours, theirs in ((bars(), bars().drop(5)), (bars().drop(5), bars())):
        result = compare_bars(ours, theirs, tick_size=TICK)
        assert (result.outcome, result.bars, result.what) == (Outcome.DIFFERENT, 9, ABSENT)
        assert result.at == datetime(2026, 11, 20, 8, 5, tzinfo=UTC)


def test_of_nothing_no_difference_is_known() -> None:
    result = compare_bars(bars(), bars().iloc[:0], tick_size=TICK)
    assert (result.outcome, result.bars, result.largest) == (Outcome.DIFFERENT, 0, None)


def test_another_vendor_may_differ_by_a_part_of_the_range() -> None:
    own = summary(bars())  # its range is 10: a tenth of it is 1
    assert compare_sessions(own, own, tick_size=TICK).outcome is Outcome.EXACT
    within = compare_sessions(own, summary(bars(high=110.9)), tick_size=TICK)
    assert (within.outcome, within.what, within.at) == (Outcome.WITHIN, "high", None)
    assert within.largest == pytest.approx(0.9)
    assert compare_sessions(own, summary(bars(low=98.0)), tick_size=TICK).outcome is Outcome.DIFFERENT
    assert compare_sessions(own, summary(bars(close=107.0)), tick_size=TICK).outcome is Outcome.EXACT, "not the last"
