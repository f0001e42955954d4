"""Dagster's daemon, started with ``python -m tradematrix_pipelines.defs.internals.daemon run -w workspace.yaml``.

It iterates faster: a backfill over candles and levels takes at least three of the daemon's iterations: candles, levels,
done. Dagster has one every 30 seconds and no setting for it, so a backfill of one session would take a minute or two.
This shortens the interval; where Dagster has moved the constant, its own interval applies. And it repeats retries of
runs (``run_retries``).
"""

from dagster._daemon import controller
from dagster._daemon.cli import main

from tradematrix_pipelines.defs.internals.run_retries import keep_retrying_runs
from tradematrix_pipelines.log_output import write_logs
from tradematrix_pipelines.settings import load_settings

BACKFILL_ROUND_SECONDS = 5

if __name__ == "__main__":
    write_logs(load_settings())
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = BACKFILL_ROUND_SECONDS
    keep_retrying_runs()
    main()
