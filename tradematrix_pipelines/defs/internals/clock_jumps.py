"""What a clock that is set back does to Dagster's daemon, and how that is mended.

Its threads wait until the time that they have chosen, and stored times of ticks to come keep schedules and sensors from
ticking: either lasts as long as the clock was ahead. So the daemon ends when the clock is set back, and whoever
supervises it starts it again; and at its start it forgets what was stored of times to come. Where Dagster has moved
what this takes, the daemon catches up when that time has come.
"""

import logging
import os
import signal
import threading
import time
from typing import Any

import dagster as dg
from sqlalchemy import text

MOST_SECONDS = 30.0
"""By less than this the clock may go back: services that keep the time correct seconds."""

_LOOK_SECONDS, _END_SECONDS = 1.0, 20.0
_FORGET = text("DELETE FROM job_ticks WHERE timestamp > to_timestamp(:latest) AT TIME ZONE 'UTC'")
_logger = logging.getLogger(__name__)


def end_where_the_clock_goes_back() -> None:
    """Watch the clock in a thread, and end this process where it is set back by more than ``MOST_SECONDS``."""

    def watch() -> None:
        ahead = time.time() - time.monotonic()
        while True:
            time.sleep(_LOOK_SECONDS)
            before, ahead = ahead, time.time() - time.monotonic()
            if before - ahead > MOST_SECONDS:
                _logger.warning("the clock was set back by %.0f s: this ends, to be started again", before - ahead)
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(_END_SECONDS)
                os._exit(1)

    threading.Thread(target=watch, name="clock", daemon=True).start()


def forget_times_to_come(instance: dg.DagsterInstance, *, now: float) -> int:
    """Forget ticks of a time to come, and that schedules and sensors ticked then; return of how many of all these.

    Args:
        now: Unix time.
    """
    latest, count = now + MOST_SECONDS, 0
    for state in instance.all_instigator_state():
        data: Any = state.instigator_data
        later = {
            name: None
            for name in getattr(data, "_fields", ())
            if name.endswith("timestamp") and (getattr(data, name) or 0.0) > latest
        }
        if later:
            # A schedule without a start would make up for all times since 1970.
            again = {**later, **({"start_timestamp": now} if "start_timestamp" in later else {})}
            instance.update_instigator_state(state.with_data(data._replace(**again)))
            count += 1
    connect = getattr(instance.schedule_storage, "connect", None)
    if connect is not None:
        with connect() as connection:
            count += connection.execute(_FORGET, {"latest": latest}).rowcount
    return count
