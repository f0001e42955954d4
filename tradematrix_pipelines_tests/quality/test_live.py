"""Minutes of a running session that wait for those after them."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from tradematrix_pipelines.quality.live import CONFIRMING, waiting
from tradematrix_pipelines_tests.quality.hand_made import session, walk
from tradematrix_pipelines_tests.quality.series import load

AT = 100


def spiked(*, minutes: int = 1, factor: float = 1.02) -> pd.DataFrame:
    """A session whose minutes from the hundredth on are far out."""
    far = walk()
    for name in ("open", "high", "low", "close"):
        far.loc[AT : AT + minutes - 1, name] *= factor
    return far


def positions(minutes: pd.DataFrame) -> list[int]:
    mask = waiting(minutes)
    assert len(mask) == len(minutes)
    return mask.nonzero()[0].tolist()


def test_usual_minutes_do_not_wait() -> None:
    assert positions(walk()) == []
    assert positions(walk(bars=3)) == []
    assert positions(walk().iloc[:0]) == []


@pytest.mark.parametrize("factor", [1.02, 0.98])
@pytest.mark.parametrize("later", range(CONFIRMING))
def test_a_far_minute_and_those_after_it_wait_for_two_more(factor: float, later: int) -> None:
    so_far = spiked(minutes=5, factor=factor).iloc[: AT + 1 + later]
    assert positions(so_far) == list(range(AT, AT + 1 + later))


@pytest.mark.parametrize("factor", [1.02, 0.98])
def test_a_far_minute_that_the_next_two_confirm_counts(factor: float) -> None:
    assert positions(spiked(minutes=1000, factor=factor).iloc[: AT + 1 + CONFIRMING]) == []


@pytest.mark.parametrize("factor", [1.02, 0.98])
def test_a_far_minute_that_the_next_two_do_not_confirm_never_counts(factor: float) -> None:
    assert positions(spiked(factor=factor).iloc[: AT + 1 + CONFIRMING]) == [AT]
    assert positions(spiked(factor=factor)) == [AT]
    assert positions(spiked(minutes=2, factor=factor)) == [AT, AT + 1]


def test_a_wick_alone_is_far_enough() -> None:
    minutes = walk()
    minutes.loc[AT, "high"] *= 1.02
    assert positions(minutes) == [AT]
    minutes = walk()
    minutes.loc[AT, "low"] *= 0.98
    assert positions(minutes) == [AT]


@pytest.mark.parametrize("symbol", ["DAX", "SPX", "EUR/USD", "XAU/USD"])
def test_no_minute_of_clean_sessions_waits(shared_data: Path, symbol: str) -> None:
    series = load(shared_data, symbol)
    screened = series.screened()
    for known in series.complete(screened):
        candles = screened.candles
        own = candles[(candles["ts"] >= known.opens_at) & (candles["ts"] < known.closes_at)]
        assert positions(own.reset_index(drop=True)) == []


def test_the_session_is_the_one_of_the_walk() -> None:
    assert walk()["ts"].iloc[-1] == session().closes_at - timedelta(minutes=1)
