"""The alerts sensor: judges the state of the system, records incidents, and notifies of those that are new or over."""

import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import dagster as dg

from tradematrix_pipelines.alerts.changed_levels import find_changed_levels
from tradematrix_pipelines.alerts.channels import Alerter, AlertError
from tradematrix_pipelines.alerts.detectors import (
    Incident,
    IncidentKind,
    find_doubtful,
    find_exhausted,
    find_low_credits,
    find_missing_levels,
    find_stale_markets,
    find_surprise_closures,
)
from tradematrix_pipelines.automation.backlog import LOOKBACK, FetchTask, backlog
from tradematrix_pipelines.automation.closures import find_closures, paused_sessions
from tradematrix_pipelines.defs.automation import sensor_status
from tradematrix_pipelines.defs.failed_runs import find_failed_runs
from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.defs.on_database import on_database
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.current_prices import read_current_prices
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.incidents import read_open, record
from tradematrix_pipelines.storage.level_changes import read_level_changes
from tradematrix_pipelines.storage.notifications import notify
from tradematrix_pipelines.storage.report_notifications import send_report
from tradematrix_pipelines.storage.symbols import read_beginnings
from tradematrix_pipelines.storage.trading_day_state import (
    automated_symbols,
    computed_levels,
    credit_state,
    recent_coverage,
)

_SECONDS = 60
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_logger = logging.getLogger(__name__)


def build_alerts_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor."""
    status = sensor_status(settings)

    @dg.sensor(
        minimum_interval_seconds=_SECONDS,
        default_status=status,
        description="Record incidents that open or close, and notify the services of TRADEMATRIX_ALERT_URLS once.",
    )
    @on_database(settings)
    def alerts(context: dg.SensorEvaluationContext, database: Database) -> dg.SkipReason:
        alerter, now = Alerter(settings.alert_urls), database.clock.now()
        incidents, kinds = find_incidents(database, settings, context.instance, now=now, log=context.log)
        record(database.engine, incidents, kinds=kinds, now=now)
        try:
            sent = notify(database.engine, alerter, now=now)
            page = send_report(database.engine, alerter, now=now, board_url=settings.board_url)
        except AlertError as error:
            # The next tick notifies again: a service that is down is no reason for this sensor to fail.
            return dg.SkipReason(f"{len(read_open(database.engine))} open; {error}")
        count = len(read_open(database.engine))
        pages = "" if page is None else f"; sent the morning page of {page}"
        notified = f"notified of {sent.opened} new, {sent.closed} over, {sent.touches} touches"
        return dg.SkipReason(f"{count} open; {notified}{pages}")

    return alerts


def find_incidents(
    database: Database,
    settings: Settings,
    instance: dg.DagsterInstance,
    *,
    now: datetime,
    log: logging.Logger = _logger,
) -> tuple[list[Incident], Collection[IncidentKind]]:
    """Return the incidents at ``now``, and the kinds that were judged completely.

    A kind that can't be judged is left out of the kinds, so that none of its incidents closes, and is itself an
    incident.
    """
    not_judged = IncidentKind.NOT_JUDGED
    incidents: list[Incident] = []
    judged = [not_judged]
    for kind, find in _detectors(database, settings, instance, now).items():
        try:
            incidents += find()
        except Exception as error:
            log.exception("%s can't be judged", kind)
            # Only the error's type: its message may contain what must not leave the machine.
            why = f"{kind} can't be judged ({type(error).__name__}): see the log of the sensor `alerts`"
            incidents.append(Incident(key=f"{not_judged}|{kind}", kind=not_judged, message=why))
        else:
            judged.append(kind)
    return incidents, judged


def _detectors(
    database: Database, settings: Settings, instance: dg.DagsterInstance, now: datetime
) -> dict[IncidentKind, Callable[[], list[Incident]]]:
    """Return the detector of each kind; each reads only what it needs."""
    symbols = automated_symbols(database, settings)
    began = read_beginnings(database.engine, symbols, now=now)
    rows = recent_coverage(database, symbols, now)
    closures = find_closures(symbols, rows)

    def stale() -> list[Incident]:
        newest = {price.symbol: price.at for price in read_current_prices(database.engine, symbols)}
        errors = {
            (row.symbol, row.coverage.trade_date): row.coverage.error
            for of_symbol in rows.values()
            for row in of_symbol
            if row.coverage.timeframe is Timeframe.M1 and row.coverage.error
        }
        return find_stale_markets(symbols, newest, now, errors=errors, began=began)

    def missing() -> list[Incident]:
        computed = computed_levels(database.engine, symbols, since=(now - LOOKBACK).date())
        return find_missing_levels(symbols, computed, now, began=began, closures=closures)

    def tasks() -> list[FetchTask]:
        return [
            task
            for symbol in symbols
            for task in backlog(symbol, rows[symbol.name], now, paused=paused_sessions(symbol, closures))
        ]

    return {
        IncidentKind.LEVELS_MISSING: missing,
        IncidentKind.CREDITS_LOW: lambda: find_low_credits(symbols, credit_state(database, settings, now), now),
        IncidentKind.STALE_MARKET: stale,
        IncidentKind.SESSION_EXHAUSTED: lambda: find_exhausted(tasks()),
        IncidentKind.SESSION_DOUBTFUL: lambda: find_doubtful(tasks()),
        IncidentKind.SURPRISE_CLOSURE: lambda: find_surprise_closures(closures),
        IncidentKind.LEVEL_CHANGED: lambda: find_changed_levels(
            read_level_changes(database.engine, symbols, first=(now - _DAY).date(), since=now - _WEEK), symbols, now
        ),
        IncidentKind.RUN_FAILURE: lambda: find_failed_runs(instance, database, now, closures=closures),
    }


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    return dg.Definitions(sensors=[build_alerts_sensor(installation().settings)])
