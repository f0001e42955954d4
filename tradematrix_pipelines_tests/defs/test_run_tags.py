"""The list of runs says what each is about, and who started it."""

from datetime import date

import dagster as dg
import pytest
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    AUTOMATION_CONDITION_TAG,
    PARTITION_NAME_TAG,
)
from dagster._core.test_utils import create_run_for_test

from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.run_tags import range_tags
from tradematrix_pipelines.settings import Settings


@pytest.mark.parametrize(
    ("first", "last", "sessions"),
    [
        (date(2026, 11, 10), date(2026, 11, 10), "DAX 2026-11-10"),
        (date(2026, 11, 10), date(2026, 11, 23), "DAX 2026-11-10…23"),
        (date(2026, 11, 10), date(2026, 12, 4), "DAX 2026-11-10…12-04"),
        (date(2026, 11, 10), date(2027, 1, 8), "DAX 2026-11-10…2027-01-08"),
    ],
)
def test_a_range_is_as_short_as_it_is_clear(first: date, last: date, sessions: str) -> None:
    assert range_tags("DAX", first, last)["sessions"] == sessions


def test_runs_of_partitions_are_named_as_they_are_made(settings: Settings) -> None:
    start, end = ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG
    cases: list[tuple[dict[str, str], str | None, str | None]] = [
        ({PARTITION_NAME_TAG: "2026-11-20|EUR/USD"}, "EUR/USD 2026-11-20", "ui"),
        ({start: "2026-11-19|DAX", end: "2026-11-20|DAX"}, "DAX 2026-11-19…20", "ui"),
        ({start: "2026-11-19|DAX", end: "2026-11-20|NDX"}, "DAX…NDX 2026-11-19…20", "ui"),
        ({PARTITION_NAME_TAG: "2026-11-20|DAX", AUTOMATION_CONDITION_TAG: "true"}, "DAX 2026-11-20", "automation"),
        ({**range_tags("DAX", date(2026, 11, 20), date(2026, 11, 20)), "by": "heal"}, "DAX 2026-11-20", "heal"),
        ({PARTITION_NAME_TAG: "not one of ours"}, None, "ui"),
        ({}, None, None),
    ]
    with open_instance(settings) as instance:
        made = [create_run_for_test(instance, job_name="__ASSET_JOB", tags=tags).run_id for tags, _, _ in cases]
        stored = {run.run_id: run.tags for run in instance.get_runs(dg.RunsFilter(run_ids=made))}
    assert [(stored[run_id].get("sessions"), stored[run_id].get("by")) for run_id in made] == [
        (sessions, by) for _, sessions, by in cases
    ]
