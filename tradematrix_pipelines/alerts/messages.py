"""How incidents and touched levels are worded: one message for all that is new at one time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tradematrix_pipelines.alerts.incidents import RecordedIncident

# The strictest of the usual services (WhatsApp, Pushover) refuse more than 1,024 characters, the title among them.
_BODY = 850
_LINE = 250


@dataclass(frozen=True, kw_only=True, slots=True)
class TouchedLevel:
    """A level that the price touched.

    Attributes:
        level: ``y_high``, or method and level: ``classic r1``.
        level_price: in price units, as ``price``, the close of the minute that touched it.
        tick_size: smallest price step of the symbol.
        at: when that minute closed, aware, UTC.
    """

    symbol: str
    level: str
    level_price: float
    price: float
    tick_size: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: a title of one line, and plain text."""

    title: str
    body: str


def compose(incidents: Sequence[RecordedIncident], touches: Sequence[TouchedLevel]) -> Message:
    """Return one message, a line each. What is open comes first, then what is over, then touches.

    An incident that is over and whose opening was never notified gets one line for both. Lines that don't fit are
    counted.
    """
    opened = [incident for incident in incidents if incident.closed_at is None]
    closed = [incident for incident in incidents if incident.closed_at is not None]
    titles = (
        _title(opened, "{n} incidents", *(_words(incident) for incident in opened)),
        _title(closed, "over: {n} incidents", *(f"over: {_words(incident)}" for incident in closed)),
        _title(touches, "{n} levels touched", *(f"{touch.symbol} at {touch.level}" for touch in touches)),
    )
    incident_lines = [_incident_line(incident) for incident in (*opened, *closed)]
    lines = incident_lines + [_touch_line(touch) for touch in touches]
    return Message(f"TradeMatrix: {', '.join(filter(None, titles))}", _body(lines))


def _title(items: Sequence[object], several: str, *single: str) -> str:
    return single[0] if len(items) == 1 else several.format(n=len(items)) if items else ""


def _words(incident: RecordedIncident) -> str:
    return incident.kind.value.replace("_", " ")


def _incident_line(incident: RecordedIncident) -> str:
    since, until = f"{incident.opened_at:%Y-%m-%d %H:%M}", incident.closed_at
    if until is None:
        return _line(f"{_words(incident)}: {incident.message}", f"since {since} UTC")
    state = "over" if incident.opening_notified_at else "was and is over"
    return _line(f"{state}: {_words(incident)}: {incident.message}", f"{since} to {until:%Y-%m-%d %H:%M} UTC")


def _touch_line(touch: TouchedLevel) -> str:
    level, price = (format_price(value, touch.tick_size) for value in (touch.level_price, touch.price))
    return _line(f"{touch.symbol} touched {touch.level} {level}, price {price}", f"{touch.at:%Y-%m-%d %H:%M} UTC")


def _line(text: str, when: str) -> str:
    text, room = " ".join(text.split()), _LINE - len(when) - 3
    return f"{text if len(text) <= room else text[: room - 1] + '…'} ({when})"


def _body(lines: Sequence[str]) -> str:
    fitting, length = 0, 0
    while fitting < len(lines) and length + len(lines[fitting]) + 1 <= _BODY:
        length += len(lines[fitting]) + 1
        fitting += 1
    rest = [f"… and {len(lines) - fitting} more: tradematrix alerts list --all"] if fitting < len(lines) else []
    return "\n".join([*lines[:fitting], *rest])


def format_price(value: float, tick_size: float) -> str:
    """Return a price with one digit more than the tick size has: levels lie between ticks."""
    decimals = len(f"{tick_size:.10f}".rstrip("0").partition(".")[2])
    return f"{value:.{decimals + 1}f}"
