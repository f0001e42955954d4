"""Sensors and schedules never migrate the database, and skip where it is not migrated yet."""

import pytest
from sqlalchemy import create_engine, inspect, text

from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.schema import SchemaBehind, SchemaTooNew
from tradematrix_pipelines_tests.defs.day import OPEN, Day

_DEFS = build_defs(load_settings({"TRADEMATRIX_HOME": "unused"})).get_repository_def()
# These evaluate nothing of ours: Dagster's conditions, and cron expressions.
_DAGSTERS = {"automation_conditions", "housekeeping_hourly", "prune_monthly"}
SENSORS = sorted({sensor.name for sensor in _DEFS.sensor_defs} - _DAGSTERS)
SCHEDULES = sorted({schedule.name for schedule in _DEFS.schedule_defs} - _DAGSTERS)


def test_every_tick_says_what_to_do_and_leaves_an_empty_database_empty(settings: Settings) -> None:
    with Simulator(clock=FrozenClock(OPEN)) as simulator, open_instance(settings) as instance:
        day = Day(settings, instance, simulator, FrozenClock(OPEN))
        answers = {name: day.sensor(name) for name in SENSORS} | {name: day.schedule(name) for name in SCHEDULES}
    assert len(answers) == 11
    for name, answer in answers.items():
        assert answer == (
            "the database has no schema yet, this code works on 0018: run `tradematrix migrate`; "
            "every command and every run does so at its start, unless TRADEMATRIX_AUTO_MIGRATE=0"
        ), name
    with open_databases(settings) as databases:
        engine = create_engine(databases.market)
        assert inspect(engine).get_table_names() == []
        engine.dispose()


@pytest.mark.parametrize(
    ("revision", "error", "message"),
    [
        ("0001", SchemaBehind, "has an older schema"),
        ("9999", SchemaTooNew, "is newer than this code"),
    ],
)
def test_connecting_rejects_any_other_schema(
    database: Database, settings: Settings, revision: str, error: type[Exception], message: str
) -> None:
    with Database.connect(settings) as connected:
        assert connected.engine.url == database.engine.url
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    with pytest.raises(error, match=message):
        Database.connect(settings)
