"""Which files an export writes, keeps and removes."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tradematrix_pipelines.candles.coverage import Coverage, Status, StoredCoverage, Verdict
from tradematrix_pipelines.cli.export_plan import Month, Plan, Selection, plan_export
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.files.manifest import ExportedFile, Manifest

CHECKED = datetime(2026, 11, 20, 23, tzinfo=UTC)
OCTOBER, NOVEMBER, LATER = date(2026, 10, 30), date(2026, 11, 2), date(2026, 11, 3)
ALL = Selection(symbols=frozenset({"DAX"}), timeframes=frozenset(Timeframe))
EMPTY = Manifest(format="parquet")


def stored(
    day: date = NOVEMBER,
    *,
    status: Status = Status.COMPLETE,
    verdict: Verdict | None = Verdict.ACCEPTED,
    final: bool = True,
    received: int = 9,
    checked_at: datetime = CHECKED,
) -> StoredCoverage:
    coverage = Coverage(
        timeframe=Timeframe.H1, trade_date=day, status=status, final=final, expected=9, received=received,
        verdict=verdict,
    )  # fmt: skip
    return StoredCoverage(symbol="DAX", coverage=coverage, attempts=1, checked_at=checked_at)


def exported(*months: Month) -> Manifest:
    files = [
        ExportedFile(
            path=f"DAX/1h/{month.month}-00000000.parquet", symbol="DAX", timeframe="1h", month=month.month, rows=9,
            first=CHECKED, last=CHECKED, sha256="0" * 64, sessions=month.sessions,
        )
        for month in months
    ]  # fmt: skip
    return EMPTY.with_files(files)


def plan(
    *rows: StoredCoverage, selection: Selection = ALL, manifest: Manifest = EMPTY, marks: dict[date, int] | None = None
) -> Plan:
    return plan_export(
        rows, selection, manifest, {("DAX", Timeframe.H1, day): mark for day, mark in (marks or {}).items()}
    )


def days(planned: Plan) -> list[tuple[str, list[date]]]:
    return [(month.month, [session.trade_date for session in month.sessions]) for month in planned.write]


def test_a_file_is_a_month_of_trade_dates() -> None:
    planned = plan(stored(LATER), stored(OCTOBER), stored(NOVEMBER))
    assert days(planned) == [("2026-10", [OCTOBER]), ("2026-11", [NOVEMBER, LATER])]
    assert (planned.keep, planned.remove) == ((), ())


@pytest.mark.parametrize(
    ("row", "usual", "doubtful", "incomplete"),
    [
        (stored(), True, True, True),
        (stored(verdict=Verdict.DOUBTFUL), False, True, False),
        (stored(verdict=None), False, False, True),
        (stored(status=Status.PARTIAL, verdict=None), False, False, True),
        (stored(final=False, verdict=None), False, False, True),
        (stored(status=Status.MISSING, received=0, verdict=None), False, False, False),
        (stored(status=Status.CLOSED, received=0, verdict=None), False, False, False),
        (stored(status=Status.FAILED, received=0, verdict=None), False, False, False),
    ],
)
def test_only_final_accepted_sessions_unless_asked(
    row: StoredCoverage, usual: bool, doubtful: bool, incomplete: bool
) -> None:
    for selection, expected in (
        (ALL, usual),
        (replace(ALL, doubtful=True), doubtful),
        (replace(ALL, incomplete=True), incomplete),
    ):
        assert bool(plan(row, selection=selection).write) is expected


def test_what_has_not_changed_is_kept() -> None:
    rows = stored(OCTOBER), stored(NOVEMBER)
    manifest = exported(*plan(*rows).write)
    again = plan(*rows, manifest=manifest)
    assert (again.write, again.keep, again.remove) == ((), manifest.files, ())


@pytest.mark.parametrize(
    ("row", "marks"),
    [
        (stored(checked_at=CHECKED + timedelta(minutes=1)), {}),
        (stored(received=8), {}),
        (stored(), {NOVEMBER: 7}),
    ],
)
def test_a_month_with_a_changed_session_is_written(row: StoredCoverage, marks: dict[date, int]) -> None:
    manifest = exported(*plan(stored(OCTOBER), stored(NOVEMBER)).write)
    again = plan(stored(OCTOBER), row, manifest=manifest, marks=marks)
    assert days(again) == [("2026-11", [NOVEMBER])]
    assert [file.month for file in again.keep] == ["2026-10"]


def test_a_session_that_is_doubtful_now_leaves_its_month() -> None:
    manifest = exported(*plan(stored(NOVEMBER), stored(LATER)).write)
    doubtful = stored(LATER, verdict=Verdict.DOUBTFUL)
    assert days(plan(stored(NOVEMBER), doubtful, manifest=manifest)) == [("2026-11", [NOVEMBER])]
    gone = plan(stored(NOVEMBER, verdict=Verdict.DOUBTFUL), doubtful, manifest=manifest)
    assert (gone.write, gone.remove) == ((), manifest.files)


def test_what_is_not_asked_for_stays_as_it_is_stored() -> None:
    manifest = exported(*plan(stored(OCTOBER), stored(NOVEMBER)).write)
    later = replace(ALL, first=LATER)
    rows = stored(OCTOBER), stored(NOVEMBER), stored(LATER)
    again = plan(*rows, selection=later, manifest=manifest)
    assert days(again) == [("2026-11", [NOVEMBER, LATER])]
    assert [file.month for file in again.keep] == ["2026-10"]
    assert days(plan(*rows, selection=later)) == [("2026-11", [LATER])]
    other = plan(selection=replace(ALL, symbols=frozenset({"NDX"})), manifest=manifest)
    assert (other.write, other.keep, other.remove) == ((), manifest.files, ())
