"""Whole trading weeks, minute by minute, on the limits of the free plan and of a paid one: ``make bench-week``.

A week with a DST change, one with a Xetra holiday, one with a US half day; and the first of them once more with faults
(``bad_week``), after which the same has to be stored, row for row. It prints what they cost and how stale the newest
minute was, and fails when a day costs more credits than the plan has, the vendor answers 429, a bar of the vendor's is
not stored, a level row is late or differs from an independent computation, or an incident is not notified exactly once.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, MutableMapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.managers import SyncManager
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import Engine, create_engine, text

from benchmarks.bad_week import BadWeek
from benchmarks.endings import die_with_parent, ends_with_children
from benchmarks.trading_week import MINUTES, WEEK, Lived, SteppedClock, Week, monday
from benchmarks.vendor_truth import levels_of, minutes_of
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, Symbol
from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.postgres.embedded import lease_server
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.vendors.credits import parse_plan
from tradematrix_pipelines_tests.alerts.receiver import Receiver, running_receiver

WEEKS = {
    "dst": (monday(2026, 3, 2), "the US clocks change on its Sunday"),
    "holiday": (monday(2026, 4, 27), "Xetra is closed on May 1"),
    "half-day": (monday(2026, 11, 23), "Thanksgiving, and New York closes early on the day after"),
}
PLANS = {"free": "8/800", "paid": "55"}
BAD = "dst"
"""The week that is also run with faults, on the free plan."""

_OWN = ("TRADEMATRIX_", "DAGSTER_", "TWELVE_DATA_")
_MINUTES = text("""
    SELECT ts, open, high, low, close FROM ohlc JOIN market_symbols ON id = symbol_id
    WHERE symbol = :symbol AND timeframe = '1m' AND ts >= :start AND ts < :end ORDER BY ts
""")
_LEVELS = text("""
    SELECT y_high, y_low, y_close, pivot, r1, s1, computed_at FROM levels_daily JOIN market_symbols ON id = symbol_id
    WHERE symbol = :symbol AND trade_date = :day
""")
_STATE = {
    # The session that is open on Sunday night was pulled a few minutes earlier in one week than in the other.
    "ohlc": """
        SELECT ts, symbol_id, timeframe, open, high, low, close, volume, source FROM ohlc
        WHERE ts < :settled ORDER BY symbol_id, timeframe, ts""",
    "session_coverage": """
        SELECT symbol_id, timeframe, trade_date, status, final, expected, received, rejected, outside, longest_gap,
               source FROM session_coverage WHERE closes_at < :settled ORDER BY symbol_id, timeframe, trade_date""",
    "levels_daily": """
        SELECT (to_jsonb(levels_daily) - 'computed_at')::text FROM levels_daily ORDER BY trade_date, symbol_id""",
    "pivot_levels": """
        SELECT (to_jsonb(pivot_levels) - 'computed_at')::text FROM pivot_levels
        ORDER BY trade_date, symbol_id, method""",
}
_INCIDENTS = text("""
    SELECT count(*), count(opening_notified_at), count(closed_at), count(closing_notified_at) FROM incidents
""")
_LATE = timedelta(minutes=10)
"""FX opens at the moment it closes: its levels have to be stored within this time."""


@dataclass(kw_only=True, slots=True)
class Measured:
    """One week on one plan."""

    week: str
    plan: str
    pulls: int = 0
    failed_pulls: int = 0
    runs: int = 0
    failed_runs: int = 0
    most_credits_a_day: int = 0
    refused: int = 0
    bars: int = 0
    missed: int = 0
    wrong: int = 0
    levels: int = 0
    levels_late: int = 0
    levels_wrong: int = 0
    staleness_median: float = 0.0
    staleness_p95: float = 0.0
    incidents: int = 0
    recoveries: int = 0
    messages: int = 0
    seconds: float = 0.0
    state: dict[str, list[str]] = field(default_factory=dict, repr=False)
    problems: list[str] = field(default_factory=list)


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--week", choices=WEEKS, action="append", help="only this one; may be given several times")
    parser.add_argument("--plan", choices=PLANS, action="append", help="only this one; may be given several times")
    parser.add_argument("--no-faults", action="store_true", help="leave out the week with faults")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="weeks at once (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    lives = [(week, plan, False) for plan in arguments.plan or PLANS for week in arguments.week or WEEKS]
    if not arguments.no_faults and (BAD, "free", False) in lives:
        lives.insert(1, (BAD, "free", True))
    with tempfile.TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder:
        weeks = _live_all(lives, Path(folder), arguments.jobs)
    _compare([measured for measured in weeks if measured.week.startswith(BAD) and measured.plan == "free"])
    _show(weeks, as_json=arguments.json)
    return 1 if any(measured.problems for measured in weeks) else 0


def _live_all(lives: list[tuple[str, str, bool]], folder: Path, jobs: int) -> list[Measured]:
    """Run the weeks concurrently, each in a process of its own."""
    context = get_context("spawn")
    manager = SyncManager(ctx=context)
    manager.start(die_with_parent)
    with (
        manager,
        lease_server(folder),
        ProcessPoolExecutor(jobs, mp_context=context, initializer=die_with_parent) as pool,
        Progress(console=Console(stderr=True)) as progress,
        ends_with_children(),
    ):
        done: MutableMapping[str, int] = manager.dict()
        futures = [pool.submit(measure, folder, *life, done) for life in lives]
        tasks = {_name(*life): progress.add_task(_name(*life), total=MINUTES) for life in lives}
        while not all(future.done() for future in futures):
            for name, minutes in done.items():
                progress.update(tasks[name], completed=minutes)
            time.sleep(1)
        return [future.result() for future in futures]


def _name(week: str, plan: str, faults: bool) -> str:
    return f"{week}{' with faults' * faults} {plan}"


def measure(folder: Path, week: str, plan: str, faults: bool, done: MutableMapping[str, int]) -> Measured:
    """Run through a week, and compare what is stored with what the vendor has."""
    start, _ = WEEKS[week]
    name, clock, begun = _name(week, plan, faults), SteppedClock(start), time.monotonic()
    measured = Measured(week=f"{week}{' with faults' * faults}", plan=plan)
    with (
        Simulator(clock=clock, plan=parse_plan(PLANS[plan])) as simulator,
        running_receiver() as receiver,
        installation(folder, name, simulator.url, PLANS[plan], receiver.url),
    ):
        settings, bad = load_settings().model_copy(update={"clock": clock}), BadWeek(start, simulator)
        living = Week(
            settings,
            clock,
            spent=lambda: simulator.counts.credits,
            on_minute=bad.on_minute if faults else lambda _: True,
        )
        lived = living.live(lambda minutes: done.update({name: minutes}))
        with open_databases(settings) as databases:
            engine = create_engine(databases.market)
            _judge(engine, start, measured)
            _judge_incidents(engine, receiver, measured)
            engine.dispose()
        measured.refused = simulator.counts.limited
        if faults and bad.kills < 2:
            measured.problems.append(f"only {bad.kills} of 2 kills hit anything")
    _sum_up(lived, measured)
    measured.seconds = time.monotonic() - begun
    done[name] = MINUTES
    return measured


def _sum_up(lived: Lived, measured: Measured) -> None:
    measured.pulls, measured.failed_pulls = lived.pulls, lived.failed_pulls
    measured.runs, measured.failed_runs = lived.runs, lived.failed_runs
    measured.most_credits_a_day = max(lived.credits_by_day.values())
    measured.staleness_median = float(np.percentile(lived.staleness, 50))
    measured.staleness_p95 = float(np.percentile(lived.staleness, 95))
    limit = parse_plan(PLANS[measured.plan]).per_day
    bars = {
        "credits over the day's limit": 0 if limit is None else max(0, measured.most_credits_a_day - limit),
        "calls refused by 429": measured.refused,
        "bars not stored": measured.missed,
        "bars with other values": measured.wrong,
        "levels too late": measured.levels_late,
        "levels that differ": measured.levels_wrong,
    }
    measured.problems += [f"{count} {what}" for what, count in bars.items() if count]


@contextmanager
def installation(folder: Path, name: str, url: str, plan: str, alert_url: str) -> Iterator[None]:
    """Make this process's environment that of a new installation inside the block."""
    kept = {key: value for key, value in os.environ.items() if key.startswith(_OWN)}
    slug = name.replace(" ", "_").replace("-", "_")
    with lease_server(folder) as server:
        own = {
            "TRADEMATRIX_HOME": str(folder / slug),
            "TRADEMATRIX_DATABASE_URL": server.url(slug).render_as_string(hide_password=False),
            "TRADEMATRIX_TWELVE_DATA_URL": url,
            "TRADEMATRIX_ALERT_URLS": alert_url,
            "TWELVE_DATA_API_KEY": "any",
            "TWELVE_DATA_PLAN": plan,
        }
        for key in kept:
            del os.environ[key]
        os.environ.update(own)
        try:
            yield
        finally:
            for key in own:
                del os.environ[key]
            os.environ.update(kept)


def _judge(engine: Engine, start: datetime, measured: Measured) -> None:
    end = start + WEEK
    with Simulator(clock=SteppedClock(end + WEEK)) as vendor:
        for symbol in DEFAULT_SYMBOLS:
            _judge_minutes(engine, vendor.url, symbol, start=start, end=end, measured=measured)
            _judge_levels(engine, vendor.url, symbol, start=start, end=end, measured=measured)
    with engine.connect() as connection:
        for table, query in _STATE.items():
            terms = {"settled": end - timedelta(hours=4)} if ":settled" in query else {}
            measured.state[table] = [str(tuple(row)) for row in connection.execute(text(query), terms)]


def _judge_incidents(engine: Engine, receiver: Receiver, measured: Measured) -> None:
    with engine.connect() as connection:
        opened, opening_notified, closed, closing_notified = connection.execute(_INCIDENTS).one()
    measured.incidents, measured.recoveries, measured.messages = opened, closed, len(receiver.messages)
    lines = [line for message in receiver.messages for line in message["message"].splitlines()]
    notified = sum(int(line.split()[2]) if line.startswith("… and ") else 1 for line in lines)
    at_once = sum("was and is over" in line for line in lines)
    if (opening_notified, closing_notified) != (opened, closed) or notified != opened + closed - at_once:
        measured.problems.append(f"{opened} incidents and {closed} ends were notified in {notified} lines")


def _compare(lives: list[Measured]) -> None:
    """Compare the bad week's end state with the good one's, row for row."""
    if len(lives) < 2:
        return
    good, bad = lives
    for table, rows in good.state.items():
        differing = set(rows) ^ set(bad.state[table])
        if differing:
            bad.problems.append(f"{len(differing)} rows of {table} differ from the week without faults")
            bad.problems += sorted(differing)[:4]


def _judge_minutes(
    engine: Engine, url: str, symbol: Symbol, *, start: datetime, end: datetime, measured: Measured
) -> None:
    # The last minutes of Sunday may still wait for the next pull.
    until = end - timedelta(minutes=20)
    theirs = minutes_of(url, symbol, start, until)
    with engine.connect() as connection:
        terms = {"symbol": symbol.name, "start": start, "end": until}
        rows = connection.execute(_MINUTES, terms).all()
    ours = pd.DataFrame(
        [row[1:] for row in rows], index=pd.DatetimeIndex([row[0] for row in rows]), columns=theirs.columns
    )
    both = theirs.index.intersection(ours.index)
    measured.bars += len(theirs)
    measured.missed += len(theirs) - len(both)
    measured.wrong += (
        len(ours) - len(both) + int((theirs.loc[both].to_numpy() != ours.loc[both].to_numpy()).any(axis=1).sum())
    )


def _judge_levels(
    engine: Engine, url: str, symbol: Symbol, *, start: datetime, end: datetime, measured: Measured
) -> None:
    calendar = calendar_of(symbol)
    for session in calendar.sessions(start.date(), end.date() + timedelta(days=3)):
        before = calendar.previous(session.trade_date)
        if session.opens_at < start or before.closes_at + _LATE > end:
            continue
        expected = asdict(levels_of(url, symbol, before))
        with engine.connect() as connection:
            row = connection.execute(_LEVELS, {"symbol": symbol.name, "day": session.trade_date}).one_or_none()
        measured.levels += 1
        if row is None or row.computed_at.astimezone(UTC) > max(session.opens_at, before.closes_at + _LATE):
            measured.levels_late += 1
        elif any(not np.isclose(getattr(row, key), value, rtol=1e-12) for key, value in expected.items()):
            measured.levels_wrong += 1


def _show(weeks: list[Measured], *, as_json: bool) -> None:
    rows = [{key: value for key, value in asdict(measured).items() if key != "state"} for measured in weeks]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for key in rows[0]:
        if key == "problems":
            continue
        cells = [f"{row[key]:.1f}" if isinstance(row[key], float) else f"{row[key]}" for row in rows]
        print(f"{key:20}", *(f"{cell:>16}" for cell in cells))
    for row in rows:
        for problem in row["problems"]:
            print(f"FAILED: {row['week']} {row['plan']}: {problem}")


if __name__ == "__main__":
    sys.exit(main())
