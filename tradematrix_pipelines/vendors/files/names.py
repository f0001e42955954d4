"""How files of candles are named: ``EUR-USD_1m.csv``; and what other programs' names say: ``EURUSD60.csv``.

Here: names. Not here: what is in the files (``inspection``).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, match_symbol
from tradematrix_pipelines.markets.timeframes import Timeframe, parse_timeframe

_OURS = re.compile(r"(?P<symbol>.+)_(?P<timeframe>[0-9a-z]+)")
_MONEY = "EUR|USD|GBP|JPY|CHF|AUD|NZD|CAD|SEK|NOK|PLN|XAU|XAG|XPT|XPD|BTC|ETH"
_PAIR = re.compile(rf"(?<![A-Z])(?P<base>{_MONEY})[/_-]?(?P<quote>{_MONEY})(?![A-Z])")
_WORD = re.compile(r"[A-Z][A-Z0-9.]*")
_NO_SYMBOLS = frozenset(
    {"DAT", "ASCII", "MT", "DATA", "CANDLESTICK", "BID", "ASK", "OANDA", "FX", "TVC", "XETR", "NASDAQ"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesName:
    """What a file's name says.

    Attributes:
        symbol: its name in the project.
        timeframe: ``None`` where the name says none.
    """

    symbol: str
    timeframe: Timeframe | None


def file_name(symbol: str) -> str:
    """Return how files and folders write a symbol: ``EUR/USD`` is ``EUR-USD``."""
    return symbol.replace("/", "-")


def file_stem(name: str, timeframe: Timeframe) -> str:
    """Return the name of a series' file, without its suffix: ``EUR/USD`` at 1m is ``EUR-USD_1m``."""
    return f"{file_name(name)}_{timeframe}"


def series_name(path: Path) -> SeriesName:
    """Return the series that a file's name means."""
    ours = _OURS.fullmatch(path.stem)
    timeframe = None if ours is None else _timeframe(ours["timeframe"])
    if ours is not None and timeframe is not None:
        written = ours["symbol"]
        pair = _PAIR.fullmatch(written)
        return SeriesName(symbol=f"{pair['base']}/{pair['quote']}" if pair else written, timeframe=timeframe)
    return SeriesName(symbol=_symbol(path.stem.upper()), timeframe=None)


def _symbol(stem: str) -> str:
    """Return the symbol that another program's name means."""
    if (pair := _PAIR.search(stem)) is not None:
        return f"{pair['base']}/{pair['quote']}"
    words = [word for word in _WORD.findall(stem) if word not in _NO_SYMBOLS]
    known = next((symbol for word in words if (symbol := match_symbol(word, DEFAULT_SYMBOLS))), None)
    return known.name if known is not None else words[0] if words else "SYMBOL"


def _timeframe(text: str) -> Timeframe | None:
    try:
        return parse_timeframe(text)
    except UsageError:
        return None
