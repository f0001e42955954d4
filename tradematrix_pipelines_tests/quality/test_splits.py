"""When prices in other units are a question, and what it says."""

from dataclasses import replace

import pytest

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.candles.frame import PRICES
from tradematrix_pipelines.markets.splits import Split
from tradematrix_pipelines.markets.symbols import InstrumentType
from tradematrix_pipelines.quality.findings import Kind, Severity
from tradematrix_pipelines_tests.quality.hand_made import INDEX, history, judged, kinds, session, the, walk

STOCK = replace(INDEX, name="AAPL", instrument=InstrumentType.STOCK)


@pytest.mark.parametrize(
    ("factor", "simple"),
    [
        (0.25, "4:1"),
        (10.2, "1:10"),
        (0.667, "3:2"),
        (0.8, "5:4"),
        (0.01, "100:1"),
        (0.87, None),
        (0.705, None),
        (0.6, None),
    ],
)
def test_a_stock_near_a_simple_ratio_is_a_question(factor: float, simple: str | None) -> None:
    candles = walk()
    candles[PRICES] *= factor
    findings = judged(candles, symbol=STOCK, history=history(5)).findings
    questions = [finding for finding in findings if finding.kind is Kind.SPLIT]
    assert [finding.severity for finding in questions] == ([Severity.DOUBT] if simple else [])
    if simple:
        assert f"answer with `tradematrix split AAPL 2026-11-02 {simple}`, or `none`" in questions[0].message
        assert Kind.SCALE not in {finding.kind for finding in findings}


def test_later_sessions_name_the_first_one_of_the_split() -> None:
    since = [judged(walk(day, start=250.0), day).summary for day in range(2)]
    message = the(
        Kind.SPLIT, judged(walk(2, start=250.0), 2, symbol=STOCK, history=history(6), unaccepted=since)
    ).message
    assert "since 2026-11-02: answer with `tradematrix split AAPL 2026-11-02 4:1`" in message
    other = [since[0], judged(walk(1, start=5000.0), 1).summary]
    message = the(
        Kind.SPLIT, judged(walk(2, start=250.0), 2, symbol=STOCK, history=history(6), unaccepted=other)
    ).message
    assert "since 2026-11-04" in message, "not before a session at yet another scale"


@pytest.mark.parametrize("ratio", [None, 2.0])
def test_what_is_answered_is_not_asked_again(ratio: float | None) -> None:
    answered = replace(STOCK, splits=(Split(trade_date=session().trade_date, ratio=ratio),))
    judgement = judged(walk(start=250.0), symbol=answered, history=history(6))
    assert Kind.SPLIT not in kinds(judgement)
    assert judgement.verdict is Verdict.REFUSED
    index = replace(answered, instrument=InstrumentType.INDEX)
    since = [judged(walk(day, start=250.0), day).summary for day in range(2)]
    finding = the(
        Kind.LASTING_CHANGE, judged(walk(2, start=250.0), 2, symbol=index, history=history(6), unaccepted=since)
    )
    assert finding.message.endswith("times those before: which side is right?")


def test_a_summary_in_other_units_keeps_its_step_where_that_is_the_exchanges() -> None:
    one = judged(walk()).summary
    four, tenth = one.divided(4.0), one.divided(0.1)
    assert (four.open, four.high, four.low, four.close) == (one.open / 4, one.high / 4, one.low / 4, one.close / 4)
    assert four.step == one.step
    assert tenth.close == pytest.approx(one.close * 10)
    assert tenth.step == pytest.approx(one.step * 10)
