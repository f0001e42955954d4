"""A trading week in minutes of real time: the decisions of every simulated minute, carried out for real.

Real are Postgres, Dagster's instance and runs, HTTP to the simulator, and the credit ledger; waiting is simulated. The
clock is stepped from minute to minute, and each step does what the daemon's ticks would do; runs are carried out in
this process. Here: the week. Not here: what it is compared with (``week``, ``vendor_truth``).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from tradematrix_pipelines.alerts.channels import Alerter
from tradematrix_pipelines.automation.backlog import FetchTask
from tradematrix_pipelines.automation.deadlines import last_deadline
from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.alerting import find_incidents
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.runs import run_sessions
from tradematrix_pipelines.defs.io_manager import PostgresIOManager
from tradematrix_pipelines.defs.jobs import TRADING_DAY
from tradematrix_pipelines.defs.live import plan_pulls, pull_symbols
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.defs.requests import request_runs
from tradematrix_pipelines.defs.trading_day import tasks_of_closes, tasks_of_deadline, tasks_of_healing
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.partition_key import dates_by_symbol
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.credits import open_ledger
from tradematrix_pipelines.storage.current_prices import read_current_prices
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.incidents import record
from tradematrix_pipelines.storage.notifications import notify
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.vendors.registry import open_vendors

MINUTE = timedelta(minutes=1)
WEEK = timedelta(days=7)
MINUTES = WEEK // MINUTE
SENSORS, _AFTER_CLOSES = 5, 2
"""Minutes between checks for closed sessions; a real daemon checks every half minute."""

_SAMPLES = 7
"""Minutes between samples of the newest minutes' staleness; not a multiple of any other interval."""


@dataclass(slots=True)
class SteppedClock:
    """A clock that stands still until it is stepped; sleeping on it is such a step."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant

    def sleep(self, seconds: float) -> None:
        self.instant += timedelta(seconds=max(0.0, seconds))


@dataclass(kw_only=True, slots=True)
class Lived:
    """The measurements of the week.

    Attributes:
        staleness: minutes from the close of each open symbol's newest stored minute, sampled.
        credits_by_day: the vendor's count of credits of each UTC day.
        pulls: pulls of a symbol.
        runs: runs of closes, levels and healing.
        failed_runs: those that failed.
    """

    staleness: list[float] = field(default_factory=list)
    credits_by_day: dict[str, int] = field(default_factory=dict)
    pulls: int = 0
    failed_pulls: int = 0
    runs: int = 0
    failed_runs: int = 0


class Week:
    """One installation that is run through a week from its first Monday, 00:00 UTC.

    Args:
        settings: of the installation; its clock is ``clock``.
        spent: the vendor's own count of all credits so far.
        on_minute: called before each minute, with the time; returns whether the machine is on.
    """

    def __init__(
        self,
        settings: Settings,
        clock: SteppedClock,
        *,
        spent: Callable[[], int],
        on_minute: Callable[[datetime], bool] = lambda _: True,
    ) -> None:
        self._settings, self._clock, self._spent, self._on_minute = settings, clock, spent, on_minute
        self._defs, self._alerter = build_defs(settings), Alerter(settings.alert_urls)
        self.lived = Lived()

    def live(self, report: Callable[[int], None]) -> Lived:
        """Run through the week, and return its measurements; ``report`` is called regularly with the minutes done."""
        start = self._clock.instant
        with self._opened() as (database, instance, vendors):
            sync_symbols(instance, [symbol.name for symbol in read_symbols(database.engine)])
            before = self._spent()
            for number in range(MINUTES):
                tick = start + number * MINUTE
                self._clock.instant = max(self._clock.instant, tick)
                if number % 1440 == 0:
                    before = self._spent()
                if self._on_minute(tick):
                    self._tick(database, instance, vendors, tick)
                self.lived.credits_by_day[f"{tick:%a %d}"] = self._spent() - before
                if number % _SAMPLES == 0:
                    self._measure(database, tick)
                    report(number)
        return self.lived

    @contextmanager
    def _opened(self) -> Iterator[tuple[Database, dg.DagsterInstance, Sequence[Any]]]:
        with (
            Database.open(self._settings) as database,
            open_instance(self._settings) as instance,
            open_vendors(self._settings, ledger=open_ledger(database.engine, self._settings)) as vendors,
        ):
            yield database, instance, vendors

    def _tick(self, database: Database, instance: dg.DagsterInstance, vendors: Sequence[Any], tick: datetime) -> None:
        pulls = plan_pulls(database, self._settings, now=tick)
        io_manager = PostgresIOManager(database=database)
        for pulled in pull_symbols(database, vendors, io_manager, [symbol for symbol, _ in pulls.due]):
            self.lived.pulls += 1
            self.lived.failed_pulls += pulled.error is not None
        if tick.minute % SENSORS == _AFTER_CLOSES:
            # Candles first, then the levels that follow from them.
            while self._carry_out(database, instance, tasks_of_closes):
                pass
            self._carry_out(database, instance, tasks_of_healing)
            self._alert(database, instance)
        if last_deadline(tick) == tick:
            self._carry_out(database, instance, tasks_of_deadline)

    def _alert(self, database: Database, instance: dg.DagsterInstance) -> None:
        now = self._clock.instant
        incidents, kinds = find_incidents(database, self._settings, instance, now=now)
        record(database.engine, incidents, kinds=kinds, now=now)
        notify(database.engine, self._alerter, now=now)

    def _carry_out(self, database: Database, instance: dg.DagsterInstance, find: Callable[..., list[FetchTask]]) -> int:
        """Carry out the tasks that are not requested yet, and return how many runs that were."""
        before, now = self.lived.runs, self._clock.instant
        for request in request_runs(database, lambda: instance, find(database, self._settings, now=now), now=now):
            keys = [request.tags[ASSET_PARTITION_RANGE_START_TAG], request.tags[ASSET_PARTITION_RANGE_END_TAG]]
            [(symbol, dates)] = dates_by_symbol(keys).items()
            outcome = run_sessions(
                instance,
                self._defs,
                TRADING_DAY,
                symbol=symbol,
                first=dates[0],
                last=dates[-1],
                assets=request.asset_selection or (),
                run_config=request.run_config,
            )
            self.lived.runs += 1
            self.lived.failed_runs += outcome.error is not None
        return self.lived.runs - before

    def _measure(self, database: Database, tick: datetime) -> None:
        symbols = read_symbols(database.engine)
        newest = {price.symbol: price for price in read_current_prices(database.engine, symbols)}
        for symbol in symbols:
            session = calendar_of(symbol).at(tick)
            if session is None or tick < session.opens_at + MINUTE:
                continue
            price = newest.get(symbol.name)
            since = price.at if price is not None and price.trade_date == session.trade_date else session.opens_at
            self.lived.staleness.append((tick - since) / MINUTE)


def monday(year: int, month: int, day: int) -> datetime:
    """Return the start of a week in UTC."""
    return datetime(year, month, day, tzinfo=UTC)
