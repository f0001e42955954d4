"""Daily bars: each corruption of docs/explanation/quality.md's second table on real days, and what lasts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.candles.frame import PRICES
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.findings import Kind, Severity
from tradematrix_pipelines.quality.judge import Judgement, judge_in_order
from tradematrix_pipelines_tests.quality.series import Series, load

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "quality.md"
DAYS = [60, 300, 1040, 1200]
"""Rows of the days that are corrupted."""
NONE = {"passes"}


def times(factor: float, columns: list[str] = PRICES, days: int = 1) -> Callable[[pd.DataFrame, int], None]:
    def change(raw: pd.DataFrame, row: int) -> None:
        raw.loc[row : row + days - 1, columns] *= factor
        raw["high"] = raw[PRICES].max(axis=1)
        raw["low"] = raw[PRICES].min(axis=1)

    return change


def again(raw: pd.DataFrame, row: int) -> None:
    raw.loc[row, PRICES] = raw.loc[row - 1, PRICES]


def flat(raw: pd.DataFrame, row: int) -> None:
    raw.loc[row, PRICES] = raw.loc[row, "close"]


CORRUPTIONS = {
    "day x 100": times(100),
    "day / 100": times(0.01),
    "day x 10": times(10),
    "day x 5": times(5),
    "day x 0.44": times(0.44),
    "high x 5": times(5, ["high"]),
    "low x 0.2": times(0.2, ["low"]),
    "high + 20%": times(1.2, ["high"]),
    "close - 20%": times(0.8, ["close"]),
    "the day before again": again,
    "flat day": flat,
    "ten days x 100": times(100, days=10),
    "ten days x 0.44": times(0.44, days=10),
    "close + 3%": times(1.03, ["close"]),
}


@pytest.fixture(scope="module")
def days(shared_data: Path) -> Series:
    return load(shared_data, "SPY", Timeframe.D1)


def judged(days: Series, change: Callable[[pd.DataFrame, int], None], row: int) -> list[Judgement]:
    """The judgements of the day at ``row``, and of twenty after it."""
    part = days.raw.iloc[row - 30 : row + 20].reset_index(drop=True)
    change(part, 30)
    dates = set(part["ts"].dt.date)
    sessions = [session for session in days.sessions if session.trade_date in dates]
    opens = pd.Series([session.opens_at for session in sessions])
    series = replace(days, sessions=sessions)
    judgements = judge_in_order(
        part.assign(ts=opens.astype(part["ts"].dtype)),
        symbol=series.symbol,
        timeframe=Timeframe.D1,
        sessions=sessions,
    )
    return list(judgements.values())[30:]


def documented() -> dict[str, set[str]]:
    lines = PAGE.read_text().partition("| corruption | what catches it |")[2].splitlines()
    rows = (line.strip("|").split("|") for line in lines[2 : lines.index("", 1)])
    return {kind.strip(): set(cell.strip(" *").split(", ")) for kind, cell in rows}


def test_the_table_has_every_kind() -> None:
    assert list(documented()) == list(CORRUPTIONS)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_what_catches_each_kind_is_what_the_table_says(days: Series, kind: str) -> None:
    caught = [
        {finding.kind.value for finding in judged(days, CORRUPTIONS[kind], row)[0].findings if finding.severity}
        for row in DAYS
    ]
    assert (set.intersection(*caught) or NONE) == documented()[kind]


@pytest.mark.parametrize(("factor", "suspicion"), [(100, "near 1:100"), (0.44, "")])
def test_ten_days_at_another_scale_are_two_questions(days: Series, factor: float, suspicion: str) -> None:
    judgements = judged(days, times(factor, days=10), 300)
    verdicts = [judgement.verdict is Verdict.ACCEPTED for judgement in judgements]
    assert verdicts == [False] * 3 + [True] * 7 + [False] * 3 + [True] * 7
    questions = [
        finding.message
        for judgement in judgements
        for finding in judgement.findings
        if finding.kind is Kind.LASTING_CHANGE
    ]
    assert len(questions) == 2
    assert suspicion in questions[0]


def test_an_impossible_range_is_refused(days: Series) -> None:
    [first, *_] = judged(days, times(5, ["high"]), 300)
    assert first.verdict is Verdict.REFUSED
    assert [finding.severity for finding in first.findings] == [Severity.REFUSAL]


def test_the_day_after_a_wrong_one_is_judged_by_the_day_before_it(days: Series) -> None:
    judgements = judged(days, times(100), 300)
    assert [judgement.verdict for judgement in judgements[:3]] == [
        Verdict.DOUBTFUL,
        Verdict.ACCEPTED,
        Verdict.ACCEPTED,
    ]
