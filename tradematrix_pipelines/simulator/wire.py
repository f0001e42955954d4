"""Writing answers as the vendor does: every number is a text, and what is not known is left out. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

import numpy as np
import pandas as pd

from tradematrix_pipelines.markets.sessions import Instants
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator.bars import CLOSE, HIGH, LOW, OPEN, VOLUME, Bars, Mask
from tradematrix_pipelines.simulator.instruments import Instrument, currency_name
from tradematrix_pipelines.vendors.twelve_data.query import INTERVALS

_PRICES = {"open": OPEN, "high": HIGH, "low": LOW, "close": CLOSE}

Json = dict[str, object]


def write_meta(instrument: Instrument, timeframe: Timeframe, zone: tzinfo) -> Json:
    """Return the meta object of a series. A pair names its two currencies, anything else its one and its exchange."""
    listing: Mapping[str, str | None] = (
        {"currency_base": _base_name(instrument), "currency_quote": currency_name(instrument.currency)}
        if instrument.is_pair
        else {"currency": instrument.currency, "exchange_timezone": str(zone)}
    )
    meta = {
        "symbol": instrument.symbol,
        "interval": INTERVALS[timeframe],
        **listing,
        "exchange": instrument.exchange,
        "mic_code": instrument.mic_code,
        "type": instrument.type,
    }
    return {name: value for name, value in meta.items() if value is not None}


def write_rows(bars: Bars, timeframe: Timeframe, zone: tzinfo, *, blanks: Mask) -> list[Json]:
    """Return one object a bar, in the order of the bars; the close of a blank one is empty."""
    columns = {"datetime": _stamps(bars.ts, timeframe, zone)}
    columns |= {name: [f"{value:.5f}" for value in bars.ohlcv[:, column].tolist()] for name, column in _PRICES.items()}
    for row in np.flatnonzero(blanks).tolist():
        columns["close"][row] = ""
    if not np.isnan(bars.ohlcv[:, VOLUME]).any():
        columns["volume"] = [f"{value:.0f}" for value in bars.ohlcv[:, VOLUME].tolist()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def write_quote(instrument: Instrument, days: Bars, at: datetime, zone: tzinfo, *, is_open: bool) -> Json:
    """Return the quote of a symbol from its last two days."""
    row = write_rows(days[-1:], Timeframe.D1, zone, blanks=np.zeros(1, dtype=np.bool_))[0]
    close, before = float(days.ohlcv[-1, CLOSE]), float(days.ohlcv[-2:, CLOSE][0])
    return {
        "symbol": instrument.symbol,
        "name": instrument.name,
        "exchange": instrument.exchange or "Forex",
        **({"mic_code": instrument.mic_code} if instrument.mic_code else {}),
        **({} if instrument.is_pair else {"currency": instrument.currency}),
        **row,
        "timestamp": int(at.timestamp()),
        "previous_close": f"{before:.5f}",
        "change": f"{close - before:.5f}",
        "percent_change": f"{(close / before - 1) * 100:.5f}",
        "is_market_open": is_open,
    }


def write_match(instrument: Instrument, zone: tzinfo) -> Json:
    """Return one hit of a symbol search."""
    return {
        "symbol": instrument.symbol,
        "instrument_name": instrument.name,
        "exchange": instrument.exchange or instrument.type,
        "mic_code": instrument.mic_code or "",
        "exchange_timezone": str(zone),
        "instrument_type": instrument.type,
        "country": instrument.country,
        "currency": instrument.currency,
    }


def write_earliest(opens_at: datetime, zone: tzinfo, timeframe: Timeframe) -> Json:
    """Return the start of history."""
    form = "%Y-%m-%d" if timeframe is Timeframe.D1 else "%Y-%m-%d %H:%M:%S"
    return {"datetime": opens_at.astimezone(zone).strftime(form), "unix_time": int(opens_at.timestamp())}


def _stamps(ts: Instants, timeframe: Timeframe, zone: tzinfo) -> list[str]:
    if timeframe is Timeframe.D1:
        return [str(stamp) for stamp in np.datetime_as_string(ts, unit="D")]
    local = ts if zone is UTC else pd.DatetimeIndex(ts).tz_localize(UTC).tz_convert(zone).tz_localize(None).to_numpy()
    return [stamp.replace("T", " ") for stamp in np.datetime_as_string(local, unit="s").tolist()]


def _base_name(instrument: Instrument) -> str:
    return currency_name(instrument.symbol.split("/", maxsplit=1)[0])
