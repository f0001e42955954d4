"""What is old goes, and nothing else."""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.test_utils import create_run_for_test
from sqlalchemy import text

from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.defs.definitions import build_defs
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.dagster_home import open_instance
from tradematrix_pipelines.storage.market import Market


def test_old_pulls_and_bookings_are_thrown_away(settings: Settings, market: Market) -> None:
    now = market.clock.now()
    with market.engine.begin() as connection:
        for days in (34, 36):
            connection.execute(
                text("INSERT INTO vendor_credits (vendor, reserved_at, credits, purpose, settled) "
                     "VALUES ('twelve_data', :at, 1, 'live', true)"),
                {"at": now - timedelta(days=days)},
            )  # fmt: skip
    with open_instance(settings) as instance:
        runs = {
            (job, days, status): create_run_for_test(instance, job_name=job, status=status).run_id
            for job in ("pull_live", "trading_day")
            for days in (6, 8)
            for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.STARTED)
        }
        with instance.run_storage.connect() as connection:
            for (_, days, _), run_id in runs.items():
                created = SystemClock().now().astimezone(UTC).replace(tzinfo=None) - timedelta(days=days)
                connection.execute(
                    text("UPDATE runs SET create_timestamp = :at WHERE run_id = :id"), {"at": created, "id": run_id}
                )
        sensor = build_defs(settings).get_repository_def().get_sensor_def("housekeeping")
        with dg.build_sensor_context(instance=instance) as context:
            told = sensor.evaluate_tick(context).skip_message
        left = {key for key, run_id in runs.items() if instance.has_run(run_id)}
    assert told == "deleted 1 runs of live pulls, 1 bookings of credits"
    assert runs.keys() - left == {("pull_live", 8, dg.DagsterRunStatus.SUCCESS)}
    with market.engine.connect() as connection:
        [kept] = connection.execute(text("SELECT reserved_at FROM vendor_credits")).scalars()
    assert isinstance(kept, datetime)
    assert kept == now - timedelta(days=34)
