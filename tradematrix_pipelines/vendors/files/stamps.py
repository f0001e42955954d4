"""The times of a file's rows as instants in UTC, and of daily ones as dates.

A time is an ISO instant, a local time, unix seconds or milliseconds, or a date, in one form for all rows of a file.
What a file leaves open, its zone and whether 03.04. is in March or in April, is an option, and an error without it.
Here: times. Not here: which column they are in (``columns``).
"""

import re

import pandas as pd

from tradematrix_pipelines.markets.zones import WallClock, parse_wall_clock
from tradematrix_pipelines.vendors.errors import BadFile
from tradematrix_pipelines.vendors.files.options import DATES, ZONE, DateOrder, Reading
from tradematrix_pipelines.vendors.files.source import Source

_ZONED = r":\d{2}.*(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$"
_OFFSET = re.compile(r":\d{2}.*(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})?$", re.ASCII)
_UNITS = {"s": r"-?\d{9,10}", "ms": r"-?\d{12,13}", "us": r"-?\d{15,16}", "ns": r"-?\d{18,19}"}
_ROWS_OF_UNIT = {"s": r"-?\d{1,10}", "ms": r"-?\d{1,13}", "us": r"-?\d{1,16}", "ns": r"-?\d{1,19}"}
_YEAR_FIRST = re.compile(r"\d{4}[./]\d{2}[./]\d{2}")
_COMPACT = re.compile(r"\d{8}(?:[ T]\d{2}:?\d{2}(?::?\d{2})?)?")
_YEAR_LAST = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{4}\b")
_PADDED = r"\d{2}[./-]\d{2}[./-]\d{4}[ T]?"
_PARTS = r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4})(.*)$"
_ANY = parse_wall_clock("UTC")
_NOT_AN_INSTANT = "is not an instant, or not in the form of the rows before"


class NoZone(BadFile):
    """Nothing says in which zone a file's times are."""


def read_stamps(column: pd.Series, source: Source, reading: Reading) -> pd.Series:
    """Return the opens of bars, UTC; of daily bars their dates, as midnight UTC.

    Raises:
        BadFile: one of them is no time, or a time that can be read in several ways.
    """
    clock = reading.own_clock or (source.dialect.clock if source.dialect else None) or reading.clock
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        instants, local = column.dt.tz_convert("UTC"), column.dt.tz_localize(None)
    elif pd.api.types.is_datetime64_dtype(column.dtype):
        instants, local = None, column
    else:
        texts = column.astype("str").str.strip()
        instants, local = _unix(column, texts, source, clock) or _written(column, texts, source, reading)
    if reading.daily:
        return _dates(column, local, source)
    if instants is None:
        instants = _localized(column, local, source, clock)
    source.refuse(column, instants.isna(), "is not an instant")
    opens: pd.Series = instants - reading.length if reading.stamps == "close" else instants
    return opens


def _unix(
    column: pd.Series, texts: pd.Series, source: Source, clock: WallClock | None
) -> tuple[pd.Series, pd.Series] | None:
    """Return instants and their times on ``clock`` where a column has unix times, else ``None``."""
    first = _first(texts)
    unit = next((unit for unit, form in _UNITS.items() if re.fullmatch(form, first)), None)
    if unit is None:
        return None
    source.refuse(column, ~texts.str.fullmatch(_ROWS_OF_UNIT[unit]), f"is not unix time in {unit}, as the first row is")
    instants = pd.Series(pd.DatetimeIndex(texts.astype("int64").to_numpy().astype(f"datetime64[{unit}]"), tz="UTC"))
    if clock is None:
        return instants, instants.dt.tz_localize(None)
    return instants, instants.dt.tz_convert(clock.zone).dt.tz_localize(None) + pd.Timedelta(hours=clock.ahead)


def _written(
    column: pd.Series, texts: pd.Series, source: Source, reading: Reading
) -> tuple[pd.Series | None, pd.Series]:
    """Return instants, or ``None`` where the texts name no zone, and the times as they are written."""
    iso = _as_iso(column, texts, source, reading)
    zoned = iso.str.contains(_ZONED)
    read = pd.to_datetime(iso, format="ISO8601", utc=True, errors="coerce")
    source.refuse(column, read.isna(), "is not an instant" if zoned.all() else _NOT_AN_INSTANT)
    if not zoned.any():
        return None, read.dt.tz_localize(None)
    dates = iso.str.len() == len("2026-01-05") if reading.daily else pd.Series(data=False, index=iso.index)
    source.refuse(column, ~(zoned | dates), "has no time zone, and other rows have one: write all in one form")
    offsets = pd.to_timedelta(iso.map(_offset_seconds), unit="s") if reading.daily else pd.Timedelta(0)
    return read, read.dt.tz_localize(None) + offsets


def _as_iso(column: pd.Series, texts: pd.Series, source: Source, reading: Reading) -> pd.Series:
    """Return the texts in ISO's form, as far as they are in the form of the first one."""
    first = _first(texts)
    if " GMT" in first or " UTC" in first:
        texts = texts.str.replace(r" (?:GMT|UTC)$", "Z", regex=True).str.replace(r" (?:GMT|UTC)", "", regex=True)
    if _YEAR_FIRST.match(first):
        dates = texts.str.slice(0, 10).str.replace(".", "-", regex=False).str.replace("/", "-", regex=False)
        texts = dates + texts.str.slice(10)
    elif _COMPACT.fullmatch(first):
        source.refuse(column, ~texts.str.fullmatch(_COMPACT.pattern), _NOT_AN_INSTANT)
        days = [texts.str.slice(start, end) for start, end in ((0, 4), (4, 6), (6, 8))]
        texts = days[0] + "-" + days[1] + "-" + days[2] + texts.str.slice(8).str.replace(" ", "T", regex=False)
    elif _YEAR_LAST.match(first):
        texts = _year_first(column, texts, source, reading)
    if texts.str.contains(r"[ T]\d:").any():  # 8:00
        texts = texts.str.replace(r"([ T])(\d:)", lambda hour: f"{hour[1]}0{hour[2]}", regex=True)
    return texts


def _year_first(column: pd.Series, texts: pd.Series, source: Source, reading: Reading) -> pd.Series:
    if texts.str.slice(0, 11).str.fullmatch(_PADDED).all():  # slices take a quarter of the time
        one, other, year, rest = (texts.str.slice(*places) for places in ((0, 2), (3, 5), (6, 10), (10, None)))
    else:
        parts = texts.str.extract(_PARTS)
        source.refuse(column, parts[0].isna(), _NOT_AN_INSTANT)
        one, other, year, rest = parts[0].str.zfill(2), parts[1].str.zfill(2), parts[2], parts[3]
    order = (source.dialect.dates if source.dialect else None) or _order(column, one, other, source, reading)
    month, day = (other, one) if order == "day" else (one, other)
    iso: pd.Series = year + "-" + month + "-" + day + rest
    return iso


def _order(column: pd.Series, one: pd.Series, other: pd.Series, source: Source, reading: Reading) -> DateOrder:
    """Return whether days come first: what the rows show; what the user says where they show nothing."""
    day_first, month_first = one > "12", other > "12"
    if day_first.any() and month_first.any():
        source.refuse(column, month_first, "has the month first, and other rows have the day first")
    if day_first.any() or month_first.any():
        shown: DateOrder = "day" if day_first.any() else "month"
        if reading.dates not in {None, shown}:
            marked = day_first if shown == "day" else month_first
            source.refuse(column, marked, f"has the {shown} first, and {DATES} is {reading.dates}")
        return shown
    if reading.dates is None:
        why = f"may have the day or the month first: set {DATES} to day or month"
        source.refuse(column, pd.Series(data=True, index=column.index), why)
    return reading.dates or "day"


def _localized(column: pd.Series, local: pd.Series, source: Source, clock: WallClock | None) -> pd.Series:
    """Return local times as instants; one that the clock skips or shows twice is refused."""
    why = f"has no time zone: set {ZONE} to that of the file, like UTC or Europe/Berlin"
    source.refuse(column, pd.Series(data=clock is None, index=column.index), why, NoZone)
    clock = clock or _ANY  # of a file without rows
    inside = local - pd.Timedelta(hours=clock.ahead)
    localized = inside.dt.tz_localize(clock.zone, ambiguous="NaT", nonexistent="NaT")
    instants: pd.Series = localized.dt.tz_convert("UTC")
    wrong = instants.isna() & local.notna()
    if wrong.any():
        skipped = clock.skips(local[wrong].iloc[0].to_pydatetime())
        what = "is skipped by" if skipped else "is shown twice by"
        change = "begins" if skipped else "ends"
        why = f"{what} a clock in {clock}, where daylight saving {change}: check {ZONE}, or write times in UTC"
        source.refuse(column, wrong, why)
    return instants


def _dates(column: pd.Series, local: pd.Series, source: Source) -> pd.Series:
    """Return the trade date of each daily bar, as midnight UTC: the one that the stamp has in its own zone."""
    source.refuse(column, local.isna(), "is not an instant")
    # 22:00 UTC may be a midnight in Berlin or a bar of the evening: the trade date is ambiguous.
    why = "is not a midnight in its zone: write the trade date, like 2026-01-05"
    source.refuse(column, local != local.dt.normalize(), why)
    days: pd.Series = local.dt.tz_localize("UTC")
    return days


def _offset_seconds(text: str) -> int:
    """Return how far ahead of UTC the zone at the end of a stamp is; 0 for a date."""
    match = _OFFSET.search(text)
    if match is None:
        return 0
    seconds = 3600 * int(match["hours"]) + 60 * int(match["minutes"] or 0)
    return -seconds if match["sign"] == "-" else seconds


def _first(texts: pd.Series) -> str:
    return str(texts.iloc[0]) if len(texts) else ""
