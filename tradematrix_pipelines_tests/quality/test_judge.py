"""The judgement as a whole: verdicts, history, summaries as JSON, thresholds of a symbol."""

import json
from dataclasses import fields

import pandas as pd
import pytest

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.candles.frame import PRICES, empty_candles
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.bars import price_step
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity, verdict
from tradematrix_pipelines.quality.judge import Beside, judge, judge_in_order
from tradematrix_pipelines.quality.summary import SessionSummary
from tradematrix_pipelines.quality.thresholds import BadThreshold, Thresholds, UnknownThreshold, table
from tradematrix_pipelines_tests.quality.hand_made import INDEX, history, judged, kinds, session, walk


def finding(severity: Severity) -> Finding:
    return Finding(kind=Kind.JUMP, severity=severity, value=1, threshold=1, message="")


def test_the_most_severe_finding_decides() -> None:
    assert verdict([]) is Verdict.ACCEPTED
    assert verdict([finding(Severity.NOTE)]) is Verdict.ACCEPTED
    assert verdict([finding(Severity.DOUBT), finding(Severity.NOTE)]) is Verdict.DOUBTFUL
    assert verdict([finding(Severity.DOUBT), finding(Severity.REFUSAL)]) is Verdict.REFUSED


def test_a_summary_survives_json_and_is_small() -> None:
    summary = judged(walk()).summary
    text = json.dumps(summary.as_json(), allow_nan=False)
    assert SessionSummary.from_json(json.loads(text)) == summary
    assert len(text) < 4000
    with pytest.raises(KeyError):
        SessionSummary.from_json({})


def test_what_a_summary_says() -> None:
    candles = walk()
    summary = judged(candles.drop(index=[0, 1, 100, 101, 102, 239])).summary
    kept = candles.drop(index=[0, 1, 100, 101, 102, 239])
    assert (summary.open, summary.close) == (kept["open"].iloc[0], kept["close"].iloc[-1])
    assert (summary.high, summary.low) == (kept["high"].max(), kept["low"].min())
    assert (summary.bars, summary.expected) == (234, 240)
    assert (summary.first_minute, summary.last_minute, summary.longest_hole) == (2, 1, 3)
    assert (summary.opens_at, summary.closes_at) == (session().opens_at, session().closes_at)
    assert summary.step == pytest.approx(0.1)


def test_a_session_needs_a_candle() -> None:
    with pytest.raises(ValueError, match="session 2026-11-02 has no candle to judge"):
        judged(empty_candles())
    with pytest.raises(ValueError, match="no candle"):
        judged(walk(1))


def test_one_bar_and_two_bars_can_be_judged() -> None:
    assert judged(walk()[:1]).verdict is Verdict.ACCEPTED
    assert judged(walk()[:2], history=history(5)).verdict is Verdict.ACCEPTED


def test_flat_sessions_can_be_judged() -> None:
    flat = walk()
    flat[PRICES] = 1000.0
    assert kinds(judged(flat)) == {Kind.FROZEN}
    assert kinds(judged(flat, history=[judged(flat.assign(ts=walk(-1)["ts"]), -1).summary])) == set()


def test_sessions_in_order_become_history_unless_they_are_doubtful() -> None:
    days = [walk(day) for day in range(8)]
    days[3][PRICES] *= 100
    judgements = judge_in_order(
        pd.concat(days, ignore_index=True),
        symbol=INDEX,
        timeframe=Timeframe.M1,
        sessions=[session(day) for day in range(9)],
    )
    assert [judgement.verdict for judgement in judgements.values()] == [
        *[Verdict.ACCEPTED] * 3,
        Verdict.REFUSED,
        *[Verdict.ACCEPTED] * 4,
    ]
    assert [judgement.cold for judgement in judgements.values()] == [True] * 6 + [False] * 2
    assert list(judgements) == [session(day).trade_date for day in range(8)]


def test_in_order_is_one_by_one() -> None:
    days = [walk(day) for day in range(6)]
    together = judge_in_order(
        pd.concat(days[::-1], ignore_index=True),
        symbol=INDEX,
        timeframe=Timeframe.M1,
        sessions=[session(day) for day in range(6)],
        history=history(3),
        beside=Beside(official=days[2].iloc[:1].assign(high=1100.0)),
    )
    accepted = history(3)
    for day, rows in enumerate(days):
        official = rows.iloc[:1].assign(high=1100.0) if day == 2 else None
        one = judged(rows, day, history=accepted, official=official)
        assert one == together[session(day).trade_date]
        if one.verdict is Verdict.ACCEPTED:
            accepted.append(one.summary)
    assert kinds(together[session(2).trade_date]) == {Kind.OFFICIAL_DAY}


def test_only_the_last_twenty_sessions_count() -> None:
    many = history(30)
    assert judged(walk(), history=many) == judged(walk(), history=many[-20:])


def test_a_symbol_overrides_thresholds_by_name() -> None:
    candles = walk()
    candles.loc[100:, PRICES] += 15
    wide = Thresholds.with_overrides({"jump": 30})
    assert kinds(judged(candles)) == {Kind.JUMP}
    assert kinds(judged(candles, thresholds=wide)) == set()
    assert wide.wick == Thresholds().wick


def test_what_is_no_threshold_is_an_error() -> None:
    with pytest.raises(UnknownThreshold, match=r"no threshold is named 'jumps': did you mean jump.*There are wick, "):
        Thresholds.with_overrides({"jumps": 3})
    for value in (-1.0, float("nan")):
        with pytest.raises(BadThreshold, match="threshold jump is"):
            Thresholds.with_overrides({"jump": value})


def test_the_table_lists_every_threshold_with_unit_and_reason() -> None:
    assert [row.name for row in table()] == [field.name for field in fields(Thresholds)]
    assert all(row.unit and row.reason for row in table())


@pytest.mark.parametrize(
    ("prices", "step"),
    [
        ([1.5, 2.0, 3.5], 0.5),
        ([1.12345, 1.12346, 1.2], 0.00001),
        ([100, 110, 150], 10),
        ([0.1, 0.2, 0.3, 0.4, 0.55, 0.6], 0.1),
        ([7.0, 7.0], 0.0),
        ([1 / 3, 2 / 7], 0.0),
        ([1e300, 2e300], 0.0),
    ],
)
def test_the_step_of_prices(prices: list[float], step: float) -> None:
    assert price_step(pd.Series(prices, dtype="float64").to_numpy()) == pytest.approx(step)


def test_the_candles_are_left_as_they_were() -> None:
    candles = walk()
    before = candles.copy(deep=True)
    judge(candles, symbol=INDEX, timeframe=Timeframe.M1, session=session())
    pd.testing.assert_frame_equal(candles, before)


def test_the_session_after_many_concerns_the_last_of_them_only() -> None:
    both = pd.concat([walk(0), walk(1)], ignore_index=True)
    judgements = judge_in_order(
        both,
        symbol=INDEX,
        timeframe=Timeframe.M1,
        sessions=[session(0), session(1)],
        history=history(5),
        beside=Beside(following=judged(walk(2, start=1300), 2).summary),
    )
    assert [kinds(judgement) for judgement in judgements.values()] == [set(), {Kind.NEXT_SESSION}]
