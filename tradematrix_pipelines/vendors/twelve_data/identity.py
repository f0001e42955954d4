"""Whether an answer is about the instrument that was asked for. Pure.

Asked for ``DAX``, the vendor answers HTTP 200 with an ETF listed on NASDAQ at about $47, not with the index at about
24,000. So an answer is compared with the symbol's row before any of its candles is used. A missing field is not a
conflict: forex answers name no exchange, some name no currency, and an unknown type proves nothing.
"""

import numpy as np
import pandas as pd

from tradematrix_pipelines.markets.symbols import InstrumentType, Symbol
from tradematrix_pipelines.vendors.errors import WrongInstrument
from tradematrix_pipelines.vendors.twelve_data.query import vendor_symbol
from tradematrix_pipelines.vendors.twelve_data.responses import Meta

_STOCK = frozenset({InstrumentType.STOCK})
_TYPES = {
    "index": frozenset({InstrumentType.INDEX}),
    "etf": frozenset({InstrumentType.ETF}),
    "exchange-traded fund": frozenset({InstrumentType.ETF}),
    "common stock": _STOCK,
    "preferred stock": _STOCK,
    "depositary receipt": _STOCK,
    "american depositary receipt": _STOCK,
    "reit": _STOCK,
    "physical currency": frozenset({InstrumentType.FOREX, InstrumentType.METAL}),  # spot metals come as currencies
    "precious metal": frozenset({InstrumentType.METAL}),
    "commodity": frozenset({InstrumentType.METAL, InstrumentType.FUTURE}),
    "digital currency": frozenset({InstrumentType.CRYPTO}),
}

_EXCHANGES = (
    frozenset({"NASDAQ", "XNAS", "XNGS", "XNMS", "XNCM"}),
    frozenset({"NYSE", "XNYS"}),
    frozenset({"XETR", "XETRA", "XETB"}),
    frozenset({"LSE", "XLON"}),
)
"""Names of one exchange: the vendor uses its own, the exchange's MIC and those of its segments."""

_CURRENCIES = {
    "us dollar": "USD",
    "euro": "EUR",
    "british pound": "GBP",
    "pound sterling": "GBP",
    "japanese yen": "JPY",
    "swiss franc": "CHF",
    "australian dollar": "AUD",
    "canadian dollar": "CAD",
    "new zealand dollar": "NZD",
    "czech koruna": "CZK",
    "polish zloty": "PLN",
    "swedish krona": "SEK",
    "norwegian krone": "NOK",
    "danish krone": "DKK",
    "hungarian forint": "HUF",
    "turkish lira": "TRY",
    "chinese yuan": "CNY",
    "hong kong dollar": "HKD",
    "singapore dollar": "SGD",
    "mexican peso": "MXN",
    "south african rand": "ZAR",
    "indian rupee": "INR",
}

_ISO_LENGTH = 3

_BETTER_NAMES = {
    "DAX": "GDAXI",
    "DAX40": "GDAXI",
    "NAS100": "NDX",
    "US100": "NDX",
    "US30": "DJI",
    "US500": "SPX",
    "SPX500": "SPX",
    "GOLD": "XAU/USD",
    "SILVER": "XAG/USD",
}
"""What to ask Twelve Data for, by the names that traders use."""


def check_identity(meta: Meta, candles: pd.DataFrame, symbol: Symbol) -> None:
    """Raise when the answer contradicts the symbol's row.

    Args:
        meta: the answer's own description.
        candles: its candles, any number; their median close is compared with ``symbol.price_range``.

    Raises:
        WrongInstrument: name, type, exchange, currency or price scale differ; the message names the remedy.
    """
    conflicts = [
        *_name_conflict(meta, symbol),
        *_type_conflict(meta, symbol),
        *_exchange_conflict(meta, symbol),
        *_currency_conflict(meta, symbol),
        *_scale_conflict(candles, symbol),
    ]
    if conflicts:
        raise WrongInstrument(
            f"asked Twelve Data for {vendor_symbol(symbol)}, but {'; '.join(conflicts)}. "
            f"Nothing of the answer is kept: {_remedy(symbol)}"
        )


def _remedy(symbol: Symbol) -> str:
    better = _BETTER_NAMES.get(vendor_symbol(symbol).upper())
    if better is not None:
        return f"set the name of {symbol.name} at twelve_data to {better}"
    return f"correct the row of {symbol.name} (name at twelve_data, type, exchange, currency, price range)"


def _name_conflict(meta: Meta, symbol: Symbol) -> list[str]:
    asked = vendor_symbol(symbol)
    if meta.symbol is None or meta.symbol.upper() == asked.upper():
        return []
    return [f"it answered with {meta.symbol}"]


def possible_types(word: str | None) -> frozenset[InstrumentType] | None:
    """Return what the vendor may mean by its word for a type of instrument; ``None`` for a word not known here."""
    return _TYPES.get((word or "").lower())


def _type_conflict(meta: Meta, symbol: Symbol) -> list[str]:
    possible = possible_types(meta.type)
    if possible is None or symbol.instrument in possible:
        return []
    return [f"the answer is of type {meta.type}, {symbol.name} is of type {symbol.instrument}"]


def _exchange_conflict(meta: Meta, symbol: Symbol) -> list[str]:
    said = {name.upper() for name in (meta.exchange, meta.mic_code) if name}
    if symbol.exchange is None or not said:
        return []
    wanted = symbol.exchange.upper()
    same = next((names for names in _EXCHANGES if wanted in names), frozenset({wanted}))
    if said & same:
        return []
    return [f"the answer comes from {meta.exchange or meta.mic_code}, {symbol.name} trades on {symbol.exchange}"]


def _currency_conflict(meta: Meta, symbol: Symbol) -> list[str]:
    said = _currency_code(meta.currency or meta.currency_quote or "")
    if said is None or said == symbol.currency:
        return []
    return [f"the answer is in {said}, {symbol.name} is in {symbol.currency}"]


def _currency_code(text: str) -> str | None:
    """Return the ISO code of a currency given as code or name; ``None`` for a name not known here.

    Case matters: ``GBp`` is a hundredth of ``GBP``.
    """
    return text if len(text) == _ISO_LENGTH else _CURRENCIES.get(text.lower())


def _scale_conflict(candles: pd.DataFrame, symbol: Symbol) -> list[str]:
    closes = candles["close"].to_numpy()
    closes = closes[np.isfinite(closes)]
    if symbol.price_range is None or not len(closes):
        return []
    median, (low, high) = float(np.median(closes)), symbol.price_range
    if low <= median <= high:
        return []
    return [f"its closes are near {median:g}, those of {symbol.name} lie between {low:g} and {high:g}"]
