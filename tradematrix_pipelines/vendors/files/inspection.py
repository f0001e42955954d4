"""What a file of candles is, before anything of it is stored: format, series, zone, calendar, faults.

Here: the judgement of one file. Not here: how a file is read (``responses``), which zone and calendar fit
(``session_fit``), or what is printed of it (``cli.files``).
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from tradematrix_pipelines.candles.coverage import Coverage
from tradematrix_pipelines.candles.covering import cover_many
from tradematrix_pipelines.candles.frame import instants
from tradematrix_pipelines.candles.screen import Screened, screen
from tradematrix_pipelines.markets.sessions import Instants, Session
from tradematrix_pipelines.markets.symbols import currency_pair
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.markets.zones import WallClock
from tradematrix_pipelines.quality.constant_shift import constant_shift
from tradematrix_pipelines.vendors.errors import BadFile
from tradematrix_pipelines.vendors.files.dialects import read_dialect
from tradematrix_pipelines.vendors.files.names import SeriesName, series_name
from tradematrix_pipelines.vendors.files.options import FileOptions, Reading, Stamps
from tradematrix_pipelines.vendors.files.responses import read_rows
from tradematrix_pipelines.vendors.files.session_fit import CLOCKS, UTC, best_fits, sessions_around, to_utc
from tradematrix_pipelines.vendors.files.stamps import NoZone

_TOLERANCES = (5, 15, 30, 60)
_AS_GOOD = 0.9
_TOO_MANY = 4
_HEAD = 200
_MINUTE = np.timedelta64(1, "m")


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspection:
    """What a file has.

    Attributes:
        format: whose export it is.
        symbol: by the file's name.
        timeframe: by the distance of its bars.
        first: open of the first bar, UTC; of daily bars its date, as midnight.
        last: open of the last one.
        duplicates: rows that repeat another row.
        conflicts: rows that have the time of another row, and other values.
        unsorted: rows that are earlier than the row before them.
        rejected: rows that screening rejects, with the most frequent reason first.
        outside: rows outside the sessions of ``calendar``.
        clock: of the file's times; ``None`` where each has its zone, and for daily bars.
        guessed: whether ``clock`` is a guess: nothing says so.
        others: clocks that fit as well.
        stamps: whether times are opens or closes of bars, as they fit best.
        calendar: that fits best.
        trade_dates: of the first and the last session of it that the file covers.
        complete: sessions of it that are complete, with ``tolerance``.
        sessions: sessions of it that the file covers.
        tolerance: minutes without a bar that a session has to be allowed; ``None`` where none is.
        shift: by how much all times are off, in words; ``None`` where they are not.
    """

    path: Path
    format: str
    symbol: str
    timeframe: Timeframe
    rows: int
    first: datetime
    last: datetime
    duplicates: int
    conflicts: int
    unsorted: int
    rejected: dict[str, int]
    outside: int
    clock: WallClock | None
    guessed: bool
    others: tuple[WallClock, ...]
    stamps: Stamps
    calendar: str
    trade_dates: tuple[date, date]
    complete: int
    sessions: int
    tolerance: int | None
    shift: str | None

    @property
    def shows_its_clock(self) -> bool:
        """Whether ``clock`` is known or can be guessed: the bars of a round-the-clock market fit many."""
        return len(self.others) < _TOO_MANY

    @property
    def inside(self) -> float:
        """Share of the bars that lie inside sessions."""
        return 1 - self.outside / self.rows


def inspect_file(path: Path, options: FileOptions, *, now: datetime) -> Inspection:
    """Return what a file has.

    Raises:
        BadFile: it can't be read, or has no series of a known timeframe.
    """
    named = series_name(path)
    reading = options.reading(named.symbol, Timeframe.M1)
    local = _is_local(path, reading)
    rows = read_rows(path, replace(reading, clock=UTC, stamps="open") if local else replace(reading, stamps="open"))
    if rows.empty:
        raise BadFile(f"{path} has a first line with names, and no rows: export it again")
    timeframe = _timeframe(rows, named, path)
    if timeframe is Timeframe.D1:
        rows, local = read_rows(path, options.reading(named.symbol, timeframe)), False
    return _judged(path, rows, (named.symbol, timeframe), options, local=local, now=now)


def _is_local(path: Path, reading: Reading) -> bool:
    """Whether nothing says in which zone a file's times are."""
    for dates in (reading.dates, "day", "month"):
        try:
            read_rows(path, replace(reading, dates=dates), limit=_HEAD)
        except NoZone:
            return True
        except BadFile:
            continue
        return False
    return False


def _judged(
    path: Path, rows: pd.DataFrame, series: tuple[str, Timeframe], options: FileOptions, *, local: bool, now: datetime
) -> Inspection:
    symbol, timeframe = series
    stamps = instants(rows["ts"])
    ordered = np.sort(stamps)
    sides: tuple[Stamps, ...] = ("open", "close") if options.stamps == "open" else ("close",)
    pair = currency_pair(symbol)
    fit, *others = best_fits(
        ordered,
        length=timeframe.length,
        clocks=CLOCKS if local else (UTC,),
        sides=sides,
        usual=None if pair is None else pair.calendar,
    )
    opens = to_utc(stamps, fit.clock) if local else stamps
    if fit.stamps == "close" and timeframe.length is not None:
        opens = opens - np.timedelta64(timeframe.length, "us")
    bars = rows.assign(ts=pd.Series(opens).dt.tz_localize("UTC"))
    sessions = sessions_around(fit.calendar, opens.min(), opens.max())
    if not sessions:
        raise BadFile(f"{path} has no bar in a session of a known calendar: check its times")
    screened = screen(bars, timeframe=timeframe, sessions=sessions, now=now)
    tolerance, complete = _tolerance(screened, timeframe, sessions, now)
    repeated = bars.duplicated().to_numpy()
    return Inspection(
        path=path,
        format="Parquet" if path.suffix == ".parquet" else read_dialect(path).name,
        symbol=symbol,
        timeframe=timeframe,
        rows=len(rows),
        first=bars["ts"].min().to_pydatetime(),
        last=bars["ts"].max().to_pydatetime(),
        duplicates=int(repeated.sum()),
        conflicts=int(bars[~repeated].duplicated("ts", keep=False).sum()),
        unsorted=int((np.diff(stamps) < np.timedelta64(0, "us")).sum()),
        rejected=dict(Counter(screened.rejected["reason"]).most_common()),
        outside=screened.outside,
        clock=fit.clock if local else _known_clock(path, options.reading(symbol, timeframe)),
        guessed=local,
        others=tuple(other.clock for other in others),
        stamps=fit.stamps,
        calendar=fit.calendar,
        trade_dates=(sessions[0].trade_date, sessions[-1].trade_date),
        complete=complete,
        sessions=len(sessions),
        tolerance=tolerance,
        shift=_shift(np.sort(opens), sessions, timeframe),
    )


def _known_clock(path: Path, reading: Reading) -> WallClock | None:
    """Return the clock that the format or the settings name."""
    documented = None if path.suffix == ".parquet" else read_dialect(path).clock
    return None if reading.daily else reading.own_clock or documented or reading.clock


def _tolerance(
    screened: Screened, timeframe: Timeframe, sessions: list[Session], now: datetime
) -> tuple[int | None, int]:
    """Return the least gap tolerance with which about as many sessions are complete as with the most, and how many."""
    covered = cover_many(screened.candles["ts"], timeframe=timeframe, sessions=sessions, now=now, gap_tolerance=None)
    exact = sum(coverage.ok for coverage in covered)
    if timeframe is Timeframe.D1:
        return None, exact
    counts = {tolerance: sum(_is_complete(coverage, tolerance) for coverage in covered) for tolerance in _TOLERANCES}
    enough = _AS_GOOD * max(counts.values())
    if exact >= enough:
        return None, exact
    return next((tolerance, count) for tolerance, count in counts.items() if count >= enough)


def _is_complete(coverage: Coverage, tolerance: int) -> bool:
    return coverage.ok or (coverage.received > 0 and coverage.longest_gap <= tolerance)


def _shift(opens: Instants, sessions: list[Session], timeframe: Timeframe) -> str | None:
    if timeframe.minutes is None:
        return None
    shift = constant_shift(opens, sessions, minutes=timeframe.minutes)
    return None if shift is None else shift.message


def _timeframe(rows: pd.DataFrame, named: SeriesName, path: Path) -> Timeframe:
    """Return the timeframe by the distance that occurs most often; by the file's name where it has too few rows."""
    distances = np.diff(np.unique(instants(rows["ts"])))
    if not len(distances):
        if named.timeframe is None:
            raise BadFile(f"{path} has one row, which does not show its timeframe: name it like EUR-USD_1m.csv")
        return named.timeframe
    values, counts = np.unique(distances, return_counts=True)
    usual = values[counts.argmax()]
    for timeframe in Timeframe:
        if usual == np.timedelta64(timeframe.length or timedelta(days=1), "us"):
            return timeframe
    raise BadFile(f"{path} has bars that are {usual / _MINUTE:g} minutes apart: export one of {', '.join(Timeframe)}")
