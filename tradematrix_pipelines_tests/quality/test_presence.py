"""Detectors of absent bars: density, edges, hidden extremes, and what settles them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tradematrix_pipelines.candles.frame import PRICES
from tradematrix_pipelines.candles.screen import Reason
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.findings import Kind
from tradematrix_pipelines_tests.quality.hand_made import BARS, INDEX, PAIR, history, judged, kinds, session, the, walk

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def test_far_fewer_bars_than_usual() -> None:
    candles, before = walk(), history(5, symbol=PAIR)
    sparse = candles.iloc[np.arange(BARS) % 10 < 7]
    assert the(Kind.DENSITY, judged(sparse, symbol=PAIR, history=before)).value == pytest.approx(0.7)
    assert Kind.DENSITY not in kinds(judged(candles.iloc[np.arange(BARS) % 10 < 8], symbol=PAIR, history=before))
    assert Kind.DENSITY not in kinds(judged(sparse, symbol=PAIR, history=before[:2]))  # too few to know
    assert Kind.DENSITY not in kinds(judged(sparse, symbol=INDEX, history=before))  # asked by its coverage


@pytest.mark.parametrize(("late", "doubted"), [(5, False), (6, True)])
def test_a_late_first_bar_without_history(late: int, doubted: bool) -> None:
    judgement = judged(walk()[late:], symbol=PAIR)
    assert (Kind.EDGE in kinds(judgement)) == doubted
    if doubted:
        finding = the(Kind.EDGE, judgement)
        assert (finding.at, finding.until, finding.value) == (NOON, NOON + timedelta(minutes=6), 6)


def test_edges_are_compared_with_the_worst_of_the_last_ten() -> None:
    before = [judged(walk(day)[4:-7], day, symbol=PAIR).summary for day in (-7, -6, -5, -4)]
    assert {(past.first_minute, past.last_minute) for past in before} == {(4, 7)}
    tuesday = walk(1)
    assert Kind.EDGE not in kinds(judged(tuesday[7:-10], 1, symbol=PAIR, history=before))
    late = the(Kind.EDGE, judged(tuesday[8:], 1, symbol=PAIR, history=before))
    assert (late.threshold, late.message) == (7, "its first bar is 8 minutes after the open (doubted above 7)")
    early = the(Kind.EDGE, judged(tuesday[:-11], 1, symbol=PAIR, history=before))
    assert (early.at, early.until) == (session(1).closes_at - timedelta(minutes=11), session(1).closes_at)


def test_mondays_first_bar_is_compared_with_mondays() -> None:
    tuesdays = [judged(walk(day)[4:], day, symbol=PAIR).summary for day in (-6, -5, -4)]
    assert Kind.EDGE in kinds(judged(walk()[6:], symbol=PAIR, history=tuesdays))
    monday = judged(walk(-7)[4:], -7, symbol=PAIR).summary
    assert Kind.EDGE not in kinds(judged(walk()[6:], symbol=PAIR, history=[monday, *tuesdays]))


def rejected(row: "pd.Series[float]", reason: Reason, **prices: float) -> pd.DataFrame:
    return pd.DataFrame([{**row, **prices, "reason": reason.value}]).astype({"ts": walk()["ts"].dtype})


def test_a_rejected_bar_whose_prices_pass_the_high() -> None:
    candles = walk()
    top = candles["high"].max()
    bad = rejected(candles.loc[120], Reason.BAD_VOLUME, high=top + 1)
    finding = the(Kind.HIDDEN_EXTREME, judged(candles.drop(index=120), symbol=PAIR, rejected=bad))
    assert (finding.at, finding.until, finding.value) == (
        NOON + timedelta(minutes=120),
        NOON + timedelta(minutes=121),
        1,
    )
    inside = rejected(candles.loc[120], Reason.BAD_VOLUME)
    assert kinds(judged(candles.drop(index=120), symbol=PAIR, rejected=inside)) == set()


@pytest.mark.parametrize(
    ("reason", "hidden"),
    [(Reason.NOT_FINITE, True), (Reason.HIGH_TOO_LOW, True), (Reason.LOW_TOO_HIGH, False), (Reason.BAD_VOLUME, False)],
)
def test_a_bar_beside_the_high_hides_it_unless_its_own_high_is_known(reason: Reason, hidden: bool) -> None:
    candles = walk()
    top = int(candles["high"].argmax())
    row = candles.loc[top + 1]
    broken = {
        Reason.NOT_FINITE: {"high": np.nan},
        Reason.HIGH_TOO_LOW: {"high": min(row["open"], row["close"]) - 0.1},
        Reason.LOW_TOO_HIGH: {"low": max(row["open"], row["close"]) - 0.05},
    }.get(reason, {})
    judgement = judged(candles.drop(index=top + 1), symbol=PAIR, rejected=rejected(row, reason, **broken))
    assert (Kind.HIDDEN_EXTREME in kinds(judgement)) == hidden


def test_a_rejected_bar_far_from_the_extremes_hides_none() -> None:
    candles = walk()
    candles.loc[10, ["high", "low"]] = 1008, 992
    candles.loc[11, ["high", "low"]] = 1008, 992
    bad = rejected(candles.loc[150], Reason.NOT_FINITE, high=np.nan)
    assert Kind.HIDDEN_EXTREME not in kinds(judged(candles.drop(index=150), symbol=PAIR, rejected=bad))


def test_a_hole_beside_the_high_hides_it_where_it_is_longer_than_usual() -> None:
    candles = walk()
    top = int(candles["high"].argmax())
    hole = candles.drop(index=range(top + 1, top + 9))
    finding = the(Kind.HIDDEN_EXTREME, judged(hole, symbol=PAIR))
    assert "8 missing bars" in finding.message
    usual = [judged(walk(-1).drop(index=range(50, 58)), -1, symbol=PAIR).summary]
    assert Kind.HIDDEN_EXTREME not in kinds(judged(hole, symbol=PAIR, history=usual))


def test_coarser_bars_or_the_official_day_settle_a_hole() -> None:
    candles = walk()
    top = int(candles["high"].argmax())
    hole = candles.drop(index=range(top + 1, top + 9))
    five = candles.groupby(np.arange(BARS) // 5)
    coarse = pd.DataFrame(
        {"ts": five["ts"].first(), "open": five["open"].first(), "high": five["high"].max()}
        | {"low": five["low"].min(), "close": five["close"].last(), "volume": np.nan}
    )
    assert kinds(judged(hole, symbol=PAIR, coarser={Timeframe.M5: coarse})) == set()
    far = coarse.drop(index=top // 5 + 1)  # a part of the hole is not covered
    assert Kind.HIDDEN_EXTREME in kinds(judged(hole, symbol=PAIR, coarser={Timeframe.M5: far}))
    higher = coarse.assign(high=coarse["high"] + 2)
    assert {Kind.HIDDEN_EXTREME, Kind.COARSER_BARS} <= kinds(judged(hole, symbol=PAIR, coarser={Timeframe.M5: higher}))
    day = candles.iloc[:1].assign(high=candles["high"].max(), low=candles["low"].min(), close=candles["close"].iloc[-1])
    assert kinds(judged(hole, symbol=PAIR, official=day)) == set()


@pytest.mark.parametrize("column", PRICES[1:])
def test_the_vendors_coarser_bars_and_official_day_say_otherwise(column: str) -> None:
    candles = walk()
    hours = candles.groupby(np.arange(BARS) // 60)
    coarse = pd.DataFrame(
        {"ts": hours["ts"].first(), "open": hours["open"].first(), "high": hours["high"].max()}
        | {"low": hours["low"].min(), "close": hours["close"].last(), "volume": np.nan}
    )
    summary = judged(candles).summary
    day = candles.iloc[:1].assign(high=summary.high, low=summary.low, close=summary.close)
    assert judged(candles, coarser={Timeframe.H1: coarse}, official=day).findings == ()
    sign = -1 if column == "low" else 1
    off = coarse.assign(**{column: coarse[column] + 3 * sign})
    assert kinds(judged(candles, coarser={Timeframe.H1: off})) == {Kind.COARSER_BARS}
    assert kinds(judged(candles, coarser={Timeframe.H1: off[:-1]})) == set()  # not the whole session
    wrong_day = day.assign(**{column: day[column] + 5 * sign})
    assert kinds(judged(candles, official=wrong_day)) == {Kind.OFFICIAL_DAY}
    slightly = day.assign(high=day["high"] + 0.1)
    assert [finding.severity for finding in judged(candles, official=slightly).findings] == [0]


def test_only_where_no_auction_follows_the_close_has_to_be_the_official_one() -> None:
    candles = walk()
    summary = judged(candles).summary
    day = candles.iloc[:1].assign(high=summary.high, low=summary.low, close=summary.close + 0.3)
    assert kinds(judged(candles, symbol=INDEX, official=day)) == set()
    assert kinds(judged(candles, symbol=PAIR, official=day)) == {Kind.OFFICIAL_DAY}
