"""Real candles in place of synthetic ones: a folder of one-minute files, served under the catalogue's names.

A file is named by the project's own symbol (``DAX_1m.csv`` is served as ``GDAXI``) or by the catalogue's.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from tradematrix_pipelines.candles.frame import VALUES
from tradematrix_pipelines.markets.sessions import Session, to_instant
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, InstrumentType, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator.bars import NO_BARS, Bars
from tradematrix_pipelines.simulator.instruments import CATALOGUE, Instrument
from tradematrix_pipelines.vendors.files.client import FilesVendor
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines.vendors.twelve_data.query import MINUTES_SINCE, vendor_symbol

_NEVER = date(2100, 1, 1)


class RecordedPrices:
    """The instruments that have a one-minute file in a folder, and its minutes."""

    def __init__(self, folder: Path) -> None:
        self._files = FilesVendor(folder)
        self._symbols = dict(self._find())

    @property
    def instruments(self) -> Sequence[Instrument]:
        return [instrument for instrument in CATALOGUE if instrument.symbol in self._symbols]

    def since(self, instrument: Instrument, timeframe: Timeframe) -> date:
        """Return the date on which the file begins."""
        del timeframe
        whole = self._fetch(instrument, datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
        return whole["ts"].min().date() if len(whole) else _NEVER

    def minutes(self, instrument: Instrument, sessions: Sequence[Session], now: datetime) -> Bars:
        """Return the file's minutes inside ``sessions`` that have begun at ``now``; of duplicates the last."""
        if not sessions:
            return NO_BARS
        window = self._fetch(instrument, sessions[0].opens_at, sessions[-1].closes_at)
        candles = window[window["ts"] <= now].drop_duplicates("ts", keep="last")
        ts = candles["ts"].dt.tz_localize(None).to_numpy("datetime64[us]")
        opens = np.array([to_instant(session.opens_at) for session in sessions])
        closes = np.array([to_instant(session.closes_at) for session in sessions])
        inside = ts < closes[np.searchsorted(opens, ts, side="right") - 1]
        return Bars(ts[inside], candles[VALUES].to_numpy()[inside])

    def _fetch(self, instrument: Instrument, start: datetime, end: datetime) -> pd.DataFrame:
        symbol = self._symbols[instrument.symbol]
        return self._files.fetch(CandleRequest(symbol=symbol, timeframe=Timeframe.M1, start=start, end=end)).candles

    def _find(self) -> Iterator[tuple[str, Symbol]]:
        for instrument in CATALOGUE:
            rows = (_row(name, instrument) for name in _file_names(instrument.symbol))
            row = next(
                (row for row in rows if self._files.unavailable_reason(row, Timeframe.M1, MINUTES_SINCE) is None), None
            )
            if row is not None:
                yield instrument.symbol, row


def _file_names(listed: str) -> tuple[str, ...]:
    """Return the names that the file of a listed instrument may have; a file ``DAX`` is the index, not the ETF."""
    own_names = {vendor_symbol(symbol): symbol.name for symbol in DEFAULT_SYMBOLS}
    if listed in own_names:
        return own_names[listed], listed
    return () if listed in own_names.values() else (listed,)


def _row(name: str, instrument: Instrument) -> Symbol:
    """Return a symbol to ask the files for; only its name matters there."""
    return Symbol(
        name=name,
        calendar=instrument.calendar,
        instrument=InstrumentType.INDEX,
        tick_size=10.0**-instrument.decimals,
        currency=instrument.currency,
    )
