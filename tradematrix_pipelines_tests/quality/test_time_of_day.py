"""Detectors of wrong stamps."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.candles.frame import PRICES, as_candles
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.findings import Kind, Severity
from tradematrix_pipelines.quality.judge import Judgement
from tradematrix_pipelines.quality.summary import SessionSummary
from tradematrix_pipelines_tests.quality.hand_made import INDEX, PAIR, judged, kinds, session, the, walk

SESSIONS = get_calendar("FX").sessions(date(2026, 9, 1), date(2026, 10, 16))


def busy(number: int, *, late: int = 0, swing: float = 1.5) -> pd.DataFrame:
    """Minutes of a session whose ranges have a wave of eight hours; stamped so many minutes too late."""
    own = SESSIONS[number]
    grid = own.bar_opens(Timeframe.M1)
    rng = np.random.default_rng(number)
    hours = (np.arange(len(grid)) - late) / 60
    size = np.exp(swing * np.sin(hours * np.pi / 4) + 0.4 * rng.standard_normal(len(grid)))
    steps = size * rng.uniform(-0.05, 0.05, len(grid))
    close = 1000 + np.cumsum(steps - size * steps.sum() / size.sum())
    open_ = np.concatenate([[1000], close[:-1]])
    high, low = np.maximum(open_, close) + 0.01 * size, np.minimum(open_, close) - 0.01 * size
    prices = {name: column.round(3) for name, column in zip(PRICES, (open_, high, low, close), strict=True)}
    return as_candles(pd.DataFrame({"ts": pd.Series(grid).dt.tz_localize("UTC"), **prices}))


def judge_busy(number: int, history: list[SessionSummary], **given: object) -> Judgement:
    late, swing = given.pop("late", 0), given.pop("swing", 1.5)
    candles = busy(number, late=late, swing=swing)  # type: ignore[arg-type]
    return judged(candles, session=SESSIONS[number], symbol=PAIR, history=history, **given)


@pytest.fixture(scope="module")
def before() -> list[SessionSummary]:
    return [judge_busy(number, []).summary for number in range(10)]


@pytest.mark.parametrize("late", [-180, -120, -60, 60, 120, 180])
def test_a_session_whose_busy_hours_are_moved(before: list[SessionSummary], late: int) -> None:
    finding = the(Kind.TIME_SHIFT, judge_busy(10, before, late=late))
    assert f"stamps are {abs(late) // 60} h too {'late' if late > 0 else 'early'}" in finding.message
    assert judge_busy(10, before).findings == ()


def test_a_weak_shift_shows_in_several_sessions(before: list[SessionSummary]) -> None:
    weak = {"late": 60, "swing": 0.42}
    usual = [judge_busy(number, [], swing=0.42).summary for number in range(8)]
    history = list(usual)
    judgements = []
    for number in (8, 9, 10):
        judgements.append(judge_busy(number, history, **weak))
        history.append(judgements[-1].summary)
    assert judgements[0].verdict is Verdict.ACCEPTED
    assert "over 2 sessions" in str(judgements[1].findings) or "over 3 sessions" in str(judgements[2].findings)


def test_days_without_a_shape_prove_nothing() -> None:
    usual = [judge_busy(number, [], swing=0).summary for number in range(8)]
    assert all(judge_busy(number, usual, swing=0, late=60).findings == () for number in range(8, 20))


MONDAY = next(number for number, one in enumerate(SESSIONS) if one.trade_date == date(2026, 9, 14))


def strays(first: "pd.Timestamp | object", count: int, *, flat: bool = False) -> pd.DataFrame:
    ts = pd.date_range(first, periods=count, freq="1min")  # type: ignore[arg-type]
    return as_candles(
        pd.DataFrame({"ts": ts, "open": 1000.0, "high": 1000.0 if flat else 1001.0}).assign(low=1000.0, close=1000.0)
    )


def weekend(day: str, outside: pd.DataFrame) -> list[tuple[Kind, Severity]]:
    number = MONDAY if day == "Monday" else MONDAY - 1
    judgement = judge_busy(
        number,
        [],
        outside=outside,
        session_before=SESSIONS[number - 1],
        session_after=SESSIONS[number + 1],
    )
    return [(finding.kind, finding.severity) for finding in judgement.findings]


def test_bars_in_the_closed_weekend() -> None:
    opens, closes = SESSIONS[MONDAY].opens_at, SESSIONS[MONDAY - 1].closes_at
    doubt = [(Kind.WEEKEND, Severity.DOUBT)]
    assert weekend("Monday", strays(opens - timedelta(hours=1), 60)) == doubt
    assert weekend("Friday", strays(closes, 60)) == doubt
    assert weekend("Friday", strays(opens - timedelta(hours=1), 60)) == []  # they are Monday's
    assert weekend("Monday", strays(closes, 60)) == []
    assert weekend("Friday", strays(closes, 60, flat=True)) == []


def test_a_vendor_that_quotes_through_weekends_is_noted() -> None:
    closes = SESSIONS[MONDAY - 1].closes_at
    assert weekend("Friday", strays(closes, 48 * 60 - 1)) == [(Kind.WEEKEND, Severity.NOTE)]


def test_bars_stamped_with_their_ends() -> None:
    candles, own = walk()[1:], session()
    after = strays(own.closes_at, 1)
    assert kinds(judged(candles, outside=after)) == {Kind.BAR_END_STAMPS}
    assert kinds(judged(walk(), outside=after)) == set()  # there is a bar at the open
    longer = pd.concat([strays(own.opens_at - timedelta(minutes=9), 9), strays(own.closes_at, 9)])
    assert kinds(judged(candles, outside=longer)) == set()  # bars beside the session are usual
    assert Kind.BAR_END_STAMPS not in kinds(judged(candles, outside=after, symbol=PAIR))


def test_bars_beside_the_session_belong_to_its_profile() -> None:
    own = session()
    alone = judged(walk()).summary.profile
    beside = judged(walk(), outside=strays(own.opens_at - timedelta(minutes=30), 30)).summary.profile
    assert len(alone) == len(beside) == (120 + 240 + 120) / 5
    assert (alone[:24], alone[-24:]) == ((None,) * 24, (None,) * 24)
    assert None not in beside[18:24]
    assert beside[24:] == alone[24:]


def test_broken_bars_outside_are_ignored() -> None:
    own = session()
    broken = strays(own.opens_at - timedelta(minutes=30), 3)
    broken.loc[0, "high"], broken.loc[1, "low"], broken.loc[2, "ts"] = np.nan, -1, pd.NaT
    assert judged(walk(), outside=broken).summary == judged(walk()).summary


def test_symbols_of_an_exchange_have_no_closed_weekend() -> None:
    own = session(4)
    monday = Session(
        own.trade_date + timedelta(days=3), own.opens_at + timedelta(days=3), own.closes_at + timedelta(days=3)
    )
    outside = strays(own.closes_at, 60)
    assert judged(walk(4), 4, symbol=INDEX, outside=outside, session_after=monday).findings == ()
