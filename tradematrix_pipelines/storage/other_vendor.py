"""Another database as a vendor: its candles are screened and judged like those of any other.

Here: its stamps as instants, and what each series has. Not here: reading (``other_database``), or the corrections
(``moving.stamps``).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradematrix_pipelines.candles.frame import COLUMNS, PRICES, as_candles
from tradematrix_pipelines.candles.placement import Spans, spans
from tradematrix_pipelines.markets.sessions import Instants, to_instant
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.moving.sessions import sessions_around
from tradematrix_pipelines.moving.shifts import Shift
from tradematrix_pipelines.moving.stamps import Correction, Placed, place
from tradematrix_pipelines.storage.other_database import OtherDatabase, StampedCandles
from tradematrix_pipelines.storage.pairing import Pair
from tradematrix_pipelines.vendors.errors import Unavailable
from tradematrix_pipelines.vendors.protocol import CandleAnswer, CandleRequest
from tradematrix_pipelines.vendors.provenance import IMPORT

_MOST_BARS = 200_000
_MARGIN = timedelta(days=2)
"""A stamp is no further from its instant."""
_CHANGE = timedelta(hours=2)
"""How much earlier or later than its stamp a bar may be stamped on a clock that changes."""
_MINUTE = np.timedelta64(1, "m")


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What another database has of one series.

    Attributes:
        labels: how it names the timeframe.
        first: first trade date with candles; ``None`` where none lies in a session.
        last: last one.
        outside: rows that lie in no session; ``unclear``: rows of an hour that the clock shows twice, or never.
        forming: rows that were stored before their candle had closed.
        shift: by how much its stamps are off; ``None`` where nothing says so.
        correction: what its stamps are read with.
    """

    symbol: Symbol
    timeframe: Timeframe
    labels: tuple[str, ...]
    rows: int
    first: date | None
    last: date | None
    outside: int
    unclear: int
    forming: int
    shift: Shift | None
    correction: Correction


def look(other: OtherDatabase, pair: Pair, *, shift: Shift | None, correction: Correction) -> Iterator[Looked]:
    """Yield what another database has of a symbol, series by series, finest first."""
    for timeframe in Timeframe:
        series = pair.series.get(timeframe, ())
        if not series or pair.id is None:
            continue
        labels = tuple(one.label for one in series)
        first, last = min(one.first for one in series), max(one.last for one in series) + timedelta(microseconds=1)
        candles = other.read_candles(pair.id, labels, first, last, columns=(), with_creation=True)
        where = spans(sessions_around(pair.symbol, first, last))
        placed = place(candles.stamps, timeframe, where, correction)
        dates = placed.keys[placed.inside] if timeframe is Timeframe.D1 else _dates(placed, timeframe, where)
        days = dates.astype("datetime64[D]")
        unclear = np.isnat(placed.keys)
        yield Looked(
            symbol=pair.symbol,
            timeframe=timeframe,
            labels=labels,
            rows=len(candles.stamps),
            first=days.min().item() if len(days) else None,
            last=days.max().item() if len(days) else None,
            outside=int((~placed.inside & ~unclear).sum()),
            unclear=int(unclear.sum()),
            forming=int(_were_forming(candles, placed.keys, timeframe).sum()),
            shift=None if timeframe.minutes is None else shift,
            correction=correction,
        )


class OtherVendor:
    """Serves the candles of another database.

    A volume of 0 is none: that is how the old system stored it.
    """

    name = IMPORT
    max_bars = _MOST_BARS

    def __init__(
        self,
        other: OtherDatabase,
        pairs: Collection[Pair],
        corrections: Mapping[str, Correction],
        *,
        drop_forming: bool = False,
    ) -> None:
        """Serve these symbols.

        Args:
            corrections: what stamps are read with, by symbol; a symbol that is not there is read as it stands.
            drop_forming: whether rows are left out that were stored before their candle had closed.
        """
        self._other, self._drop_forming = other, drop_forming
        self._pairs = {pair.symbol.name: pair for pair in pairs}
        self._corrections = corrections

    def unavailable_reason(self, symbol: Symbol, timeframe: Timeframe, trade_date: date) -> str | None:
        """Return that the other database has no such series, where it has none."""
        del trade_date
        pair = self._pairs.get(symbol.name)
        return None if pair is not None and timeframe in pair.series else f"has no {timeframe} candles of {symbol.name}"

    def fetch(self, request: CandleRequest) -> CandleAnswer:
        """Return the other database's candles of one window, unscreened."""
        symbol, timeframe = request.symbol, request.timeframe
        pair = self._pairs.get(symbol.name)
        if pair is None or pair.id is None or timeframe not in pair.series:
            raise Unavailable(f"{self.name} {self.unavailable_reason(symbol, timeframe, request.start.date())}")
        correction = self._corrections.get(symbol.name, Correction())
        margin = _MARGIN if timeframe is Timeframe.D1 else _CHANGE
        candles = self._other.read_candles(
            pair.id,
            [one.label for one in pair.series[timeframe]],
            correction.to_stamp(request.start.astimezone(UTC)) - margin,
            correction.to_stamp(request.end.astimezone(UTC)) + margin,
            with_creation=self._drop_forming,
        )
        where = spans(sessions_around(symbol, request.start, request.end))
        keys = place(candles.stamps, timeframe, where, correction).keys
        mask = (keys >= to_instant(request.start)) & (keys < to_instant(request.end))
        if self._drop_forming:
            mask &= ~_were_forming(candles, keys, timeframe)
        return CandleAnswer(
            candles=_frame(candles, keys, mask),
            source=self.name,
            # As at the vendors that the old system asked: an exchange's last bar ends with the close.
            cut_at_close=not symbol.quotes_all_day,
        )

    def check(self) -> str:
        """Return what there is."""
        return f"{len(self._pairs)} symbols in the other database"

    def close(self) -> None:
        """Do nothing: whoever opened the other database closes it."""


def _dates(placed: Placed, timeframe: Timeframe, where: Spans) -> Instants:
    index = where.locate(placed.keys, timeframe)
    return where.dates[index[index >= 0]].astype("datetime64[us]") if len(where.dates) else placed.keys[:0]


def _were_forming(candles: StampedCandles, keys: Instants, timeframe: Timeframe) -> npt.NDArray[np.bool_]:
    """Return which rows were stored before their candle had closed, as far as that is known."""
    if candles.created_at is None or timeframe.minutes is None:
        return np.zeros(len(keys), dtype=bool)
    forming: npt.NDArray[np.bool_] = candles.created_at < keys + timeframe.minutes * _MINUTE
    return forming


def _frame(candles: StampedCandles, keys: Instants, mask: npt.NDArray[np.bool_]) -> pd.DataFrame:
    volume = candles.columns.get("volume", np.full(len(keys), np.nan))
    values = {name: candles.columns[name] for name in PRICES} | {"volume": np.where(volume == 0, np.nan, volume)}
    rows = pd.DataFrame({"ts": pd.DatetimeIndex(keys).tz_localize("UTC"), **values}, columns=COLUMNS)
    return as_candles(rows[mask])
