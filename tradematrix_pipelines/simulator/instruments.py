"""The simulator's catalogue: real names, types and exchanges of Twelve Data's catalogue, at invented prices.

Here: the catalogue. Not here: how prices move (``prices``).
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Instrument:
    """One listed instrument.

    Attributes:
        symbol: its name in the catalogue.
        type: its type, as the vendor names it.
        exchange: the exchange's name, as the vendor writes it; ``None`` for forex and metals.
        mic_code: market identifier code of the listing; ``None`` where the vendor gives none.
        currency: ISO code of the currency of the price.
        calendar: session calendar (``get_calendar``).
        price: level around which prices move.
        decimals: prices are rounded to so many.
        volatility: standard deviation of a day's relative move.
        volume: typical volume of a minute; 0 where the vendor gives none.
        needs_grow: whether the free plan refuses it.
    """

    symbol: str
    name: str
    type: str
    currency: str
    calendar: str
    price: float
    exchange: str | None = None
    mic_code: str | None = None
    country: str = "United States"
    decimals: int = 2
    volatility: float = 0.011
    volume: float = 0.0
    needs_grow: bool = False

    @property
    def is_pair(self) -> bool:
        """Whether one asset is priced in another (forex, metals, crypto): its meta names both currencies."""
        return "/" in self.symbol


_CURRENCY_NAMES = {
    "AUD": "Australian Dollar",
    "BTC": "Bitcoin",
    "CAD": "Canadian Dollar",
    "CHF": "Swiss Franc",
    "ETH": "Ethereum",
    "EUR": "Euro",
    "GBP": "British Pound",
    "JPY": "Japanese Yen",
    "NZD": "New Zealand Dollar",
    "USD": "US Dollar",
    "XAG": "Silver Spot",
    "XAU": "Gold Spot",
}


def currency_name(code: str) -> str:
    """Return the vendor's name of a currency or metal; the code itself where no name is known."""
    return _CURRENCY_NAMES.get(code, code)


def _index(symbol: str, name: str, price: float, *, exchange: str = "NYSE") -> Instrument:
    return Instrument(
        symbol=symbol,
        name=name,
        type="Index",
        exchange=exchange,
        currency="USD",
        calendar="XNYS",
        price=price,
        volume=90_000,
        needs_grow=True,
    )


def _share(
    symbol: str,
    name: str,
    price: float,
    *,
    kind: str = "Common Stock",
    exchange: str = "NASDAQ",
    mic_code: str = "XNGS",
) -> Instrument:
    return Instrument(
        symbol=symbol,
        name=name,
        type=kind,
        exchange=exchange,
        mic_code=mic_code,
        currency="USD",
        calendar="XNYS",
        price=price,
        volatility=0.016,
        volume=40_000,
    )


def _pair(
    symbol: str, price: float, *, decimals: int = 5, calendar: str = "FX", needs_grow: bool = False
) -> Instrument:
    """Return a currency pair or metal: on no exchange, around the clock on five days."""
    base, quote = symbol.split("/")
    return Instrument(
        symbol=symbol,
        name=f"{currency_name(base)} / {currency_name(quote)}",
        type="Physical Currency",
        currency=quote,
        calendar=calendar,
        country="",
        price=price,
        decimals=decimals,
        volatility=0.005 if decimals == 5 else 0.01,
        needs_grow=needs_grow,
    )


def _coin(symbol: str, price: float) -> Instrument:
    base, quote = symbol.split("/")
    return Instrument(
        symbol=symbol,
        name=f"{currency_name(base)} / {currency_name(quote)}",
        type="Digital Currency",
        exchange="Coinbase Pro",
        currency=quote,
        calendar="24/7",
        country="",
        price=price,
        volatility=0.025,
    )


CATALOGUE = (
    Instrument(
        symbol="GDAXI",
        name="DAX PERFORMANCE-INDEX",
        type="Index",
        exchange="XETR",
        mic_code="XETR",
        currency="EUR",
        calendar="XETR",
        country="Germany",
        price=24_000,
        volume=150_000,
        needs_grow=True,
    ),
    # What the vendor answers when the index is asked for under its common name.
    _share("DAX", "Global X DAX Germany ETF", 47, kind="ETF", mic_code="XNMS"),
    _index("NDX", "NASDAQ 100", 24_500, exchange="NASDAQ"),
    _index("DJI", "Dow Jones Industrial Average", 46_000),
    _index("SPX", "S&P 500", 6_700),
    _share("AAPL", "Apple Inc", 230),
    _share("MSFT", "Microsoft Corp", 480),
    _share("NVDA", "NVIDIA Corp", 180),
    _share("AMZN", "Amazon.com Inc", 225),
    _share("TSLA", "Tesla Inc", 400),
    _share("SPY", "SPDR S&P 500 ETF Trust", 670, kind="ETF", exchange="NYSE", mic_code="ARCX"),
    _share("QQQ", "Invesco QQQ Trust", 595, kind="ETF", mic_code="XNMS"),
    _pair("EUR/USD", 1.16),
    _pair("GBP/USD", 1.33),
    _pair("USD/JPY", 150, decimals=3),
    _pair("USD/CHF", 0.80),
    _pair("AUD/USD", 0.65),
    _pair("USD/CAD", 1.39),
    _pair("NZD/USD", 0.58),
    _pair("EUR/GBP", 0.87),
    _pair("EUR/JPY", 174, decimals=3),
    _pair("XAU/USD", 4_000, decimals=2, calendar="METALS"),
    _pair("XAG/USD", 48, decimals=4, calendar="METALS", needs_grow=True),
    _coin("BTC/USD", 95_000),
    _coin("ETH/USD", 3_300),
)
"""Everything the simulator lists."""
