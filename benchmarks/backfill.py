"""What a year of history costs: 5 symbols x all seven assets, through web UI, daemon and Postgres, on a simulator.

The same project runs twice: as it is, and on Dagster's stock event storage without batching (for a quarter of the
time, scaled). Fails when a bar is missing, when credits are more than 1.05 times the lower bound, or when the stock
storage isn't at least 4 times slower. Run it with ``make bench-backfill``.
"""

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import create_engine, text

from tradematrix_pipelines.cli.signals import ends_like_ctrl_c
from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.defs.internals.dagster_home import project_file
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines_tests.stack import ASSETS, Ui, Vendor, environment, tradematrix, ui, vendor

YEAR = 261  # weekdays
BARS_A_CALL = 5000
CREDITS_ALLOWED = 1.05
TIMES_FASTER = 4.0
SYMBOLS = [symbol.name for symbol in DEFAULT_SYMBOLS]
_LEAD_IN = timedelta(days=12)
_OURS = "tradematrix_pipelines.defs.internals.dagster_storage"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One backfill: its size, its cost, its result."""

    storage: str
    dates: int
    partitions: int
    events: int
    runs: int
    seconds: float
    status: str
    calls: int
    credits: int
    bound: int
    bars: int
    missed: int


def main() -> int:
    """Measure, print, judge."""
    arguments = _arguments()
    with ends_like_ctrl_c():
        return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    days = _weekdays(arguments.days)
    few = days if arguments.whole else days[-max(1, math.ceil(len(days) / 4)) :]
    sides = [_measure(days, stock=False, logs=arguments.logs and arguments.logs / "ours")]
    ratio = None
    if not arguments.only_ours:
        sides.append(_measure(few, stock=True, logs=arguments.logs and arguments.logs / "stock"))
        ratio = sides[1].seconds * len(days) / len(few) / sides[0].seconds
    problems = [problem for side in sides for problem in _judge(side)]
    if ratio is not None and ratio < TIMES_FASTER:
        problems.append(f"only {ratio:.1f} times faster than the stock storage, not {TIMES_FASTER:.0f}")
    _show(sides, ratio, problems, as_json=arguments.json)
    return 1 if problems else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=YEAR, help="weekdays to backfill (default: %(default)s, a year)")
    parser.add_argument("--whole", action="store_true", help="all the days on the stock storage too, not a quarter")
    parser.add_argument("--only-ours", action="store_true", help="leave the stock storage out")
    parser.add_argument("--logs", type=Path, help="folder to copy the installations' logs to")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


def _weekdays(count: int) -> list[date]:
    """Return the last ``count`` weekdays whose sessions have all closed."""
    day = SystemClock().now().date() - timedelta(days=1)
    days: list[date] = []
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day -= timedelta(days=1)
    return days[::-1]


def _measure(days: Sequence[date], *, stock: bool, logs: Path | None) -> Measured:
    with _installation(stock=stock, logs=logs) as (home, env, simulator):
        # So that the first day's levels have a session to be computed from.
        first = days[0]
        lead_in = ["--from", str(first - _LEAD_IN), "--to", str(first - timedelta(days=1)), "--timeframe", "1h"]
        tradematrix(env, "backfill", *SYMBOLS, *lead_in, "--timeframe", "1d")
        with ui(env, home) as web:
            before, events = simulator.counts, _count(env, "SELECT count(*) FROM event_logs", dagster=True)
            backfill, seconds, status = _backfill(web, days)
            after = simulator.counts
            return Measured(
                storage="stock" if stock else "ours",
                dates=len(days),
                partitions=len(days) * len(SYMBOLS) * len(ASSETS),
                events=_count(env, "SELECT count(*) FROM event_logs", dagster=True) - events,
                runs=len(web.runs(tags={"dagster/backfill": backfill})),
                seconds=seconds,
                status=status,
                calls=after["calls"] - before["calls"],
                credits=after["credits"] - before["credits"],
                bound=_bound(days),
                **_bars(env, days),
            )


@contextmanager
def _installation(*, stock: bool, logs: Path | None) -> Iterator[tuple[Path, dict[str, str], Vendor]]:
    with tempfile.TemporaryDirectory(prefix="tradematrix-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        with vendor(home) as simulator:
            env = environment(
                home,
                TWELVE_DATA_API_KEY="any",
                TWELVE_DATA_PLAN="unlimited",
                TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
            )
            # The lease on the server keeps it running between the commands.
            with open_databases(load_settings(env)) as databases:
                if stock:
                    env["DAGSTER_EVENT_BATCH_SIZE"] = "0"
                    _use_stock_storage(home, databases.dagster.render_as_string(hide_password=False))
                try:
                    yield home, env, simulator
                finally:
                    _save_logs(home, logs)


def _save_logs(home: Path, folder: Path | None) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for log in home.glob("**/*.log"):
            shutil.copy(log, folder)


def _use_stock_storage(home: Path, url: str) -> None:
    config = project_file("dagster.yaml").read_text()
    ours = config[config.index("storage:\n") : config.index("telemetry:")]
    assert _OURS in ours
    (home / "dagster").mkdir()
    stock = f"storage:\n  postgres:\n    postgres_url: {json.dumps(url)}\n\n"
    (home / "dagster" / "dagster.yaml").write_text(config.replace(ours, stock))


def _backfill(web: Ui, days: Sequence[date]) -> tuple[str, float, str]:
    started = time.monotonic()
    backfill = web.backfill(days, SYMBOLS)
    status = web.finish(backfill, seconds=1800)
    return backfill, round(time.monotonic() - started, 1), status


def _bound(days: Sequence[date]) -> int:
    """Return the fewest credits that the minutes, and the official days where there are any, can cost.

    One more a symbol asks where its minutes start: once for all backfills, and so that none pays for what isn't there.
    """
    total = len(DEFAULT_SYMBOLS)
    for symbol in DEFAULT_SYMBOLS:
        sessions = calendar_of(symbol).sessions(days[0], days[-1])
        total += math.ceil(sum(len(session.bar_opens(Timeframe.M1)) for session in sessions) / BARS_A_CALL)
        if not symbol.quotes_all_day:
            total += math.ceil(len(sessions) / BARS_A_CALL)
    return total


def _bars(env: dict[str, str], days: Sequence[date]) -> dict[str, int]:
    """Return how many bars are stored, and by how many that differs from the number expected by the calendars."""
    bars = missed = 0
    for symbol in DEFAULT_SYMBOLS:
        sessions = calendar_of(symbol).sessions(days[0], days[-1])
        for timeframe in Timeframe:
            expected = sum(len(session.bar_opens(timeframe)) for session in sessions)
            stored = _count(
                env,
                """SELECT count(*) FROM ohlc JOIN market_symbols s ON s.id = symbol_id WHERE s.symbol = :symbol
                AND timeframe = CAST(:timeframe AS ohlc_timeframe) AND ts >= :first AND ts < :last""",
                symbol=symbol.name,
                timeframe=str(timeframe),
                first=sessions[0].opens_at,
                last=sessions[-1].closes_at,
            )
            bars, missed = bars + stored, missed + abs(expected - stored)
    return {"bars": bars, "missed": missed}


def _count(env: dict[str, str], query: str, *, dagster: bool = False, **parameters: object) -> int:
    with open_databases(load_settings(env)) as databases:
        engine = create_engine(databases.dagster if dagster else databases.market)
        with engine.connect() as connection:
            counted = int(connection.execute(text(query), parameters).scalar_one())
        engine.dispose()
        return counted


def _judge(measured: Measured) -> list[str]:
    problems = []
    if not measured.status.startswith("COMPLETED") or measured.status == "COMPLETED_FAILED":
        problems.append(f"{measured.storage}: the backfill ended as {measured.status}")
    if measured.missed:
        problems.append(f"{measured.storage}: {measured.missed} bars too few or too many")
    if measured.credits > CREDITS_ALLOWED * measured.bound:
        problems.append(f"{measured.storage}: {measured.credits} credits, more than 1.05 x {measured.bound}")
    return problems


def _show(sides: Sequence[Measured], ratio: float | None, problems: Sequence[str], *, as_json: bool) -> None:
    rows = [asdict(side) for side in sides]
    if as_json:
        print(json.dumps({"sides": rows, "ratio": ratio, "problems": problems}, indent=2))
        return
    for name in rows[0]:
        print(
            f"{name:10}",
            *(f"{value:>20,}" if isinstance(value, int) else f"{value!s:>20}" for value in (row[name] for row in rows)),
        )
    if ratio is not None:
        print(f"the stock storage takes {ratio:.1f} times as long, scaled to the same days")
    for problem in problems:
        print(f"FAILED: {problem}")


if __name__ == "__main__":
    sys.exit(main())
