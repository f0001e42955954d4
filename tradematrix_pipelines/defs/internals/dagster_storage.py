"""Dagster's own storage, named under ``storage: custom:`` in ``dagster.yaml``: its runs, events and schedules.

Here: finding its database, so that a bare ``dagster dev`` works, sharing connections, batching what it writes, and
naming its runs. Not here: market data.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby, takewhile
from typing import Any, Self, TypeVar

import dagster
import psycopg2  # type: ignore[import-untyped]  # psycopg2 ships no types
from dagster import DagsterEventType, DagsterRun, EventLogEntry
from dagster._config import UserConfigSchema
from dagster._serdes import ConfigurableClassData
from dagster_postgres import (
    DagsterPostgresStorage,
    PostgresEventLogStorage,
    PostgresRunStorage,
    PostgresScheduleStorage,
)
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy import URL, Dialect, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import InvalidatePoolError, OperationalError

from tradematrix_pipelines.defs.internals.backfill_ranges import cut_backfills_by_symbol
from tradematrix_pipelines.defs.internals.data_versions import with_data_version
from tradematrix_pipelines.defs.internals.launcher import mark_process_space
from tradematrix_pipelines.defs.internals.run_tags import with_names
from tradematrix_pipelines.postgres.databases import OpenDatabases, open_databases
from tradematrix_pipelines.settings import load_settings, set_dagster_variables

T = TypeVar("T")

_logger = logging.getLogger(__name__)

_ENDS = {DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_CANCELED}
_ROW_BEHIND_SECONDS = 60.0
_AWAY_SECONDS, _PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 180.0, 0.5, 10.0
_TABLES_LOCK = 8_427_101_264_319  # an arbitrary constant


class _Checked:
    """A storage that checks a connection before each use, in the web UI too.

    There Dagster makes an engine that keeps connections and does not check them: after a restart of the server, the
    first clicks would end in an error.
    """

    _engine: Engine

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        """Keep connections open, as Dagster does for its web UI."""
        super().optimize_for_webserver(statement_timeout, pool_recycle, max_overflow)  # type: ignore[misc]  # Dagster's
        event.listen(self._engine, "checkout", _check)


class BatchingEventLogStorage(_Checked, PostgresEventLogStorage):
    """Dagster's event log, which also stores the planned materializations of a run in one transaction.

    The stock storage stores each on its own connection, which takes most of the time of submitting a run over a year of
    partitions. Dagster passes batches because ``settings.set_dagster_variables`` configures it so.
    """

    def __init__(self, url: str, databases: OpenDatabases, *, should_autocreate_tables: bool = True) -> None:
        super().__init__(url, should_autocreate_tables)
        self._databases = databases
        self._runs = False  # whether a run has started in this process

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event, with its partition's own data version; a run's start also says where its process is."""
        if event.dagster_event_type == DagsterEventType.RUN_START and not self._runs:
            self._runs = True
            _connect_when_back(self._engine)
        self._store(partial(super().store_event, with_data_version(event)))
        if event.dagster_event_type == DagsterEventType.RUN_START and self.has_instance:
            mark_process_space(self._instance, event.run_id)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events in order, planned materializations in batches."""
        for planned, group in groupby(map(with_data_version, events), key=_is_planned):
            batch = list(group)
            if not (planned and self._store_planned(batch)):
                self._store(partial(super().store_event_batch, batch))

    def _store(self, storing: Callable[[], None]) -> None:
        """Store events; in a run's process, once the database is back where it is away.

        Dagster stores the events of a step outside of what the step's policy retries: the step would fail for good. An
        event that was stored in part may be there twice, which changes no status.
        """
        if self._runs:
            _when_back(storing, (OperationalError, DagsterPostgresException))
        else:
            storing()

    def get_logs_for_all_runs_by_log_id(
        self,
        after_cursor: int = -1,
        dagster_event_type: DagsterEventType | set[DagsterEventType] | None = None,
        limit: int | None = None,
    ) -> Mapping[int, EventLogEntry]:
        """Return events by id, those of a run's end only once the run's own row says so, too.

        Dagster stores the event first and updates the row then. Its daemon reads these events to retry died runs,
        passes over one whose run has not failed yet, and never comes back to it: the retry would be lost.
        """
        events = super().get_logs_for_all_runs_by_log_id(after_cursor, dagster_event_type, limit)
        wanted = dagster_event_type if isinstance(dagster_event_type, set) else {dagster_event_type}
        if not events or not wanted & _ENDS or not self.has_instance:
            return events
        runs = self._instance.get_runs(dagster.RunsFilter(run_ids=list({entry.run_id for entry in events.values()})))
        behind = {run.run_id for run in runs if not run.is_finished}
        # A row that is behind for longer belongs to a process that died in between; run monitoring ends its run again.
        since = time.time() - _ROW_BEHIND_SECONDS  # Dagster stamps events with the system's clock
        known = takewhile(lambda one: one[1].run_id not in behind or one[1].timestamp < since, events.items())
        return dict(known)

    def _store_planned(self, events: Sequence[EventLogEntry]) -> bool:
        """Store planned materializations in one transaction; return whether that was possible.

        It uses Dagster's internals. Where these have changed, nothing is stored, and the stock storage is used.
        """
        try:
            with self.index_transaction() as connection:
                insert = self.prepare_insert_event_batch(events)
                ids = connection.execute(insert.returning(insert.table.c.id)).scalars().all()
                last = {e.get_dagster_event().asset_key: (e, i) for e, i in zip(events, ids, strict=True)}
                for key in sorted(last, key=str):  # the same order in all runs, against deadlocks
                    self._store_asset_event(connection, *last[key])
        except (AttributeError, TypeError, ValueError):
            _logger.warning("this Dagster can't batch planned materializations; storing one by one", exc_info=True)
            return False
        return True

    def dispose(self) -> None:
        """Close the database when the instance is disposed of."""
        super().dispose()
        self._engine.dispose()
        self._databases.close()


class NamingRunStorage(_Checked, PostgresRunStorage):
    """Dagster's runs, which also names those of the UI: what they are about, and who started them."""

    def add_run(self, dagster_run: DagsterRun) -> DagsterRun:
        """Store a new run with its names."""
        stored: DagsterRun = super().add_run(with_names(dagster_run))
        return stored


class CheckedScheduleStorage(_Checked, PostgresScheduleStorage):
    """Dagster's schedules and sensors."""


class TradeMatrixStorage(DagsterPostgresStorage):
    """Dagster's storage in the database that the settings name, on the embedded server where they name none."""

    def __init__(self, *, inst_data: ConfigurableClassData | None = None) -> None:
        # Needed however this process was started, e.g. by a bare `dagster dev`.
        set_dagster_variables()
        cut_backfills_by_symbol()
        databases = open_databases(load_settings())
        url = databases.dagster.render_as_string(hide_password=False)
        with _one_at_a_time(databases.dagster):
            super().__init__(url, inst_data=inst_data)
        self._event_log_storage = BatchingEventLogStorage(url, databases, should_autocreate_tables=False)
        self._run_storage = NamingRunStorage(url, should_autocreate_tables=False)
        self._schedule_storage = CheckedScheduleStorage(url, should_autocreate_tables=False)
        _share_connections(url, self._event_log_storage, self._run_storage, self._schedule_storage)

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Return no options: the environment configures everything."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, object]) -> Self:
        """Make the storage from its serialized reference."""
        del config_value
        return cls(inst_data=inst_data)

    @property
    def event_storage_data(self) -> ConfigurableClassData | None:
        """How another process opens the event log alone: through this class."""
        return self._part("LegacyEventLogStorage")

    @property
    def run_storage_data(self) -> ConfigurableClassData | None:
        """The same for the runs."""
        return self._part("LegacyRunStorage")

    @property
    def schedule_storage_data(self) -> ConfigurableClassData | None:
        """The same for the schedules."""
        return self._part("LegacyScheduleStorage")

    def _part(self, name: str) -> ConfigurableClassData | None:
        if self.inst_data is None:
            return None
        whole = self.inst_data._asdict()
        return ConfigurableClassData("dagster._core.storage.legacy_storage", name, json.dumps(whole))  # JSON is YAML


def _share_connections(url: str, *storages: object) -> None:
    """Let these storages keep two open connections between them, and open others only while both are in use.

    The stock ones open a connection for each statement, which takes a third of the time of a small run. They find their
    engine in a private attribute; where there is none, they are left as they are.
    """
    if not all(isinstance(getattr(storage, "_engine", None), Engine) for storage in storages):
        _logger.warning("Dagster %s opens a connection for each statement", dagster.__version__)
        return
    # Tested before each use: the server may have been restarted since the last one. Whoever needs another connection
    # gets one without waiting, since Dagster nests statements.
    engine = create_engine(url, isolation_level="AUTOCOMMIT", pool_size=2, max_overflow=-1, pool_pre_ping=True)
    for storage in storages:
        storage._engine = engine  # type: ignore[attr-defined]  # noqa: SLF001  # looked for above


def _connect_when_back(engine: Engine) -> None:
    """Have an engine wait for a server that takes no connections."""

    def connect(dialect: Dialect, record: object, terms: Sequence[Any], options: Mapping[str, Any]) -> Any:
        del record
        return _when_back(partial(dialect.connect, *terms, **options), (psycopg2.OperationalError,))

    event.listen(engine, "do_connect", connect)


def _when_back(attempt: Callable[[], T], away: tuple[type[Exception], ...]) -> T:
    """Return what an attempt gives, made again for ``_AWAY_SECONDS`` while it raises one of these errors.

    By hand: what retrying libraries log has the whole statement, with an event of a year of partitions.
    """
    deadline, pause = time.monotonic() + _AWAY_SECONDS, _PAUSE_SECONDS
    while True:
        try:
            return attempt()
        except away as error:
            if time.monotonic() > deadline:
                raise
            _logger.warning("Dagster's database is away (%s): trying again in %.1f s", type(error).__name__, pause)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _check(connection: Any, record: object, proxy: object) -> None:
    """Have the pool replace a connection that the server has closed, and those that are as old.

    Raises:
        InvalidatePoolError: it has; the pool takes another one.
    """
    del record, proxy
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.OperationalError:
        raise InvalidatePoolError from None


def _is_planned(event: EventLogEntry) -> bool:
    return event.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION_PLANNED


@contextmanager
def _one_at_a_time(url: URL) -> Iterator[None]:
    """Let one process at a time create Dagster's tables: ``dagster dev`` starts several at once."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TABLES_LOCK})
        yield
