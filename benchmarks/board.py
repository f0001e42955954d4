"""How many requests a second the board answers on one core, as a multiple of its own fixed answer in the same run.

A hundred sessions of levels of five symbols in an embedded server. The board runs on the first core; who asks, and the
database, on the others. Baseline (1.0): ``/healthz`` of the same server, which reads nothing. The ways are interleaved;
medians of the rounds. Also printed: the processor time of the board's process a request, which a busy machine disturbs
less.

    .venv/bin/python benchmarks/board.py [--requests 200] [--rounds 5] [--bar 200] [--json]
"""

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, date, datetime, timedelta

import psutil
from lines import Line, report

from tradematrix_pipelines.board.listening import listen, port_of
from tradematrix_pipelines.levels.daily import DailyLevels
from tradematrix_pipelines.levels.pivots import Method, pivots
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.settings import child_environment, load_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.levels import write_levels
from tradematrix_pipelines.storage.symbols import read_symbols

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
BASELINE = "/healthz"
WAYS = {
    BASELINE: BASELINE,
    "levels": "/api/v1/levels?symbol=EUR/USD",
    "levels of a date": "/api/v1/levels?symbol=DAX&date=2026-11-20",
    "quotes": "/api/v1/quotes",
}
_CLIENTS = 4


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bar", type=float, default=200.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="tradematrix-") as home:
        os.environ |= {"TRADEMATRIX_HOME": home, "TRADEMATRIX_CLOCK": NOW.isoformat()}
        os.sched_setaffinity(0, cores[1:] or cores)  # the database, which this process starts, inherits it
        settings = load_settings()
        with Database.open(settings) as database, listen("127.0.0.1", 0) as listener:
            _fill(database)
            where = ["--host", "127.0.0.1", "--descriptor", str(listener.fileno())]
            board = subprocess.Popen(
                [sys.executable, "-m", "tradematrix_pipelines.board", *where],
                env=child_environment(settings),
                pass_fds=[listener.fileno()],
            )
            try:
                os.sched_setaffinity(board.pid, cores[:1])
                rounds = _measure(board.pid, port_of(listener), options.requests, options.rounds)
            finally:
                board.terminate()
                board.wait(30)
    report(_lines(rounds, bar=options.bar), as_json=options.json)


def _fill(database: Database) -> None:
    for symbol in read_symbols(database.engine):
        sessions = calendar_of(symbol).sessions(NOW.date() - timedelta(days=140), NOW.date() + timedelta(days=4))
        days = [(sessions[place - 1].trade_date, session.trade_date) for place, session in enumerate(sessions) if place]
        write_levels(
            database.engine,
            daily=[(symbol, _levels(before, day)) for before, day in days],
            pivots=[
                (symbol, day, pivots(method, high=1.1406, low=1.1312, close=1.1337, open_=1.135))
                for _, day in days
                for method in Method
            ],
            now=NOW,
        )


def _levels(before: date, day: date) -> DailyLevels:
    prices = {"y_open": 1.135, "y_high": 1.1406, "y_low": 1.1312, "y_close": 1.1337}
    return DailyLevels(
        trade_date=day, y_trade_date=before, **prices, prev_week_high=1.15, prev_week_low=1.12, atr_14=0.0071
    )


def _measure(pid: int, port: int, requests: int, rounds: int) -> list[dict[str, tuple[float, float]]]:
    """Return for each round, by way, requests a second and processor milliseconds a request."""
    process = psutil.Process(pid)
    for path in WAYS.values():
        _ask(port, path, requests // 4)
    measured = []
    for start in range(rounds):
        names = [*WAYS, *WAYS][start % len(WAYS) :][: len(WAYS)]
        results = {}
        for name in names:
            busy, begun = sum(process.cpu_times()[:2]), time.perf_counter()
            _ask(port, WAYS[name], requests)
            seconds = time.perf_counter() - begun
            results[name] = (requests / seconds, 1000 * (sum(process.cpu_times()[:2]) - busy) / requests)
        measured.append(results)
    return measured


def _ask(port: int, path: str, requests: int) -> None:
    failures: list[str] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(requests // _CLIENTS):
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                failures.append(body.decode())
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise SystemExit(f"{path}: {failures[0]}")


def _lines(rounds: list[dict[str, tuple[float, float]]], *, bar: float) -> list[Line]:
    rates = [results["levels"][0] / bar for results in rounds]
    lines = [Line(what="requests of levels a second", against=f"{bar:g} a second", ratios=rates, bar=1.0, side="≥")]
    for name in WAYS:
        rate = statistics.median(results[name][0] for results in rounds)
        lines.append(
            Line(
                what=f"CPU of a request: {name}",
                against=BASELINE,
                ratios=[results[name][1] / max(results[BASELINE][1], 0.01) for results in rounds],
                note=f"{rate:.0f} a second",
            )
        )
    return lines


if __name__ == "__main__":
    main()
