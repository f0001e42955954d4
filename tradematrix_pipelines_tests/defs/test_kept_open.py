"""What a code server keeps open between ticks, and that a tick is no worse off for it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import dagster as dg
import pytest
from dagster._core.storage.defs_state.base import DefsStateStorage
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tradematrix_pipelines.defs.installation import Installation, building_for
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.kept_open import KeptOpen
from tradematrix_pipelines.defs.on_database import on_database
from tradematrix_pipelines.defs.partitions import SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols

Seen = tuple[int, dg.DagsterInstance, list[str]]

_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"


class Ticks:
    """Ticks of one sensor, as a code server has them, and what each saw."""

    def __init__(self, settings: Settings, kept: KeptOpen, instance: dg.DagsterInstance) -> None:
        self._instance, self.seen = instance, list[Seen]()
        self.fails = False
        with building_for(Installation(settings=settings, kept=kept)):
            self._sensor = dg.SensorDefinition(
                name="looks", evaluation_fn=on_database(settings)(self._look), job_name="any"
            )

    def _look(self, context: dg.SensorEvaluationContext, database: Database) -> dg.SkipReason:
        with database.engine.connect() as connection:
            if self.fails:
                connection.execute(text("SELECT 1 / 0"))
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        [symbol, *_] = read_symbols(database.engine)
        now = database.clock.now()
        assert database.candles.series(symbol, Timeframe.M1, now, now).empty
        self.seen.append((pid, context.instance, list(context.instance.get_dynamic_partitions(str(SYMBOLS.name)))))
        return dg.SkipReason("looked")

    def tick(self) -> str:
        with self._context() as context:
            return str(self._sensor.evaluate_tick(context).skip_message)

    @contextmanager
    def _context(self) -> Iterator[dg.SensorEvaluationContext]:
        with dg.SensorEvaluationContext(
            instance_ref=self._instance.get_ref(),
            last_tick_completion_time=None,
            last_run_key=None,
            cursor=None,
            log_key=None,
            repository_name=None,
        ) as context:
            yield context


@pytest.fixture
def ticks(settings: Settings, database: Database) -> Iterator[Ticks]:
    del database  # migrated
    kept = KeptOpen(settings)
    with open_instance(settings) as instance:
        yield Ticks(settings, kept, instance)
    kept.close()


def test_a_kept_instance_is_not_the_current_one_of_what_comes_after(settings: Settings, database: Database) -> None:
    del database
    kept = KeptOpen(settings)
    with open_instance(settings) as instance:
        assert Ticks(settings, kept, instance).tick() == "looked"
        assert DefsStateStorage.get() is instance.defs_state_storage
    kept.close()
    assert DefsStateStorage.get() is None


def test_ticks_share_a_connection_and_an_instance(ticks: Ticks) -> None:
    assert [ticks.tick() for _ in range(3)] == ["looked"] * 3
    assert len({pid for pid, _, _ in ticks.seen}) == 1
    assert len({id(instance) for _, instance, _ in ticks.seen}) == 1
    assert ticks.seen[0][1] is not ticks._instance, "the context has it by its reference"


def test_threads_tick_at_the_same_time(ticks: Ticks) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert {future.result() for future in [threads.submit(ticks.tick) for _ in range(40)]} == {"looked"}


def test_a_tick_goes_on_after_all_connections_were_closed(ticks: Ticks, database: Database) -> None:
    ticks.tick()
    with database.engine.connect() as connection:
        connection.execute(text(_OTHERS))
    assert ticks.tick() == "looked"


def test_what_has_failed_is_opened_anew(ticks: Ticks) -> None:
    ticks.tick()
    ticks.fails = True
    with pytest.raises(DBAPIError, match="division by zero"):
        ticks.tick()
    ticks.fails = False
    assert ticks.tick() == "looked"
    assert ticks.seen[0][0] != ticks.seen[1][0]


def test_another_schema_skips_the_tick_until_it_is_the_own_again(ticks: Ticks, database: Database) -> None:
    ticks.tick()
    with database.engine.begin() as connection:
        own = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert "has an older schema" in ticks.tick()
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :own"), {"own": own})
    assert ticks.tick() == "looked"
