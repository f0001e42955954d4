"""What a cold run of one symbol-day costs, as a multiple of an empty Dagster run in the same run.

A process that loads the definitions and runs all candles and levels of one symbol's trade date, which the simulator
serves over HTTP, beside a process that loads and runs a job whose only step does nothing; both on the same instance.
Counted is the CPU of the process. Interleaved; medians of the rounds' ratios.

    .venv/bin/python benchmarks/runs.py [--rounds 5] [--json]
"""

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

from lines import Line, report
from measuring import cpu_of, in_rounds, ratios
from scale import CLOSED, LAST, ORIGINAL, installation

from tradematrix_pipelines_tests.stack import vendor

EMPTY, RUN, AGAIN = "an empty Dagster run", "a symbol-day, fetched", "a symbol-day, complete already"
_EMPTY = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from empty import empty
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.settings import load_settings
with open_instance(load_settings()) as instance:
    assert empty.execute_in_process(instance=instance).success
"""
_RUN = f"""
import sys
from datetime import date
from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.runs import run_sessions
from tradematrix_pipelines.defs.jobs import TRADING_DAY
from tradematrix_pipelines.settings import load_settings
day = date.fromisoformat({LAST!r})
with open_instance(load_settings()) as instance:
    outcome = run_sessions(
        instance, build_defs(load_settings()), TRADING_DAY, symbol={ORIGINAL!r}, first=day, last=day,
        run_config={{"ops": {{"ohlc": {{"config": {{"refresh": sys.argv[1] == "refresh"}}}}}}}},
    )
    assert outcome.error is None, outcome
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tradematrix-") as home, vendor(Path(home), clock=CLOSED) as simulator:
        settings = {
            "TWELVE_DATA_API_KEY": "any",
            "TWELVE_DATA_PLAN": "unlimited",
            "TRADEMATRIX_TWELVE_DATA_URL": simulator.url,
        }
        with installation(**settings):
            ways = {
                EMPTY: partial(cpu_of, [sys.executable, "-c", _EMPTY]),
                RUN: partial(cpu_of, [sys.executable, "-c", _RUN, "refresh"]),
                AGAIN: partial(cpu_of, [sys.executable, "-c", _RUN, "as it is"]),
            }
            rounds = in_rounds(ways, options.rounds, lambda way: way())
    lines = [
        Line(what=f"cold run of {RUN}, all assets", against=EMPTY, ratios=ratios(rounds, RUN, EMPTY), bar=1.3),
        Line(what=f"cold run of {AGAIN}, all assets", against=EMPTY, ratios=ratios(rounds, AGAIN, EMPTY)),
    ]
    report(lines, as_json=options.json)


if __name__ == "__main__":
    main()
