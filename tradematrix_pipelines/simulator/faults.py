"""The switches that make the simulator misbehave as vendors do.

Here: the switches, and reading them from text (``missing=0.1@EUR/USD``). Not here: what a switch does to bars
(``apply_faults``) or to a call (``app``).
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Annotated, get_args, get_type_hints

from tradematrix_pipelines.errors import UsageError

_FORM = re.compile(r"(?P<name>[a-z0-9_]+)(?:=(?P<value>[^@]*))?(?:@(?P<symbols>.+))?")
_ON, _OFF = {"on", "1", "true", "yes"}, {"off", "0", "false", "no"}


@dataclass(frozen=True, slots=True)
class Every:
    """``n`` of every ``of`` calls, the first ones."""

    n: int
    of: int

    def hits(self, call: int) -> bool:
        """Whether the call of this number, counted from 0, is one of them."""
        return call % self.of < self.n


NEVER = Every(0, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """The switches for one symbol, each with a line of help."""

    forming: Annotated[bool, "the newest bar is served while it is still forming"] = True
    etf_dax: Annotated[bool, "DAX is an ETF listed on NASDAQ at about $47; off = no such symbol"] = True
    since: Annotated[date, "history begins on this date, as in since=2021-03-01"] = date.min
    closed: Annotated[date, "no session on this date, whatever the calendar says, as in closed=2027-01-08"] = date.min
    ghosts: Annotated[bool, "bars at weekends, when the market is closed"] = False
    missing: Annotated[float, "this part of the one-minute bars is absent (0 to 1)"] = 0.0
    duplicates: Annotated[float, "this part of the bars comes twice, the second time with other values"] = 0.0
    revised: Annotated[float, "the middle minute of each session closes higher by this part of its price"] = 0.0
    spike: Annotated[float, "the high of each session's middle minute is too high by this part of its price"] = 0.0
    blanks: Annotated[float, "this part of the bars has an empty close"] = 0.0
    scale: Annotated[float, "prices are divided by this number"] = 1.0
    newest_first: Annotated[bool, "newest first, whatever order was asked for"] = False
    keep_oldest: Annotated[bool, "an answer that is too long is cut at its newer end"] = False
    exclusive_end: Annotated[bool, "the bar at end_date itself is left out"] = False
    unknown: Annotated[bool, "the symbol is not known"] = False
    gated: Annotated[bool, "the plan does not include the symbol"] = False
    free_plan: Annotated[bool, "symbols that need the Grow plan are refused"] = False
    batch_errors: Annotated[bool, "the symbol fails inside a batch, and not alone"] = False
    errors_as_200: Annotated[bool, "errors come with HTTP 200"] = False
    slow: Annotated[float, "answers take so many seconds"] = 0.0
    broken: Annotated[Every, "n/m: n of every m calls answer 500, 502 or 503"] = NEVER
    cut: Annotated[Every, "n/m: n of every m answers end in the middle"] = NEVER
    html: Annotated[Every, "n/m: n of every m answers are an HTML page with HTTP 200"] = NEVER


_DEFAULTS = Faults()
_WHOLE_CALL = ("errors_as_200", "slow", "broken", "cut", "html")
"""The switches that are about a call, not about a symbol's part of it."""

_KINDS: dict[str, type] = {item.name: type(getattr(_DEFAULTS, item.name)) for item in fields(Faults)}


def fault_help() -> dict[str, str]:
    """Return the line of help of each switch, by its name."""
    hints = get_type_hints(Faults, include_extras=True)
    return {name: str(get_args(hint)[1]) for name, hint in hints.items()}


@dataclass(frozen=True, slots=True)
class _Setting:
    name: str
    value: object
    symbols: frozenset[str] | None

    def applies_to(self, symbol: str) -> bool:
        return self.symbols is None or symbol in self.symbols


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """The switches by symbol; later settings win."""

    settings: tuple[_Setting, ...] = ()

    def of_call(self, symbols: Sequence[str]) -> Faults:
        """Return the switches for a call: one symbol that breaks the whole call breaks it for all of its symbols."""
        by_symbol = [self.of(symbol) for symbol in symbols]
        broken = {
            name: value
            for faults in reversed(by_symbol)
            for name in _WHOLE_CALL
            if (value := getattr(faults, name)) != getattr(_DEFAULTS, name)
        }
        return replace(by_symbol[0], **broken)

    def of(self, symbol: str) -> Faults:
        """Return the switches for ``symbol`` (``""`` for a call without one)."""
        return replace(_DEFAULTS, **{s.name: s.value for s in self.settings if s.applies_to(symbol)})  # type: ignore[arg-type]  # parsed by kind


def parse_faults(texts: Iterable[str]) -> FaultPlan:
    """Return the plan that texts like ``gated@NDX,SPX``, ``missing=0.1`` or ``broken=2/5@EUR/USD`` describe.

    Raises:
        UsageError: a text names no switch, or its value is not valid.
    """
    return FaultPlan(tuple(_setting(text) for text in texts))


def _setting(text: str) -> _Setting:
    match = _FORM.fullmatch(text.strip())
    if match is None or match["name"] not in _KINDS:
        raise UsageError(f"{text!r} is not a fault: write name, name=value or name=value@SYMBOL,…; {_names()}")
    symbols = None if match["symbols"] is None else frozenset(match["symbols"].split(","))
    return _Setting(match["name"], _value(text, _KINDS[match["name"]], match["value"] or "on"), symbols)


def _value(text: str, kind: type, value: str) -> object:
    if kind is bool and value in _ON | _OFF:
        return value in _ON
    if kind is Every:
        every = re.fullmatch(r"(\d+)/([1-9]\d*)", "1/1" if value == "on" else value)
        if every:
            return Every(int(every[1]), int(every[2]))
    if kind is float and re.fullmatch(r"\d+(\.\d+)?", value) and (float(value) > 0 or "scale" not in text):
        return float(value)
    if kind is date:
        with suppress(ValueError):
            return date.fromisoformat(value)
    wanted = {bool: "on or off", float: "a number, like 0.1", Every: "n/m, like 2/5", date: "a date, like 2021-03-01"}[
        kind
    ]
    raise UsageError(f"fault {text!r}: its value is {wanted}")


def _names() -> str:
    return f"there are {', '.join(_KINDS)}"
