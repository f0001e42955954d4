"""What catches each kind of corruption, on four real series: docs/explanation/quality.md has the table.

A corruption is put into a series' last session, which is then screened and judged by the sessions before it.
"""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.quality.findings import Severity
from tradematrix_pipelines.quality.summary import SessionSummary
from tradematrix_pipelines_tests.quality.corruptions import CORRUPTIONS, own
from tradematrix_pipelines_tests.quality.series import Series, load

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "quality.md"
LAST = {
    "DAX": date(2019, 2, 22),
    "SPX": date(2023, 6, 30),
    "EUR/USD": date(2014, 5, 15),
    "XAU/USD": date(2014, 5, 15),
}
SEEDS = 3
PASSES = "**passes**"
LEAST_CAUGHT = 24


def until_the_last(folder: Path, symbol: str) -> tuple[Series, list[SessionSummary]]:
    """The series up to the session that is corrupted, and the accepted sessions before it."""
    series = load(folder, symbol).until(LAST[symbol])
    raw, end = series.raw, series.sessions[-1].closes_at + timedelta(hours=3)
    traded = [session for session in series.sessions if len(own(replace(series, sessions=[session])))]
    series = replace(series, raw=raw[raw["ts"] < end].reset_index(drop=True), sessions=traded)
    judgements = series.judged()
    assert {judgement.verdict for judgement in judgements.values()} == {Verdict.ACCEPTED}
    return series, [judgement.summary for day, judgement in judgements.items() if day < LAST[symbol]]


def levels(candles: pd.DataFrame) -> tuple[float, float, float, float]:
    return candles["open"].iloc[0], candles["high"].max(), candles["low"].min(), candles["close"].iloc[-1]


def outcomes(series: Series, history: list[SessionSummary], kind: str) -> list[set[str]]:
    """What catches a kind, for each seed."""
    truth = levels(series.judged_last(series.raw, history)[1])
    caught = []
    for seed in range(SEEDS):
        judgement, candles = series.judged_last(CORRUPTIONS[kind](series, np.random.default_rng(seed)), history)
        if judgement is None:
            caught.append({"incomplete"})
            continue
        kinds = {finding.kind.value for finding in judgement.findings if finding.severity > Severity.NOTE}
        caught.append(kinds or {"no effect" if levels(candles) == truth else PASSES})
    return caught


def cell(caught: list[set[str]]) -> str:
    """What catches it each time; where that differs, each of them."""
    always = set.intersection(*caught)
    return ", ".join(sorted(always)) if always else " or ".join(sorted({min(kinds) for kinds in caught}))


def documented() -> dict[str, dict[str, str]]:
    """The cells of the table: by kind, then by symbol."""
    lines = PAGE.read_text().partition("| corruption |")[2].splitlines()
    symbols = [name.strip() for name in lines[0].strip("|").split("|")]
    rows = {}
    for line in lines[2 : lines.index("")]:
        kind, *cells = (part.strip() for part in line.strip("|").split("|"))
        rows[kind] = dict(zip(symbols, cells, strict=True))
    return rows


def test_the_table_has_every_kind_and_series() -> None:
    assert list(documented()) == list(CORRUPTIONS)
    assert {tuple(row) for row in documented().values()} == {tuple(LAST)}


@pytest.mark.parametrize("symbol", LAST)
def test_what_catches_each_kind_is_what_the_table_says(shared_data: Path, symbol: str) -> None:
    series, history = until_the_last(shared_data, symbol)
    caught = {kind: cell(outcomes(series, history, kind)) for kind in CORRUPTIONS}
    assert caught == {kind: row[symbol] for kind, row in documented().items()}
    assert sum(PASSES not in line for line in caught.values()) >= LEAST_CAUGHT


def test_each_kind_that_passes_is_explained() -> None:
    passing = [kind for kind, row in documented().items() if PASSES in str(row)]
    explained = PAGE.read_text().partition("## What passes")[2].partition("\n## ")[0]
    assert [kind for kind in passing if f"**{kind}**" not in explained] == []
