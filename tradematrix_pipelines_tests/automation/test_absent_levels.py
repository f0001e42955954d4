"""Why there are no levels: a table of dates and instants."""

from datetime import UTC, date, datetime

import pytest

from tradematrix_pipelines.automation.absent_levels import why_absent
from tradematrix_pipelines.candles.coverage import Coverage, Status, StoredCoverage, Verdict
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe

DAX = DEFAULT_SYMBOLS[0]
FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
EVENING = datetime(2026, 11, 20, 20, tzinfo=UTC)


def stored(status: Status = Status.COMPLETE, *, final: bool = True, verdict: Verdict | None = None) -> StoredCoverage:
    coverage = Coverage(
        timeframe=Timeframe.D1,
        trade_date=FRIDAY,
        status=status,
        final=final,
        expected=1,
        received=1 if status is Status.COMPLETE else 0,
        verdict=verdict,
        doubt="wick: the high is one bar's alone" if verdict is Verdict.DOUBTFUL else None,
    )
    return StoredCoverage(symbol="DAX", coverage=coverage, attempts=1, checked_at=EVENING)


@pytest.mark.parametrize(
    ("day", "now", "row", "says"),
    [
        ("2026-11-21", EVENING, None, "a Saturday: no session; the next is Mon 2026-11-23"),
        ("2026-12-25", EVENING, None, "a holiday of XETR: no session; the next is Mon 2026-12-28"),
        ("2026-11-23", EVENING.replace(hour=10), None, "after the close of today, about 16:32 UTC"),
        ("2026-11-24", EVENING, None, "after the close of Mon 2026-11-23, about Mon 2026-11-23 16:32 UTC"),
        (
            "2026-11-23",
            EVENING,
            None,
            "its session 2026-11-20 is not stored: run `tradematrix backfill DAX --from",
        ),
        ("2026-11-23", EVENING, stored(Status.MISSING), "its session 2026-11-20 can't be used: 0 of 1 bars"),
        (
            "2026-11-23",
            EVENING,
            stored(verdict=Verdict.DOUBTFUL),
            "is doubtful: wick: the high is one bar's alone. ",
        ),
        ("2026-11-23", EVENING, stored(final=False), "was still open when it was fetched at 20:00 UTC: fetch it again"),
        ("2026-11-23", EVENING, stored(), "not computed yet: run `tradematrix backfill DAX --from 2026-11-20"),
    ],
)
def test_the_reason_names_what_brings_them(day: str, now: datetime, row: StoredCoverage | None, says: str) -> None:
    assert says in why_absent(DAX, date.fromisoformat(day), row=row, now=now)
