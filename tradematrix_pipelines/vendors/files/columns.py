"""Which column of a file is what, by its name in any case: ``Date``, ``<OPEN>``, ``Gmt time``.

Here: the names. Not here: the values in the columns (``stamps``, ``responses``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tradematrix_pipelines.candles.frame import PRICES, VALUES
from tradematrix_pipelines.vendors.errors import BadFile
from tradematrix_pipelines.vendors.files.dialects import normal_name
from tradematrix_pipelines.vendors.text import clean

TS = "ts"
_STAMPS = (
    "time", "date", "datetime", "timestamp", "dateandtime", "dtyyyymmdd",
    "gmttime", "localtime", "utctime", "opentime", "unix", "unixtime", "epoch",
)  # fmt: skip  # a line by words, a line by kinds of time
_DATES = ("date", "dtyyyymmdd")
_PRICES = {name: (name, name[0]) for name in PRICES}
_VOLUMES = ("volume", "tickvol", "tickvolume", "vol", "v")
"""The first of these that is there: MetaTrader's ticks come before its volume, which most brokers leave at 0."""
_SHOWN = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """The positions of a file's columns.

    Attributes:
        stamps: the time of the bar, or its date.
        times: the time of day, where it is apart from the date.
        prices: those of prices and volume, by name.
    """

    stamps: int
    times: int | None
    prices: dict[str, int]


def choose_columns(names: Sequence[str], path: Path) -> Columns:
    """Return which column is what.

    Raises:
        BadFile: one is missing, or there are two for one thing; the message names those that there are.
    """
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(normal_name(name), []).append(place)
    stamps, times = _stamps(places, names, path)
    values = {}
    for price, known in _PRICES.items():
        values[price] = _only([place for name in known for place in places.get(name, [])], price, names, path)
    volume = next((places[name] for name in _VOLUMES if name in places), None)
    if volume is not None:
        values["volume"] = _only(volume, "volume", names, path)
    return Columns(stamps=stamps, times=times, prices=values)


def _stamps(places: dict[str, list[int]], names: Sequence[str], path: Path) -> tuple[int, int | None]:
    if TS in places:
        return _only(places[TS], TS, names, path), None
    candidates = [place for name in _STAMPS for place in places.get(name, [])]
    dates = [place for name in _DATES for place in places.get(name, [])]
    if len(candidates) == 2 and len(dates) == 1 and "time" in places:
        return dates[0], places["time"][0]
    return _only(candidates, TS, names, path), None


def _only(candidates: Sequence[int], what: str, names: Sequence[str], path: Path) -> int:
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        both = " and ".join(repr(clean(names[place])) for place in candidates)
        raise BadFile(f"{path}: line 1: columns {both} may both be {what!r}: name one {what}, and rename the others")
    shown = ", ".join(clean(name, limit=40) for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    also = " (or time, date, datetime, timestamp)" if what == TS else ""
    raise BadFile(
        f"{path}: line 1: no column {what!r}{also}; a file of candles has ts, {', '.join(VALUES)}; "
        f"this one has {shown}{more}"
    )
