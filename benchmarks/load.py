"""What a fleet's history costs: a year of all assets of 5 symbols, then of more, into the same database.

All are the NDX under other names, so that each costs the vendor, a simulator over HTTP, the same. Counted is the CPU of
``tradematrix backfill`` and of Postgres, a symbol; the simulator's is not. Measured once. Baseline (1.0): the first
symbols, in an empty database. Then the web UI opens the partitions of an asset: by the clock, against two seconds.

    PYTHONPATH=. .venv/bin/python benchmarks/load.py [--few 5] [--symbols 100] [--days 252] [--json]
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import psutil
from lines import Line, report
from measuring import cpu_of, cpu_used, family, server_of
from pages import ask
from sqlalchemy import text

from tradematrix_pipelines.cli.signals import ends_like_ctrl_c
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import add_symbols, read_symbols, set_active
from tradematrix_pipelines_tests.stack import command, environment, ui, vendor

NAME = "NDX"
CALENDAR, CLOCK, LAST = "XNYS", "2026-11-20T23:00:00Z", date(2026, 11, 20)
PAGE_SECONDS = 2.0
_COMPLETE = text("SELECT count(*) FROM session_coverage WHERE status = 'complete' AND final")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=5, help="symbols that are loaded first")
    parser.add_argument("--symbols", type=int, default=100, help="symbols in all")
    parser.add_argument("--days", type=int, default=252, help="sessions of each")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sessions = get_calendar(CALENDAR).sessions(LAST - timedelta(days=2 * options.days + 7), LAST)[-options.days :]
    with ends_like_ctrl_c(), ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tradematrix-"))) / "home"
        home.mkdir()
        simulator = stack.enter_context(vendor(home, clock=CLOCK))
        env = environment(
            home,
            TRADEMATRIX_CLOCK=CLOCK,
            TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
            TWELVE_DATA_API_KEY="any",
            TWELVE_DATA_PLAN="unlimited",
        )
        database = stack.enter_context(Database.open(load_settings(env)))
        for symbol in read_symbols(database.engine):
            set_active(database.engine, symbol.name, active=False)
        [known] = [symbol for symbol in DEFAULT_SYMBOLS if symbol.name == NAME]
        symbols = [
            replace(known, name=f"{NAME}{number}", alias=None, vendor_symbols={"twelve_data": NAME})
            for number in range(options.symbols)
        ]
        add_symbols(database.engine, symbols, now=database.clock.now())
        dates = str(sessions[0].trade_date), str(sessions[-1].trade_date)
        costs = []
        for part in (symbols[: options.few], symbols[options.few :]):
            costs.append(_load(env, [symbol.name for symbol in part], dates, server_of(home)) / len(part))
            sys.stderr.write(f"{len(part)} symbols: {costs[-1]:.2f} s of CPU each\n")
        with database.engine.connect() as connection:
            candles = connection.execute(text("SELECT count(*) FROM ohlc")).scalar_one()
            complete = connection.execute(_COMPLETE).scalar_one()
        if complete != len(Timeframe) * len(sessions) * len(symbols):
            raise SystemExit(f"{complete} sessions are complete: not what is to be measured")
        first_time, *page = ask(stack.enter_context(ui(env, home)), "ohlc_1m", rounds=5)
        sys.stderr.write(f"first time {first_time:.2f} s\n")
    few, more, size = costs[0], costs[1], f"{len(symbols)} symbols x {len(sessions)} sessions"
    report(
        [
            Line(
                what=f"CPU a symbol, the last of {size}",
                against=f"the first {options.few}",
                ratios=[more / few],
                bar=1.0,
                note=f"{few:.1f} and {more:.1f} s; {candles:,} candles",
            ),
            Line(
                what=f"opening an asset's partitions, {size}",
                against=f"{PAGE_SECONDS:.0f} s",
                ratios=[seconds / PAGE_SECONDS for seconds in page],
                bar=1.0,
            ),
        ],
        as_json=options.json,
    )


def _load(env: Mapping[str, str], names: Sequence[str], dates: tuple[str, str], server: psutil.Process) -> float:
    """Backfill symbols, and return the seconds of CPU of the command and of Postgres."""
    before = cpu_used(family(server))
    own = cpu_of(command("backfill", *names, "--from", dates[0], "--to", dates[1]), env)
    return own + cpu_used(family(server)) - before


if __name__ == "__main__":
    main()
