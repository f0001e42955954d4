"""What a run of one symbol-day costs, as a multiple of an empty Dagster run in the same run.

As the UI, schedules and sensors have it carried out: by a code server, on all candles and levels of one symbol's trade
date, which the simulator serves over HTTP. Baseline (1.0): a job whose only step does nothing, by a code server that
has no definitions but its own. Both are submitted and launched from here, on the same instance; counted is the CPU of
this process, of the code servers and their runs, and of Postgres. Then, cold: a process that loads the definitions and
runs them, beside one that loads and runs the empty job. Interleaved; medians of the rounds' ratios.

    .venv/bin/python benchmarks/runs.py [--rounds 5] [--json]
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import date
from functools import partial
from pathlib import Path

import psutil
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from lines import Line, report
from measuring import Rounds, cpu_of, cpu_of_family, in_rounds, ratios, server_of
from scale import CLOSED, LAST, ORIGINAL, installation

from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.submission import Queue
from tradematrix_pipelines.defs.internals.workspace import open_workspace
from tradematrix_pipelines.defs.jobs import TRADING_DAY
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines_tests.stack import vendor

EMPTY, RUN, AGAIN = "an empty Dagster run", "a symbol-day, fetched", "a symbol-day, complete already"
_FILE = str(Path(__file__).with_name("empty.py"))
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
            served = _served(options.rounds)
    lines = [
        Line(
            what=f"run of {RUN}, all assets, by a code server",
            against=EMPTY,
            ratios=ratios(served, RUN, EMPTY),
            bar=1.3,
        ),
        Line(what=f"cold run of {RUN}, all assets", against=EMPTY, ratios=ratios(rounds, RUN, EMPTY), bar=1.3),
        Line(what=f"cold run of {AGAIN}, all assets", against=EMPTY, ratios=ratios(rounds, AGAIN, EMPTY)),
    ]
    report(lines, as_json=options.json)


def _served(rounds: int) -> Rounds:
    """Return what runs by code servers cost."""
    settings, day = load_settings(), date.fromisoformat(LAST)
    target = PythonFileTarget(python_file=_FILE, attribute=None, working_directory=None, location_name="empty")
    with open_instance(settings) as instance, ExitStack() as stack:
        stack.callback(lambda: psutil.wait_procs(psutil.Process().children(), timeout=30))  # they use its server
        workspace, location = stack.enter_context(open_workspace(instance, settings))
        ours = Queue(instance=instance, workspace=workspace, location=location)
        stock = stack.enter_context(WorkspaceProcessContext(instance, target, code_server_log_level="ERROR"))
        workspace = stock.create_request_context()
        empty = Queue(instance=instance, workspace=workspace, location=workspace.get_code_location("empty"))

        def run(queue: Queue, job: str, config: Mapping[str, object]) -> None:
            run_id = queue.submit(job, symbol=ORIGINAL, first=day, last=day, run_config=config)
            instance.launch_run(run_id, queue.workspace)
            outcome = queue.follow(run_id)
            if outcome.error is not None:
                raise SystemExit(outcome.error)

        ways = {
            EMPTY: partial(run, empty, "empty", {}),
            RUN: partial(run, ours, TRADING_DAY, {"ops": {"ohlc": {"config": {"refresh": True}}}}),
        }
        for way in ways.values():
            way()  # what a code server does once
        own = psutil.Process(), server_of(settings.home)
        return in_rounds(ways, rounds, lambda way: cpu_of_family(way, *own))


if __name__ == "__main__":
    main()
