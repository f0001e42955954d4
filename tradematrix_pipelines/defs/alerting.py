"""The sensor that tells people: it judges the state of the system, records incidents, and sends what is new or over."""

import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import dagster as dg

from tradematrix_pipelines.alerts.channels import Alerter, AlertError
from tradematrix_pipelines.alerts.detectors import (
    find_disagreements,
    find_exhausted,
    find_low_credits,
    find_missing_levels,
    find_stale_markets,
)
from tradematrix_pipelines.alerts.incidents import Incident, IncidentKind
from tradematrix_pipelines.automation.closes import LOOKBACK
from tradematrix_pipelines.automation.healing import decide_healing
from tradematrix_pipelines.defs.automation import sensor_status
from tradematrix_pipelines.defs.failed_runs import find_failed_runs
from tradematrix_pipelines.defs.on_database import on_database
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.current_prices import read_current_prices
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.day_state import automated_symbols, computed_levels, credit_state, recent_coverage
from tradematrix_pipelines.storage.disagreements import days_against_minutes
from tradematrix_pipelines.storage.incidents import read_open, record
from tradematrix_pipelines.storage.notifications import notify
from tradematrix_pipelines.storage.symbols import read_beginnings

_SECONDS = 60
_WEEK = timedelta(days=7)
_logger = logging.getLogger(__name__)


def build_alerts_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor."""
    status = sensor_status(settings)

    @dg.sensor(
        minimum_interval_seconds=_SECONDS,
        default_status=status,
        description="Record what went wrong and what is over, and tell the services of TRADEMATRIX_ALERT_URLS, once.",
    )
    @on_database(settings)
    def alerts(context: dg.SensorEvaluationContext, database: Database) -> dg.SkipReason:
        alerter, now = Alerter(settings.alert_urls), database.clock.now()
        found, kinds = find_incidents(database, settings, context.instance, now=now, log=context.log)
        record(database.engine, found, kinds=kinds, now=now)
        try:
            told = notify(database.engine, alerter, now=now)
        except AlertError as error:
            # It is told at the next tick: a service that is down is no reason for this sensor to fail.
            return dg.SkipReason(f"{len(read_open(database.engine))} open; {error}")
        count = len(read_open(database.engine))
        return dg.SkipReason(f"{count} open; told of {told.opened} new, {told.closed} over, {told.touches} touches")

    return alerts


def find_incidents(
    database: Database,
    settings: Settings,
    instance: dg.DagsterInstance,
    *,
    now: datetime,
    log: logging.Logger = _logger,
) -> tuple[list[Incident], Collection[IncidentKind]]:
    """Return what is wrong at ``now``, and the kinds that this is the whole of.

    A kind that can't be judged is left out of these, so that none of it counts as over; that it can't is an incident.
    """
    kind = IncidentKind.NOT_JUDGED
    found: list[Incident] = []
    judged = [kind]
    for each, find in _detectors(database, settings, instance, now).items():
        try:
            found += find()
        except Exception as error:
            log.exception("%s can't be judged", each)
            # Of the error only its type: what it says may hold what must not leave the machine.
            why = f"{each} can't be judged ({type(error).__name__}): see the log of the sensor `alerts`"
            found.append(Incident(key=f"{kind}|{each}", kind=kind, message=why))
        else:
            judged.append(each)
    return found, judged


def _detectors(
    database: Database, settings: Settings, instance: dg.DagsterInstance, now: datetime
) -> dict[IncidentKind, Callable[[], list[Incident]]]:
    """Return who judges which kind; each reads what only it needs."""
    symbols = automated_symbols(database, settings)
    began = read_beginnings(database.engine, symbols, now=now)
    rows = [row for some in recent_coverage(database, symbols, now).values() for row in some]

    def stale() -> list[Incident]:
        newest = {price.symbol: price.at for price in read_current_prices(database.engine, symbols)}
        errors = {
            (row.symbol, row.coverage.trade_date): row.coverage.error
            for row in rows
            if row.coverage.timeframe is Timeframe.M1 and row.coverage.error
        }
        return find_stale_markets(symbols, newest, now, errors=errors, began=began)

    def missing() -> list[Incident]:
        computed = computed_levels(database.engine, symbols, since=(now - LOOKBACK).date())
        return find_missing_levels(symbols, computed, now, began=began)

    return {
        IncidentKind.LEVELS_MISSING: missing,
        IncidentKind.CREDITS_LOW: lambda: find_low_credits(symbols, credit_state(database, settings, now), now),
        IncidentKind.STALE_MARKET: stale,
        IncidentKind.SESSION_EXHAUSTED: lambda: find_exhausted(decide_healing(rows, now, budget=0).exhausted),
        IncidentKind.VENDOR_DISAGREEMENT: lambda: find_disagreements(
            days_against_minutes(database.engine, since=(now - _WEEK).date())
        ),
        IncidentKind.RUN_FAILURE: lambda: find_failed_runs(instance, database, now),
    }
