"""The endpoints as functions of parameters and the time. No HTTP here: that is ``app``'s.

An endpoint returns the object that is sent, or raises the ``Refusal`` that is sent instead.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator import apply_faults, wire
from tradematrix_pipelines.simulator.bars import CLOSE, Bars
from tradematrix_pipelines.simulator.faults import FaultPlan, Faults
from tradematrix_pipelines.simulator.instruments import Instrument
from tradematrix_pipelines.simulator.market import PriceSource, exchange_zone, find_bars, first_open
from tradematrix_pipelines.simulator.query import (
    SeriesQuery,
    read_series_query,
    read_symbols,
    read_timeframe,
    read_zone,
)
from tradematrix_pipelines.simulator.refusals import (
    Refusal,
    bad_symbol,
    bad_symbol_in_batch,
    empty_window,
    not_in_plan,
)
from tradematrix_pipelines.simulator.wire import Json

Params = Mapping[str, str]
Endpoint = Callable[[str, Params, datetime], Json]


class Service:
    """The simulated vendor, without HTTP, keys and credits."""

    def __init__(self, source: PriceSource, faults: FaultPlan) -> None:
        self.faults = faults
        self._source = source
        self._listed = {instrument.symbol: instrument for instrument in source.instruments}
        self.per_symbol: dict[str, Endpoint] = {
            "/time_series": self._series,
            "/quote": self._quote,
            "/price": self._price,
            "/earliest_timestamp": self._earliest,
        }

    def answer(self, path: str, params: Params, now: datetime) -> Json:
        """Answer an endpoint for one symbol, or for several as an object keyed by symbol."""
        endpoint = self.per_symbol[path]
        symbols = read_symbols(params)
        if len(symbols) == 1:
            return endpoint(symbols[0], params, now)
        return {symbol: self._part(endpoint, symbol, params, now) for symbol in symbols}

    def search(self, params: Params) -> Json:
        """Answer ``/symbol_search``: symbols that begin with the text, then those that contain it."""
        text = params.get("symbol", "").upper()
        hits = [item for item in self._listed.values() if text and text in f"{item.symbol} {item.name}".upper()]
        hits.sort(key=lambda item: (not item.symbol.startswith(text), item.symbol))
        return {"data": [wire.write_match(item, exchange_zone(item)) for item in hits], "status": "ok"}

    def _part(self, endpoint: Endpoint, symbol: str, params: Params, now: datetime) -> Json:
        try:
            if self.faults.of(symbol).batch_errors:
                raise bad_symbol_in_batch(symbol)
            return endpoint(symbol, params, now)
        except Refusal as refusal:
            return refusal.body()

    def _series(self, symbol: str, params: Params, now: datetime) -> Json:
        instrument, faults = self._find(symbol)
        query = read_series_query(params, exchange_zone(instrument))
        bars = self._bars(instrument, query, faults, now)
        ordered = bars if query.ascending and not faults.newest_first else bars[::-1]
        blanks = apply_faults.blank_rows(ordered, symbol, faults.blanks)
        return {
            "meta": wire.write_meta(instrument, query.timeframe, query.zone),
            "values": wire.write_rows(ordered, query.timeframe, query.zone, blanks=blanks),
            "status": "ok",
        }

    def _quote(self, symbol: str, params: Params, now: datetime) -> Json:
        del params
        instrument, faults = self._find(symbol)
        session = get_calendar(instrument.calendar).at(now)
        return wire.write_quote(
            instrument,
            self._newest(instrument, Timeframe.D1, faults, now, count=2),
            now,
            exchange_zone(instrument),
            is_open=session is not None,
        )

    def _price(self, symbol: str, params: Params, now: datetime) -> Json:
        del params
        instrument, faults = self._find(symbol)
        bars = self._newest(instrument, Timeframe.M1, faults, now, count=1)
        return {"price": f"{bars.ohlcv[-1, CLOSE]:.5f}"}

    def _earliest(self, symbol: str, params: Params, now: datetime) -> Json:
        del now
        instrument, faults = self._find(symbol)
        timeframe = read_timeframe(params)
        zone = read_zone(params, exchange_zone(instrument))
        return wire.write_earliest(first_open(self._source, instrument, timeframe, faults), zone, timeframe)

    def _newest(
        self, instrument: Instrument, timeframe: Timeframe, faults: Faults, now: datetime, *, count: int
    ) -> Bars:
        zone = exchange_zone(instrument)
        query = SeriesQuery(timeframe=timeframe, zone=zone, start=None, end=None, bars=count, ascending=True)
        return self._bars(instrument, query, faults, now)

    def _bars(self, instrument: Instrument, query: SeriesQuery, faults: Faults, now: datetime) -> Bars:
        bars = find_bars(self._source, instrument, query, faults, now)
        if not len(bars):
            raise empty_window()
        return bars

    def _find(self, symbol: str) -> tuple[Instrument, Faults]:
        faults = self.faults.of(symbol)
        instrument = self._listed.get(symbol)
        if instrument is None or faults.unknown or (symbol == "DAX" and not faults.etf_dax):
            raise bad_symbol()
        if faults.gated or (faults.free_plan and instrument.needs_grow):
            raise not_in_plan()
        return instrument, faults
