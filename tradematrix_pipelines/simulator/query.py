"""Reading the parameters of a call as the vendor does. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator.refusals import bad_parameter, bad_symbol
from tradematrix_pipelines.vendors.twelve_data.query import INTERVALS, MAX_BARS

_TIMEFRAMES = {interval: timeframe for timeframe, interval in INTERVALS.items()}
_DEFAULT_BARS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesQuery:
    """What ``/time_series`` was asked for.

    Attributes:
        zone: zone of the answer's datetimes.
        start: first bar open asked for, aware; ``None`` = as far back as ``bars`` reach.
        end: last bar open asked for, aware (for days: the first date left out); ``None`` = now.
        bars: most bars of the answer.
    """

    timeframe: Timeframe
    zone: tzinfo
    start: datetime | None
    end: datetime | None
    bars: int
    ascending: bool


def read_symbols(params: Mapping[str, str]) -> list[str]:
    """Return the symbols of a call, each once.

    Raises:
        Refusal: there is none.
    """
    symbols = list(dict.fromkeys(part.strip() for part in params.get("symbol", "").split(",") if part.strip()))
    if not symbols:
        raise bad_symbol()
    return symbols


def read_timeframe(params: Mapping[str, str]) -> Timeframe:
    """Return the timeframe of ``interval``.

    Raises:
        Refusal: it is missing or not simulated.
    """
    interval = params.get("interval", "")
    if interval not in _TIMEFRAMES:
        raise bad_parameter("interval", interval)
    return _TIMEFRAMES[interval]


def read_series_query(params: Mapping[str, str], exchange_zone: tzinfo) -> SeriesQuery:
    """Return what ``/time_series`` is asked for.

    Args:
        params: the call's parameters.
        exchange_zone: the zone where none, or ``Exchange``, is asked for; days are always in it.

    Raises:
        Refusal: a parameter has a wrong form.
    """
    timeframe = read_timeframe(params)
    zone = exchange_zone if timeframe is Timeframe.D1 else read_zone(params, exchange_zone)
    dated = "start_date" in params or "end_date" in params
    return SeriesQuery(
        timeframe=timeframe,
        zone=zone,
        start=_read_instant(params, "start_date", zone),
        end=_read_instant(params, "end_date", zone),
        bars=_read_bars(params, MAX_BARS if dated else _DEFAULT_BARS),
        ascending=params.get("order", "desc").lower() == "asc",
    )


def read_zone(params: Mapping[str, str], exchange_zone: tzinfo) -> tzinfo:
    """Return the zone of ``timezone``.

    Raises:
        Refusal: there is no such zone.
    """
    name = params.get("timezone", "Exchange")
    if name == "Exchange":
        return exchange_zone
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # what ZoneInfo raises, from a bad name to a folder's
        raise bad_parameter("timezone", name) from None


def _read_instant(params: Mapping[str, str], name: str, zone: tzinfo) -> datetime | None:
    text = params.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad_parameter(name, text) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _read_bars(params: Mapping[str, str], default: int) -> int:
    text = params.get("outputsize", str(default))
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= MAX_BARS:
        raise bad_parameter("outputsize", text)
    return int(text)
