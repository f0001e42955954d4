"""What a monitoring system may know of this installation, in Prometheus' text format.

Here: the metrics, their names and labels. Everything is read when it is asked for; nothing is counted in this process,
so it does not matter which of several is asked. Not here: the SQL (``storage.measures``), and when a value is a reason
to notify (deploy/prometheus/alerts.yml).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from importlib.metadata import version

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tradematrix_pipelines.automation.backlog import FetchTask
from tradematrix_pipelines.board.quotes import provenance_of
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.freshness import waiting
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.credits import open_ledger
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.freshness import newest_bars
from tradematrix_pipelines.storage.incidents import read_open
from tradematrix_pipelines.storage.limits import Limits
from tradematrix_pipelines.storage.measures import count_sessions, database_size, read_dagster, table_sizes
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.storage.trading_day_state import automated_symbols, read_backlog

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LATELY = timedelta(days=30)
_MINUTE = timedelta(minutes=1)


def find_metrics(database: Database, settings: Settings, limits: Limits) -> str:
    """Return all metrics."""
    registry = CollectorRegistry()
    registry.register(_Given([*_markets(database), *_work(database, settings), *_credits(database, settings)]))
    registry.register(_Given([*_installation(database, settings), *_dagster(database, limits)]))
    return generate_latest(registry).decode()


class _Given(Collector):
    """Metrics that have been read."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def _markets(database: Database) -> Iterator[Metric]:
    now, symbols = database.clock.now(), read_symbols(database.engine)
    opens = _gauge("market_open", "1 while the symbol's session is open.", ["symbol"])
    newest = _gauge(
        "newest_candle_timestamp_seconds", "Open of the newest stored candle, Unix time.", ["symbol", "timeframe"]
    )
    stale = _gauge(
        "staleness_seconds",
        "Trading time since the newest stored minute of an open market closed, or since the open.",
        ["symbol"],
    )
    bars = newest_bars(database.engine, symbols, list(Timeframe), now=now)
    for (name, timeframe), at in sorted(bars.items()):
        newest.add_metric([name, str(timeframe)], at.timestamp())
    for symbol in symbols:
        waited = _waited(symbol, bars.get((symbol.name, Timeframe.M1)), now)
        opens.add_metric([symbol.name], float(waited is not None))
        if waited is not None:
            stale.add_metric([symbol.name], waited.total_seconds())
    yield from (opens, newest, stale)


def _waited(symbol: Symbol, newest: datetime | None, now: datetime) -> timedelta | None:
    session = calendar_of(symbol).at(now)
    return None if session is None else waiting(session, None if newest is None else newest + _MINUTE, now=now)


def _work(database: Database, settings: Settings) -> Iterator[Metric]:
    now = database.clock.now()
    sessions = _gauge(
        "sessions", "Sessions of the last 30 days, one a timeframe, by status and verdict.", ["status", "verdict"]
    )
    for labels, count in sorted(count_sessions(database.engine, since=(now - _LATELY).date()).items()):
        sessions.add_metric(labels, count)
    backlog = _gauge(
        "backlog_tasks",
        "Sessions to fetch and levels to compute: due, waiting for their next attempt, or exhausted.",
        ["cause", "state"],
    )
    symbols = automated_symbols(database, settings)
    tasks = read_backlog(database, symbols, now, history_start=settings.history_start)
    counts = Counter((str(task.cause), _state(task, now)) for task in tasks)
    # A series that ends with the backlog would look like one that was never there.
    for labels in sorted({*counts, ("incomplete", "due"), ("incomplete", "exhausted"), ("levels", "due")}):
        backlog.add_metric(labels, counts[labels])
    incidents = _gauge("open_incidents", "Incidents that are open, by kind.", ["kind"])
    for kind, count in sorted(Counter(str(incident.kind) for incident in read_open(database.engine)).items()):
        incidents.add_metric([kind], count)
    yield from (sessions, backlog, incidents)


def _state(task: FetchTask, now: datetime) -> str:
    if task.next_attempt is None:
        return "exhausted"
    return "due" if task.next_attempt <= now else "waiting"


def _credits(database: Database, settings: Settings) -> Iterator[Metric]:
    ledger, now = open_ledger(database.engine, settings), database.clock.now()
    spent = _gauge(
        "credits_spent_today", "Credits of the vendor's day that are spent, by purpose.", ["vendor", "purpose"]
    )
    left = _gauge("credits_left", "Credits left of the plan in a window: minute, day.", ["vendor", "window"])
    limit = _gauge("credits_limit", "Credits of the plan in a window: minute, day.", ["vendor", "window"])
    for vendor, plan in ledger.plans.items():
        usage = ledger.usage(vendor, now)
        for purpose, amount in sorted(usage.by_purpose.items()):
            spent.add_metric([vendor, purpose], amount)
        for window, rest, most in (
            ("minute", usage.minute_left, plan.per_minute),
            ("day", usage.day_left, plan.per_day),
        ):
            if rest is not None and most is not None:
                left.add_metric([vendor, window], rest)
                limit.add_metric([vendor, window], most)
    yield from (spent, left, limit)


def _installation(database: Database, settings: Settings) -> Iterator[Metric]:
    info = _gauge("info", "1; what this installation is.", ["version", "vendor", "provenance"])
    info.add_metric([version("tradematrix-pipelines"), settings.vendor_name, provenance_of(database) or "none"], 1)
    automation = _gauge("automation", "1 where the trading day runs by itself.", [])
    automation.add_metric([], float(settings.automation))
    yield from (info, automation)


def _dagster(database: Database, limits: Limits) -> Iterator[Metric]:
    size = _gauge("database_size_bytes", "Size of a database on disk.", ["database"])
    size.add_metric(["market"], database_size(database.engine))
    tables = _gauge("table_size_bytes", "Size of a table with its indexes.", ["database", "table"])
    _add_tables(tables, "market", table_sizes(database.engine))
    known = read_dagster(database.databases.dagster, limits)
    readable = _gauge("dagster_readable", "1 where Dagster's database can be read.", [])
    readable.add_metric([], float(known is not None))
    yield readable
    if known is None:
        yield from (size, tables)
        return
    size.add_metric(["dagster"], known.size)
    _add_tables(tables, "dagster", known.tables)
    runs = _gauge(
        "runs", "Dagster's runs: all that have not ended, and those that ended within a day.", ["job", "status"]
    )
    for (job, status), count in sorted(known.runs.items()):
        runs.add_metric([job, status.lower()], count)
    seconds = _gauge(
        "run_duration_seconds",
        "How long runs took that ended within a day; quantile 1 is the longest.",
        ["job", "status", "quantile"],
    )
    for (job, status, quantile), value in sorted(known.seconds.items()):
        seconds.add_metric([job, status.lower(), f"{quantile:g}"], value)
    oldest = _gauge(
        "oldest_running_start_timestamp_seconds", "Start of the oldest run that has not ended, Unix time.", ["job"]
    )
    for job, start in sorted(known.oldest_start.items()):
        oldest.add_metric([job], start)
    heartbeat = _gauge("daemon_heartbeat_timestamp_seconds", "Last heartbeat of a daemon, Unix time.", ["daemon"])
    for daemon, at in sorted(known.heartbeats.items()):
        heartbeat.add_metric([daemon.lower()], at)
    yield from (size, tables, runs, seconds, oldest, heartbeat)


def _add_tables(gauge: GaugeMetricFamily, database: str, sizes: Mapping[str, int]) -> None:
    for table, size in sizes.items():
        gauge.add_metric([database, table], size)


def _gauge(name: str, meaning: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tradematrix_{name}", meaning, labels=labels)
