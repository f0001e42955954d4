"""Dagster's daemon, started with ``python -m tradematrix_pipelines.defs.internals.daemon run -w workspace.yaml``.

It iterates faster: a backfill over candles and levels takes at least three of the daemon's iterations: candles, levels,
done. Dagster has one every 30 seconds and no setting for it, so a backfill of one session would take a minute or two.
This shortens the interval; where Dagster has moved the constant, its own interval applies. And it keeps its code server
(``code_servers``), repeats retries of runs (``run_retries``), lets runs wait for Celery workers (``celery_launcher``),
and does not wait for a time that it has seen before (``clock_jumps``).
"""

import time

import dagster as dg

BACKFILL_ROUND_SECONDS = 5


def main() -> None:
    """Run the daemon with this project's settings."""
    # Whatever loads the definitions imports this module too, and needs none of this.
    from dagster._daemon import controller  # noqa: PLC0415
    from dagster._daemon.cli import main as run  # noqa: PLC0415

    from tradematrix_pipelines.defs.internals.celery_launcher import wait_for_workers  # noqa: PLC0415
    from tradematrix_pipelines.defs.internals.clock_jumps import (  # noqa: PLC0415
        end_where_the_clock_goes_back,
        forget_times_to_come,
    )
    from tradematrix_pipelines.defs.internals.code_servers import keep_code_servers  # noqa: PLC0415
    from tradematrix_pipelines.defs.internals.run_retries import keep_retrying_runs  # noqa: PLC0415
    from tradematrix_pipelines.log_output import write_logs  # noqa: PLC0415
    from tradematrix_pipelines.settings import load_settings  # noqa: PLC0415

    write_logs(load_settings())
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = BACKFILL_ROUND_SECONDS
    keep_code_servers()
    keep_retrying_runs()
    wait_for_workers()
    end_where_the_clock_goes_back()
    with dg.DagsterInstance.get() as instance:
        forget_times_to_come(instance, now=time.time())
    run()


if __name__ == "__main__":
    main()
