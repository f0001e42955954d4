"""What a year of history costs: 5 symbols x all assets, through web UI, daemon and Postgres, on a simulator.

The dates are backfilled from the dialog of the web UI; by `tradematrix backfill` on another installation; and, the last
of them, the way that Dagster has by itself: its stock event storage without batching, one partition a run, one call a
partition. The last is extrapolated by the number of dates. Each is measured once, by the clock. A bar too few or too
many, or a run that fails, makes it void.

    PYTHONPATH=. .venv/bin/python benchmarks/backfill.py [--days 261] [--stock-days 5] [--symbols 5] [--json]
"""

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from lines import Line, report
from sqlalchemy import create_engine, text

from tradematrix_pipelines.cli.signals import ends_like_ctrl_c
from tradematrix_pipelines.clock import SystemClock
from tradematrix_pipelines.defs.internals.dagster_home import project_file
from tradematrix_pipelines.defs.internals.run_tags import range_tags
from tradematrix_pipelines.defs.jobs import COMPUTE_LEVELS, INGEST_CANDLES
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.postgres.databases import open_databases
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines_tests.stack import Ui, Vendor, environment, tradematrix, ui, vendor, wait_for

YEAR = 261  # weekdays
BARS_A_CALL = 5000
_LEAD_IN = timedelta(days=12)
_OURS = "tradematrix_pipelines.defs.internals.dagster_storage"
_COUNT_RUNS = "SELECT count(*) FROM runs"
_UNFINISHED = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """One that is backfilled.

    Attributes:
        env: its environment.
        simulator: its vendor.
    """

    home: Path
    env: dict[str, str]
    simulator: Vendor
    symbols: Sequence[Symbol]

    @property
    def names(self) -> list[str]:
        """Of the symbols."""
        return [symbol.name for symbol in self.symbols]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One backfill's cost."""

    seconds: float
    runs: int
    calls: int
    credits: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=YEAR, help="weekdays to backfill (default: %(default)s, a year)")
    parser.add_argument("--stock-days", type=int, default=5, help="of these, on the stock storage; 0 = leave it out")
    parser.add_argument("--symbols", type=int, default=len(DEFAULT_SYMBOLS))
    parser.add_argument("--logs", type=Path, help="folder to copy the installations' logs to")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    days, symbols = _weekdays(options.days), DEFAULT_SYMBOLS[: options.symbols]
    few = days[-options.stock_days :] if options.stock_days else []
    with ends_like_ctrl_c():
        dialog = _measure(_from_dialog, days, symbols, logs=options.logs)
        command = _measure(_by_command, days, symbols, logs=options.logs)
        stock = _measure(_one_by_one, few, symbols, stock=True, logs=options.logs) if few else None
    report(_lines(dialog, command, stock, days=days, few=few, symbols=symbols), as_json=options.json)


def _lines(
    dialog: Measured,
    command: Measured,
    stock: Measured | None,
    *,
    days: Sequence[date],
    few: Sequence[date],
    symbols: Sequence[Symbol],
) -> list[Line]:
    size, bound = f"{len(days)} dates x {len(symbols)} symbols", _bound(days, symbols)
    lines = [
        Line(
            what=f"{size} from the dialog of the UI",
            against="`tradematrix backfill` of the same",
            ratios=[dialog.seconds / command.seconds],
            bar=1.2,
            note=f"{dialog.seconds:.0f} s and {dialog.runs} runs against {command.seconds:.0f} s",
        ),
        Line(
            what="calls of that",
            against="`tradematrix backfill` of the same",
            ratios=[dialog.calls / command.calls],
            bar=1.0,
            note=f"{dialog.calls} against {command.calls}",
        ),
        Line(
            what="credits of that",
            against="⌈bars / 5,000⌉",
            ratios=[dialog.credits / bound],
            bar=1.02,
            note=f"{dialog.credits} against {bound}",
        ),
    ]
    if stock is not None:
        times = len(days) / len(few)
        lines.append(
            Line(
                what="stock event storage, one partition a run, one call a partition",
                against=f"{size} from the dialog of the UI",
                ratios=[stock.seconds * times / dialog.seconds],
                bar=25.0,
                side="≥",
                note=f"{stock.seconds:.0f} s and {stock.runs} runs for {len(few)} dates, extrapolated",
            )
        )
    return lines


def _weekdays(count: int) -> list[date]:
    """Return the last ``count`` weekdays whose sessions have all closed."""
    day = SystemClock().now().date() - timedelta(days=1)
    days: list[date] = []
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day -= timedelta(days=1)
    return days[::-1]


def _measure(
    way: Callable[..., None], days: Sequence[date], symbols: Sequence[Symbol], *, stock: bool = False, logs: Path | None
) -> Measured:
    """Measure a way of backfilling.

    Raises:
        SystemExit: what is stored afterwards is not what the calendars expect.
    """
    with _installation(symbols, stock=stock, logs=logs and logs / way.__name__.strip("_")) as installation:
        env, simulator = installation.env, installation.simulator
        # So that the first day's levels have a session to be computed from.
        first = days[0]
        lead_in = ["--from", str(first - _LEAD_IN), "--to", str(first - timedelta(days=1)), "--timeframe", "1h"]
        tradematrix(env, "backfill", *installation.names, *lead_in, "--timeframe", "1d")
        with ExitStack() as stack:
            web = stack.enter_context(ui(env, installation.home)) if way is not _by_command else None
            before, runs = simulator.counts, _count(env, _COUNT_RUNS, dagster=True)
            begun = time.monotonic()
            way(installation, days) if web is None else way(installation, days, web)
            seconds = time.monotonic() - begun
            after = simulator.counts
        print(f"{way.__name__.strip('_')}: {seconds:.0f} s", file=sys.stderr)
        missed = _missed(env, days, symbols)
        if missed:
            raise SystemExit(f"{way.__name__}: {missed} bars too few or too many")
        return Measured(
            seconds=seconds,
            runs=_count(env, _COUNT_RUNS, dagster=True) - runs,
            calls=after["calls"] - before["calls"],
            credits=after["credits"] - before["credits"],
        )


def _from_dialog(installation: Installation, days: Sequence[date], web: Ui) -> None:
    status = web.finish(web.backfill(days, installation.names), seconds=1800)
    if status not in {"COMPLETED", "COMPLETED_SUCCESS"}:
        raise SystemExit(f"the backfill ended as {status}")


def _by_command(installation: Installation, days: Sequence[date]) -> None:
    tradematrix(
        installation.env, "backfill", *installation.names, "--from", str(days[0]), "--to", str(days[-1]), timeout=1800
    )


def _one_by_one(installation: Installation, days: Sequence[date], web: Ui) -> None:
    for job in (INGEST_CANDLES, COMPUTE_LEVELS):
        for day in days:
            for name in installation.names:
                web.run(job, tags=range_tags(name, day, day))
        wait_for(f"the runs of {job}", lambda: not web.runs(statuses=_UNFINISHED), seconds=3600, every=1)
    failed = web.runs(statuses=["FAILURE", "CANCELED"])
    if failed:
        raise SystemExit(f"{len(failed)} runs failed")


@contextmanager
def _installation(symbols: Sequence[Symbol], *, stock: bool, logs: Path | None) -> Iterator[Installation]:
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
                    yield Installation(home=home, env=env, simulator=simulator, symbols=symbols)
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


def _bound(days: Sequence[date], symbols: Sequence[Symbol]) -> int:
    """Return the fewest credits that the minutes, and the official days where there are any, can cost.

    One more a symbol asks where its minutes start: once for all backfills, and so that none pays for what isn't there.
    """
    total = len(symbols)
    for symbol in symbols:
        sessions = calendar_of(symbol).sessions(days[0], days[-1])
        total += math.ceil(sum(len(session.bar_opens(Timeframe.M1)) for session in sessions) / BARS_A_CALL)
        if not symbol.quotes_all_day:
            total += math.ceil(len(sessions) / BARS_A_CALL)
    return total


def _missed(env: dict[str, str], days: Sequence[date], symbols: Sequence[Symbol]) -> int:
    """Return by how many the bars that are stored differ from those that the calendars expect."""
    missed = 0
    for symbol in symbols:
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
            missed += abs(expected - stored)
    return missed


def _count(env: dict[str, str], query: str, *, dagster: bool = False, **parameters: object) -> int:
    with open_databases(load_settings(env)) as databases:
        engine = create_engine(databases.dagster if dagster else databases.market)
        with engine.connect() as connection:
            counted = int(connection.execute(text(query), parameters).scalar_one())
        engine.dispose()
        return counted


if __name__ == "__main__":
    main()
