"""A stock splits 4:1 while it is brought in: minutes as they are traded, official days divided by the vendor."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pandas as pd
import pytest

from tradematrix_pipelines.candles.coverage import Coverage, Verdict
from tradematrix_pipelines.candles.frame import PRICES
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.judging import Past, Record
from tradematrix_pipelines.markets.splits import Split
from tradematrix_pipelines.markets.symbols import InstrumentType, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.findings import Kind, Severity
from tradematrix_pipelines_tests.ingest.test_verdicts import Books, bring_in, coverage_of, days_of, minutes

M1, D1 = Timeframe.M1, Timeframe.D1
STOCK = Symbol(
    id=9, name="SAP", calendar="XETR", instrument=InstrumentType.STOCK, tick_size=0.01, currency="EUR", exchange="XETR"
)
BEFORE, SPLIT, AFTER = date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20)
DAYS = [date(2026, 11, 16), date(2026, 11, 17), BEFORE, SPLIT, AFTER]
CONFIRMED = replace(STOCK, splits=(Split(trade_date=SPLIT, ratio=4.0),))
DENIED = replace(STOCK, splits=(Split(trade_date=SPLIT, ratio=None),))
OLD, NEW = DAYS[:3], DAYS[3:]
EVENING = datetime(2026, 11, 18, 22, tzinfo=UTC)


def divided(bars: pd.DataFrame, days: Sequence[date]) -> pd.DataFrame:
    changed = bars.copy()
    changed.loc[changed["ts"].dt.date.isin(days), PRICES] /= 4
    return changed


@pytest.fixture(scope="module")
def unsplit() -> pd.DataFrame:
    return minutes(STOCK, DAYS[0], AFTER)


@pytest.fixture
def vendor(unsplit: pd.DataFrame) -> Books:
    """Minutes as they were traded, and all days in the units since the split."""
    return Books("first", {M1: divided(unsplit, NEW), D1: divided(days_of(unsplit), DAYS)})


def verdicts(batches: Sequence[SeriesBatch], timeframe: Timeframe) -> dict[date, Verdict | None]:
    return {day: row.verdict for day, row in coverage_of(batches, timeframe).items()}


def doubts(rows: Mapping[date, Coverage]) -> dict[date, str]:
    return {day: row.doubt or "" for day, row in rows.items() if row.verdict is Verdict.DOUBTFUL}


def test_a_split_that_nobody_knows_is_a_question_for_minutes_and_days(vendor: Books) -> None:
    batches = bring_in([vendor], STOCK, (M1, D1), days=DAYS)
    of_minutes, of_days = doubts(coverage_of(batches)), doubts(coverage_of(batches, D1))
    assert list(of_minutes) == NEW
    assert list(of_days) == OLD
    for doubt in (*of_minutes.values(), *of_days.values()):
        assert doubt.startswith("split: ")
        assert "a split of 4:1 since 2026-11-19" in doubt
        assert doubt.endswith("answer with `tradematrix split SAP 2026-11-19 4:1`, or `none`")


def test_where_the_split_is_not_seen_yet_the_question_names_the_last_session(unsplit: pd.DataFrame) -> None:
    vendor = Books("first", {M1: unsplit, D1: divided(days_of(unsplit), DAYS)})
    of_days = doubts(coverage_of(bring_in([vendor], STOCK, (M1, D1), days=OLD), D1))
    assert list(of_days) == OLD
    assert "after 2026-11-18, whose first session goes in place of DATE" in of_days[OLD[0]]


def test_a_confirmed_split_leaves_nothing_to_doubt(vendor: Books) -> None:
    batches = bring_in([vendor], CONFIRMED, (M1, D1), days=DAYS)
    for timeframe in (M1, D1):
        assert verdicts(batches, timeframe) == dict.fromkeys(DAYS, Verdict.ACCEPTED)
    severe = [
        finding
        for batch in batches
        for judgement in batch.judgements.values()
        for finding in judgement.findings
        if finding.severity > Severity.NOTE
    ]
    assert severe == []


def test_a_wrong_ratio_is_noticed(vendor: Books) -> None:
    wrong = replace(STOCK, splits=(Split(trade_date=SPLIT, ratio=2.0),))
    assert verdicts(bring_in([vendor], wrong, (M1,), days=DAYS), M1)[SPLIT] is Verdict.DOUBTFUL


def test_where_there_was_none_a_session_is_refused_as_before(vendor: Books) -> None:
    batches = bring_in([vendor], DENIED, (M1,), days=DAYS)
    assert verdicts(batches, M1) == dict.fromkeys(OLD, Verdict.ACCEPTED) | dict.fromkeys(NEW, Verdict.REFUSED)


def test_an_index_does_not_split(vendor: Books) -> None:
    index = replace(STOCK, instrument=InstrumentType.INDEX)
    assert verdicts(bring_in([vendor], index, (M1,), days=DAYS), M1)[SPLIT] is Verdict.REFUSED


@pytest.mark.parametrize(
    ("stored_at", "days_of_old", "expected"),
    [
        (EVENING, OLD, Verdict.ACCEPTED),  # stored before the split, as they were traded
        (datetime(2026, 11, 19, 21, tzinfo=UTC), [], Verdict.ACCEPTED),  # stored after it, divided by the vendor
        (EVENING, [], Verdict.REFUSED),  # it contradicts what is known of when they were stored
    ],
)
def test_days_stored_before_a_split_are_divided_and_others_are_not(
    unsplit: pd.DataFrame, stored_at: datetime, days_of_old: list[date], expected: Verdict
) -> None:
    whole = days_of(unsplit)
    stored = divided(whole, [day for day in DAYS if day not in days_of_old])
    first = bring_in([Books("first", {D1: stored})], STOCK, (D1,), days=OLD)
    past: Past = {
        (D1, day): (judgement.summary, judgement.verdict)
        for batch in first
        for day, judgement in batch.judgements.items()
    }
    record = Record(read=lambda *_: past, stored_at=lambda *_: dict.fromkeys(OLD, stored_at))
    vendor = Books("first", {D1: divided(whole, DAYS)})
    assert verdicts(bring_in([vendor], CONFIRMED, (D1,), days=NEW, record=record), D1)[SPLIT] is expected


def test_another_vendor_settles_no_question_of_units(vendor: Books) -> None:
    second = Books("second", vendor.bars)
    batches = bring_in([vendor, second], STOCK, (M1,), days=DAYS, doubtful={M1: set(NEW)})
    assert verdicts(batches, M1)[SPLIT] is Verdict.DOUBTFUL
    assert second.calls
    kinds = {finding.kind for batch in batches for finding in batch.judgements[SPLIT].findings if batch.judgements}
    assert {Kind.SPLIT, Kind.SECOND_LOOK} <= kinds
