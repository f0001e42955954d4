"""How often and how long a call is attempted.

Here: the pacing. Not here: which errors are worth another attempt (``VendorError.retryable``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import stamina

from tradematrix_pipelines.clock import Clock
from tradematrix_pipelines.vendors.credits import next_minute_at
from tradematrix_pipelines.vendors.errors import MinuteLimit, VendorError


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """The bounds of retrying. Seconds are real ones, whatever the clock does.

    Attributes:
        attempts: most attempts of one call.
        seconds: no wait for another attempt begins later than this after the first.
        first_wait: wait before the second attempt; doubled before each further one.
        longest_wait: no such wait is longer.
        jitter: up to this much is added to each wait at random, so that processes don't retry at the same time.
    """

    attempts: int = 4
    seconds: float = 200.0
    first_wait: float = 0.5
    longest_wait: float = 20.0
    jitter: float = 1.0


def retrying(retry_policy: RetryPolicy, clock: Clock) -> Iterator[stamina.Attempt]:
    """Yield attempts, each a context manager around one call, until one succeeds or the last one's error is raised.

    After a :class:`MinuteLimit` the next attempt waits for the next minute of ``clock``; after any other transient
    error, for stamina's exponential backoff.
    """
    not_before: datetime | None = None

    def is_worth_retrying(error: Exception) -> bool | float:
        nonlocal not_before
        if isinstance(error, MinuteLimit):
            not_before = next_minute_at(clock.now())
            return 0.0  # the wait is below, on our clock, which may run faster than stamina's
        return isinstance(error, VendorError) and error.retryable

    for attempt in stamina.retry_context(
        on=is_worth_retrying,
        attempts=retry_policy.attempts,
        timeout=retry_policy.seconds,
        wait_initial=retry_policy.first_wait,
        wait_max=retry_policy.longest_wait,
        wait_jitter=retry_policy.jitter,
    ):
        if not_before is not None:
            clock.sleep((not_before - clock.now()).total_seconds())
            not_before = None
        yield attempt
