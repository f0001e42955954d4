"""Progress lines in a run's log, and how often they appear."""

import logging
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.runs import run_sessions
from tradematrix_pipelines.defs.jobs import INGEST_CANDLES
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.defs.progress_log import ProgressLog
from tradematrix_pipelines.ingest.progress import Progress
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.vendors.credits import PLANS, UNLIMITED, Plan

BEGIN = datetime(2026, 11, 20, 23, tzinfo=UTC)
CANDLES = 5 * (510 + 102 + 34 + 9 + 1)


@pytest.mark.parametrize(
    ("plan", "lines"),
    [
        (
            UNLIMITED,
            [
                "EUR/USD: 0 of 40 windows, 40 left, 0 credits, 0 sessions stored",
                "EUR/USD: 3 of 40 windows, 37 left, 3 credits, 9 sessions stored, about 74 s left",
                "EUR/USD: 6 of 40 windows, 34 left, 6 credits, 18 sessions stored, about 68 s left",
                "EUR/USD: 8 of 40 windows, 32 left, 8 credits, 24 sessions stored, about 64 s left",
            ],
        ),
        (
            PLANS["basic"],
            [
                "EUR/USD: 0 of 40 windows, 40 left, 0 credits, 0 sessions stored, about 7 min left",
                "EUR/USD: 3 of 40 windows, 37 left, 3 credits, 9 sessions stored, about 7 min left",
                "EUR/USD: 6 of 40 windows, 34 left, 6 credits, 18 sessions stored, about 6 min left",
                "EUR/USD: 8 of 40 windows, 32 left, 8 credits, 24 sessions stored, about 6 min left",
            ],
        ),
    ],
)
def test_a_line_at_the_begin_every_few_seconds_and_in_the_end(
    plan: Plan, lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    progress = Progress(expected={Timeframe.M1: 40})
    log = ProgressLog(logging.getLogger("run"), "EUR/USD", progress, plan=plan, now=BEGIN)
    for number in range(1, 9):  # eight windows, one every two seconds
        progress.expected[Timeframe.M1] -= 1
        progress.cut += 1
        progress.asked += 1
        progress.credits += 1
        log.update(sessions=3 * number, now=BEGIN + number * timedelta(seconds=2))
    log.end(sessions=24, now=BEGIN + timedelta(seconds=16))
    log.end(sessions=24, now=BEGIN + timedelta(seconds=16))
    assert caplog.messages == lines


def test_a_run_logs_the_progress_of_each_symbol_and_nothing_where_nothing_is_fetched(settings: Settings) -> None:
    first, last = date(2026, 11, 16), date(2026, 11, 20)
    with open_instance(settings) as instance:
        sync_symbols(instance, ["DAX"])

        def logged(days: date) -> list[str]:
            outcome = run_sessions(instance, build_defs(settings), INGEST_CANDLES, symbol="DAX", first=days, last=last)
            assert outcome.error is None
            logs = instance.all_logs(outcome.run_id)
            lines = [entry.user_message for entry in logs if not entry.is_dagster_event]
            return [line for line in lines if "DAX" in line or "inserted" in line]

        # Five sessions of 510 minutes, and their official days; the simulator's credits are not counted as a plan's.
        assert logged(first) == [
            "DAX: 0 of 25 partitions were complete before",
            "DAX: 0 of 2 windows, 2 left, 0 credits, 0 sessions stored",
            "DAX: 2 of 2 windows, 0 left, 2 credits, 5 sessions stored",
            f"{CANDLES} rows inserted, 0 revised, 0 rejected",
        ]
        assert logged(last) == [
            "DAX: 5 of 5 partitions were complete before",
            "0 rows inserted, 0 revised, 0 rejected",
        ]
        assert instance.get_materialized_partitions(dg.AssetKey("ohlc_1m")) >= {f"{last}|DAX"}
