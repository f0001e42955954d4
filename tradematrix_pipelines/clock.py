"""What time it is. The only module that reads the machine's clock.

Everything else takes a :class:`Clock`, or an instant, as an argument, so that tests can run a trading week in seconds
and a close at any time of day.
"""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from tradematrix_pipelines.errors import UsageError

_FORM = re.compile(r"(?P<start>[^*@]+)(?:\*(?P<speed>\d+(?:\.\d+)?)(?:@(?P<origin>[^*@]+))?)?")


@runtime_checkable
class Clock(Protocol):
    """A source of the current instant."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait until ``seconds`` have passed on this clock."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


@dataclass(frozen=True, slots=True)
class FrozenClock:
    """A clock that stands still. Sleeping on it returns at once: otherwise it would never return."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant

    def sleep(self, seconds: float) -> None:
        del seconds


@dataclass(frozen=True, slots=True)
class FastClock:
    """A clock that showed ``start`` at the real instant ``origin`` and runs ``speed`` times as fast."""

    start: datetime
    speed: float
    origin: datetime

    def now(self) -> datetime:
        return self.start + (SystemClock().now() - self.origin) * self.speed

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds) / self.speed)


def parse_clock(text: str | None, *, machine: Clock | None = None) -> Clock:
    """Return the clock that ``TRADEMATRIX_CLOCK`` describes.

    ``None`` or empty is the machine's clock. An ISO instant is a clock that stands still there.
    ``2026-03-23T00:00:00Z*1200`` starts there now and runs 1,200 times as fast. A process passes its fast clock to its
    children as ``…*1200@<real instant of the start>`` (:func:`format_clock`), so that all of them agree.

    Raises:
        UsageError: the text is none of these.
    """
    machine = machine or SystemClock()
    if not text:
        return machine
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise UsageError(_clock_help(text))
    start = _instant(match["start"], text)
    if match["speed"] is None:
        return FrozenClock(start)
    speed = float(match["speed"])
    if speed <= 0:
        raise UsageError(_clock_help(text))
    origin = machine.now() if match["origin"] is None else _instant(match["origin"], text)
    return FastClock(start=start, speed=speed, origin=origin)


def format_clock(clock: Clock) -> str:
    """Return the text that :func:`parse_clock` turns into the same clock in another process."""
    match clock:
        case FrozenClock(instant=instant):
            return instant.isoformat()
        case FastClock(start=start, speed=speed, origin=origin):
            return f"{start.isoformat()}*{speed:f}@{origin.isoformat()}"
        case _:
            return ""


def _instant(text: str, whole: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(_clock_help(whole)) from None
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise UsageError(_clock_help(whole))
    return instant.astimezone(UTC)


def _clock_help(text: str) -> str:
    return (
        f"TRADEMATRIX_CLOCK={text!r} is not a clock: give an instant with its zone (2026-03-23T00:00:00Z), "
        "or one with a speed (2026-03-23T00:00:00Z*1200), or unset it"
    )
