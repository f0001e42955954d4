"""Detectors of single bars, moves, scale and values, each on a random walk that is sound without its fault."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.candles.frame import PRICES
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.findings import Kind, Severity
from tradematrix_pipelines_tests.quality.hand_made import BARS, PAIR, history, judged, kinds, session, the, walk

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def test_a_random_walk_is_accepted() -> None:
    for day in range(40):
        judgement = judged(walk(day), day)
        assert (judgement.verdict, judgement.findings) == (Verdict.ACCEPTED, ())


@pytest.mark.parametrize(("column", "sign"), [("high", 1), ("low", -1)])
def test_a_wick_that_no_other_bar_comes_near(column: str, sign: int) -> None:
    candles = walk()
    candles.loc[100, column] = 1000 + sign * 40
    finding = the(Kind.WICK, judged(candles))
    assert (finding.severity, finding.at) == (Severity.DOUBT, NOON + timedelta(minutes=100))
    assert finding.value > finding.threshold == 10
    candles.loc[101, column] = 1000 + sign * 40  # two bars that agree
    assert kinds(judged(candles)) == set()


def test_a_wick_among_its_neighbours() -> None:
    candles = walk()
    candles.loc[10, ["open", "high", "close"]] = candles["high"].max() + 30  # a spike elsewhere, with a body
    candles.loc[150, "high"] = candles["high"].max() + 1
    finding = the(Kind.WICK, judged(candles))
    assert (finding.at, finding.threshold) == (NOON + timedelta(minutes=150), 9)


def test_a_jump_is_doubted_and_a_large_one_refused() -> None:
    candles = walk()
    candles.loc[100:, PRICES] += 15
    finding = the(Kind.JUMP, judged(candles))
    assert (finding.severity, finding.at) == (Severity.DOUBT, NOON + timedelta(minutes=100))
    candles.loc[100:, PRICES] *= 1.41
    assert judged(candles).verdict is Verdict.REFUSED


def test_a_jump_over_missing_bars_is_that_of_as_many_bars() -> None:
    candles = walk()
    candles.loc[140:, PRICES] += 15
    assert Kind.JUMP in kinds(judged(candles))
    assert Kind.JUMP not in kinds(judged(candles.drop(index=range(100, 140))))


def test_a_jump_over_the_midday_break_is_that_of_its_length() -> None:
    candles, own = walk(), session(bars=300)
    candles.loc[140:, "ts"] += timedelta(minutes=60)
    candles.loc[140:, PRICES] += 15
    pause = NOON + timedelta(minutes=140), NOON + timedelta(minutes=200)
    lunch = Session(own.trade_date, own.opens_at, own.closes_at, *pause)
    assert kinds(judged(candles, session=lunch)) == set()


def test_the_open_is_compared_with_what_follows_and_with_the_close_before() -> None:
    candles = walk()
    candles.loc[0, ["open", "high"]] = 1015
    assert the(Kind.FIRST_BAR, judged(candles, history=history(5))).threshold == 12
    assert kinds(judged(candles)) == set()  # without a close before
    candles.loc[0, ["open", "high"]] = 1060
    assert the(Kind.FIRST_BAR, judged(candles)).threshold == 40


def test_an_open_at_the_close_before_is_believed() -> None:
    before = history(5)
    candles = walk(start=before[-1].close + 30)
    candles.loc[0, ["open", "low"]] = before[-1].close
    assert Kind.FIRST_BAR not in kinds(judged(candles, history=before))


def test_the_close_is_compared_with_the_closes_before() -> None:
    candles = walk()
    candles.loc[BARS - 1, ["high", "close"]] = candles["close"].iloc[-2] + 15
    finding = the(Kind.LAST_BAR, judged(candles))
    assert (finding.severity, finding.at) == (Severity.DOUBT, NOON + timedelta(minutes=BARS - 1))


def test_a_steady_drift() -> None:
    candles = walk()
    candles[PRICES] = candles[PRICES].add(np.arange(BARS) * 0.12, axis=0).round(1)
    assert the(Kind.DRIFT, judged(candles)).value > 4.5
    assert kinds(judged(candles[:50])) == set()  # too few to know


@pytest.mark.parametrize("order", ["reversed", "shuffled"])
def test_bars_out_of_order(order: str) -> None:
    candles = walk()
    rows = np.arange(BARS)[::-1] if order == "reversed" else np.random.default_rng(1).permutation(BARS)
    candles[PRICES] = candles[PRICES].to_numpy()[rows]
    assert Kind.ORDER in kinds(judged(candles))


@pytest.mark.parametrize(
    ("factor", "severity"), [(1.4, None), (1.6, Severity.DOUBT), (0.6, Severity.DOUBT), (3.1, Severity.REFUSAL)]
)
def test_a_session_at_another_scale(factor: float, severity: Severity | None) -> None:
    candles = walk()
    candles[PRICES] *= factor
    scales = [
        finding.severity for finding in judged(candles, history=history(5)).findings if finding.kind is Kind.SCALE
    ]
    assert scales == ([severity] if severity is not None else [])


def test_an_old_close_allows_more() -> None:
    candles = walk(20, start=2000)
    assert Kind.SCALE not in kinds(judged(candles, 20, history=history(5)))
    assert Kind.SCALE in kinds(judged(walk(20, start=2400), 20, history=history(5)))


def test_a_gap_is_measured_by_the_usual_range() -> None:
    before = history(5)
    usual = float(np.median([past.high - past.low for past in before]))
    assert Kind.GAP not in kinds(judged(walk(start=before[-1].close + 5 * usual), history=before))
    assert the(Kind.GAP, judged(walk(start=before[-1].close + 7 * usual), history=before)).threshold == 6
    assert the(Kind.GAP, judged(walk(start=before[-1].close + 14 * usual), history=before[-4:])).threshold == 10
    assert Kind.GAP not in kinds(judged(walk(6, start=before[-1].close + 7 * usual), 6, history=before))


def test_where_trading_goes_on_a_gap_is_measured_by_the_usual_bar() -> None:
    first = judged(walk())
    opens_at = session().closes_at
    following = Session(session(1).trade_date, opens_at, opens_at + timedelta(minutes=BARS))

    def after(start: float) -> pd.DataFrame:
        candles = walk(1, start=start)
        return candles.assign(ts=pd.date_range(opens_at, periods=BARS, freq="1min"))

    close = first.summary.close
    assert kinds(judged(after(close + 2), session=following, history=[first.summary])) == set()
    finding = the(Kind.GAP, judged(after(close + 15), session=following, history=[first.summary]))
    assert (finding.threshold, finding.severity) == (12, Severity.DOUBT)


def test_a_range_of_many_usual_ones() -> None:
    candles = walk(bars=BARS)
    candles[PRICES] = 1000 + (candles[PRICES] - 1000) * 40
    assert the(Kind.RANGE, judged(candles, history=history(5))).threshold == 10
    assert the(Kind.RANGE, judged(candles, history=history(2))).threshold == 14
    assert Kind.RANGE not in kinds(judged(candles))


def test_the_next_session_shows_a_wrong_close() -> None:
    candles, before = walk(), history(5)
    far = judged(walk(1, start=1300), 1).summary
    finding = the(Kind.NEXT_SESSION, judged(candles, history=before, following=far))
    assert finding.at == NOON + timedelta(minutes=BARS - 1)
    near = judged(walk(1, start=candles["close"].iloc[-1]), 1).summary
    assert kinds(judged(candles, history=before, following=near)) == set()


def test_after_days_or_without_history_the_next_session_shows_nothing() -> None:
    far = judged(walk(6, start=1300), 6).summary
    assert kinds(judged(walk(), history=history(5), following=far)) == set()
    assert kinds(judged(walk(), following=judged(walk(1, start=1300), 1).summary)) == set()


def test_a_wrong_close_where_trading_goes_on() -> None:
    candles, opens_at = walk(), session().closes_at
    following = Session(session(1).trade_date, opens_at, opens_at + timedelta(minutes=BARS))
    rows = walk(1, start=candles["close"].iloc[-1] + 20).assign(ts=pd.date_range(opens_at, periods=BARS, freq="1min"))
    summary = judged(rows, session=following).summary
    assert Kind.NEXT_SESSION in kinds(judged(candles, following=summary))


def test_three_sessions_at_another_scale_are_one_question() -> None:
    before = history(6)
    judgements, since = [], []
    for day in range(5):
        judgement = judged(walk(day, start=250.0), day, history=before, unaccepted=since)
        judgements.append(judgement)
        if judgement.verdict is Verdict.ACCEPTED:
            before, since = [*before, judgement.summary], []
        else:
            since.append(judgement.summary)
    assert [judgement.verdict for judgement in judgements] == [Verdict.REFUSED] * 3 + [Verdict.ACCEPTED] * 2
    assert [kinds(judgement) & {Kind.LASTING_CHANGE} for judgement in judgements[:2]] == [set(), set()]
    question = the(Kind.LASTING_CHANGE, judgements[2])
    assert question.message.endswith(
        "near 4:1, as by a split or another unit? Answer with `tradematrix split DAX 2026-11-02 4:1`, or `none`"
    )
    assert question.at == session(0).opens_at


@pytest.mark.parametrize(
    ("factor", "suspicion"),
    [
        (100, "near 1:100, as by a split or another unit? Answer with `tradematrix split DAX 2026-11-02 1:100`"),
        (0.4, "near 5:2, as by"),
        (0.01, "near 100:1, as by"),
        (0.6, "which side is right? Answer with `tradematrix split DAX 2026-11-02 RATIO`, or `none`"),
    ],
)
def test_what_a_lasting_change_looks_like(factor: float, suspicion: str) -> None:
    before = history(6)
    days = [walk(day, start=1000.0) for day in range(3)]
    days = [day.assign(**{name: day[name] * factor for name in PRICES}) for day in days]
    since = [judged(day, number).summary for number, day in enumerate(days[:2])]
    finding = the(Kind.LASTING_CHANGE, judged(days[2], 2, history=before, unaccepted=since))
    assert suspicion in finding.message


def test_sessions_that_disagree_are_no_lasting_change() -> None:
    since = [judged(walk(0, start=4000), 0).summary, judged(walk(1, start=9000), 1).summary]
    judgement = judged(walk(2, start=4000), 2, history=history(6), unaccepted=since)
    assert Kind.LASTING_CHANGE not in kinds(judgement)


def test_bars_that_come_again() -> None:
    candles = walk()
    candles.loc[200:204, PRICES] = candles.loc[20:24, PRICES].to_numpy()
    finding = the(Kind.REPEAT, judged(candles, thresholds=_without_jumps()))
    assert (finding.value, finding.severity) == (3, Severity.DOUBT)
    candles.loc[200:234, PRICES] = candles.loc[20:54, PRICES].to_numpy()
    assert the(Kind.REPEAT, judged(candles)).severity is Severity.REFUSAL


def _without_jumps() -> object:
    from tradematrix_pipelines.quality.thresholds import Thresholds

    return Thresholds.with_overrides({"jump": 1000})


def test_bars_of_an_earlier_session_at_another_time() -> None:
    before = history(6)
    candles = walk()
    candles.loc[100:219, PRICES] = walk(-3).loc[30:149, PRICES].to_numpy()
    finding = the(Kind.REPEAT, judged(candles, history=before))
    assert finding.severity is Severity.REFUSAL
    assert "of 2026-10-30" in finding.message


def test_flat_bars_are_no_repeats() -> None:
    candles = walk()
    for name in PRICES:
        candles.loc[100:104, name] = candles.loc[200:204, name] = candles["close"].iloc[99]
    assert Kind.REPEAT not in kinds(judged(candles))


def test_a_price_that_stands_still() -> None:
    candles = walk()
    candles.loc[100:111, PRICES] = candles.loc[99, "close"]
    finding = the(Kind.FROZEN, judged(candles))
    assert (finding.value, finding.threshold) == (12, 10)
    assert (finding.at, finding.until) == (NOON + timedelta(minutes=100), NOON + timedelta(minutes=112))
    quiet = judged(candles.assign(ts=walk(-1)["ts"]), -1).summary
    assert Kind.FROZEN not in kinds(judged(candles, history=[quiet]))  # as quiet as before


def test_longer_bars_stand_still_for_fewer() -> None:
    candles = walk(bars=BARS // 5, minutes=5)
    candles.loc[20:25, PRICES] = candles.loc[19, "close"]
    assert the(Kind.FROZEN, judged(candles, timeframe=Timeframe.M5)).threshold == 5


def test_prices_rounded_more_coarsely_than_before() -> None:
    candles = walk()
    candles[PRICES] = candles[PRICES].round()
    assert the(Kind.GRID, judged(candles, history=history(2))).value == pytest.approx(10, rel=0.05)
    assert the(Kind.GRID, judged(candles)).threshold == 0.6


def test_a_pair_is_judged_like_an_index() -> None:
    assert judged(walk(), symbol=PAIR).verdict is Verdict.ACCEPTED
