"""What a symbol is, and the five default symbols of every installation.

Here: the value and the validity of its name. Not here: where symbols are stored (``storage.symbols``).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.corrections import Correction
from tradematrix_pipelines.markets.hours import DefinedHours
from tradematrix_pipelines.markets.named_hours import FX, METALS, NAMED
from tradematrix_pipelines.markets.splits import Split

# Characters that Dagster's partition keys, file names or CSV columns can't contain.
_FORBIDDEN = "|[],\\\"'`"
_MAX_LENGTH = 32
_METALS = ("XAU", "XAG", "XPT", "XPD")
_PAIR = re.compile(r"[A-Z]{3}/[A-Z]{3}")


class InstrumentType(StrEnum):
    """The kind of instrument; a vendor's answer is compared with it before any row is used."""

    INDEX = "index"
    STOCK = "stock"
    ETF = "etf"
    FOREX = "forex"
    METAL = "metal"
    CRYPTO = "crypto"
    FUTURE = "future"


@dataclass(frozen=True, kw_only=True, slots=True)
class Symbol:
    """One traded instrument.

    Attributes:
        name: its name in TradeMatrix, e.g. ``EUR/USD``; the symbol half of a partition key.
        calendar: session calendar, e.g. ``XETR`` or ``FX``; its sessions are those of ``calendars.calendar_of``.
        instrument: kind of instrument.
        tick_size: smallest price step, in price units.
        currency: ISO code that the price is in.
        exchange: exchange code as the primary vendor reports it (``XETR``), or ``None`` when it reports none.
        alias: its common name.
        vendor: the vendor whose catalogue the row was made from.
        vendor_symbols: its name at each vendor, by vendor name; a vendor not listed uses ``name``.
        price_range: lowest and highest plausible price, or ``None``; catches answers off by a power of ten.
        gap_tolerance: longest gap between bars, in minutes, that a complete session may have; ``None``
            when every minute of the session is expected (exchange-traded).
        active: whether it is materialized.
        touch_alerts: whether a notification is sent when the price touches a level.
        touch_levels: the levels that are watched for touches, as ``levels.watched`` names them; ``None`` = yesterday's
            prices and the classic pivot points.
        thresholds: thresholds of the judgement that differ for it, by name (``quality.thresholds``).
        id: key in ``market_symbols``; ``None`` for a symbol that is not stored.
        hours: the hours of its calendar, where the user defined that; else ``None``.
        corrections: the user's corrections of its calendar, by trade date.
        splits: what the user says of its splits, by trade date.
        level_kinds: the kinds of levels in its book (``levels.book.kinds``); ``None`` = those of its market.
    """

    name: str
    calendar: str
    instrument: InstrumentType
    tick_size: float
    currency: str
    exchange: str | None = None
    alias: str | None = None
    vendor: str = "twelve_data"
    vendor_symbols: Mapping[str, str] = field(default_factory=dict)
    price_range: tuple[float, float] | None = None
    gap_tolerance: int | None = None
    active: bool = True
    touch_alerts: bool = False
    touch_levels: tuple[str, ...] | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    id: int | None = None
    hours: DefinedHours | None = None
    corrections: tuple[Correction, ...] = ()
    splits: tuple[Split, ...] = ()
    level_kinds: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_symbol_name(self.name)
        if not self.tick_size > 0:
            raise UsageError(f"{self.name}: tick size {self.tick_size} must be greater than 0")

    def symbol_at(self, vendor: str) -> str:
        """Return the name of this symbol at ``vendor``."""
        return self.vendor_symbols.get(vendor, self.name)

    @property
    def quotes_all_day(self) -> bool:
        """Whether minutes without a tick are normal (FX, metals, crypto), so that bars may be absent."""
        return self.gap_tolerance is not None


def match_symbol(name: str, known: Iterable[Symbol]) -> Symbol | None:
    """Return the symbol that a person means: ``dax``, ``eurusd``, ``EUR-USD``; or, by its alias, ``gold``.

    A name as it is stored comes before all others. ``None`` where none, or more than one, is meant.
    """
    symbols = list(known)
    for symbol in symbols:
        if symbol.name == name:
            return symbol
    short = _letters(name)
    named = [symbol for symbol in symbols if _letters(symbol.name) == short]
    meant = named or [symbol for symbol in symbols if symbol.alias is not None and _letters(symbol.alias) == short]
    return meant[0] if short and len(meant) == 1 else None


def price_digits(tick_size: float) -> int:
    """Return how many digits a price is shown with after the point: one more than its tick size."""
    return len(f"{tick_size:.10f}".rstrip("0").partition(".")[2]) + 1


def _letters(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def check_symbol_name(name: str) -> None:
    """Raise :class:`UsageError` when a partition key can't contain ``name``."""
    bad = sorted({c for c in name if c in _FORBIDDEN or c.isspace() or not c.isprintable()})
    if not name or len(name) > _MAX_LENGTH or bad or "..." in name:
        what = f"holds {' '.join(map(repr, bad))}" if bad else "is empty, too long or holds '...'"
        raise UsageError(
            f"symbol {name!r} {what}: use up to {_MAX_LENGTH} printable characters without spaces, "
            "quotes, commas, brackets, backslashes, '|' or '...', e.g. EUR/USD"
        )


def default_gap_tolerance(instrument: InstrumentType, calendar: str, *, defined: bool = False) -> int | None:
    """Return the gap tolerance in minutes that fits this kind of instrument on this calendar.

    Real FX sessions pause up to 5 minutes. Metals pause an hour after 17:00 New York, which ``METALS`` knows, and end
    at 16:45 on Fridays at some brokers. Index CFDs have quiet minutes.

    Args:
        defined: whether the calendar is a user's own: its hours are a broker's, as those that are named here.
    """
    match instrument:
        case InstrumentType.FOREX | InstrumentType.CRYPTO:
            return 15
        case InstrumentType.METAL | InstrumentType.FUTURE:
            return 20 if calendar == METALS or defined else 75
        case _:
            return 15 if calendar in NAMED or defined else None


def guess_instrument(name: str, calendar: str) -> InstrumentType:
    """Return the instrument type that a symbol's name and calendar suggest."""
    if calendar == "24/7":
        return InstrumentType.CRYPTO
    if calendar in {FX, METALS}:
        return InstrumentType.METAL if name.startswith(_METALS) else InstrumentType.FOREX
    return InstrumentType.INDEX


def currency_pair(name: str) -> Symbol | None:
    """Return the symbol of a currency pair or a metal, e.g. ``GBP/USD``; ``None`` where the name is not one.

    Raises:
        UsageError: a partition key can't contain the name.
    """
    check_symbol_name(name)
    if not _PAIR.fullmatch(name):
        return None
    kind, currency = guess_instrument(name, FX), name[4:]
    calendar = METALS if kind is InstrumentType.METAL else FX
    tick = 0.01 if kind is InstrumentType.METAL or currency == "JPY" else 0.0001
    return Symbol(
        name=name,
        calendar=calendar,
        instrument=kind,
        tick_size=tick,
        currency=currency,
        gap_tolerance=default_gap_tolerance(kind, calendar),
    )


DEFAULT_SYMBOLS = (
    Symbol(
        name="DAX",
        calendar="XETR",
        instrument=InstrumentType.INDEX,
        tick_size=0.5,
        currency="EUR",
        exchange="XETR",
        alias="DAX 40",
        vendor_symbols={"twelve_data": "GDAXI", "yahoo": "^GDAXI"},
        price_range=(2_000, 200_000),
    ),
    Symbol(
        name="NDX",
        calendar="XNYS",
        instrument=InstrumentType.INDEX,
        tick_size=0.25,
        currency="USD",
        exchange="NASDAQ",
        alias="Nasdaq 100",
        vendor_symbols={"yahoo": "^NDX"},
        price_range=(1_000, 200_000),
    ),
    Symbol(
        name="DJI",
        calendar="XNYS",
        instrument=InstrumentType.INDEX,
        tick_size=1.0,
        currency="USD",
        exchange="NYSE",
        alias="Dow Jones Industrial Average",
        vendor_symbols={"yahoo": "^DJI"},
        price_range=(5_000, 400_000),
    ),
    Symbol(
        name="EUR/USD",
        calendar="FX",
        instrument=InstrumentType.FOREX,
        tick_size=0.0001,
        currency="USD",
        alias="Euro / US Dollar",
        vendor_symbols={"yahoo": "EURUSD=X"},
        price_range=(0.5, 2.5),
        gap_tolerance=15,
    ),
    Symbol(
        name="XAG/USD",
        calendar="METALS",
        instrument=InstrumentType.METAL,
        tick_size=0.01,
        currency="USD",
        alias="Silver / US Dollar",
        vendor_symbols={"yahoo": "SI=F"},
        price_range=(2, 1_000),
        gap_tolerance=20,
    ),
)
"""Twelve Data's names and the tick sizes that TradeMatrix's other services already use."""
