"""Which instrument of the vendor's catalogue a new symbol stands for. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.exchanges import calendar_of_exchange
from tradematrix_pipelines.markets.symbols import InstrumentType, Symbol, default_gap_tolerance
from tradematrix_pipelines.vendors.protocol import Listing
from tradematrix_pipelines.vendors.twelve_data.identity import possible_types
from tradematrix_pipelines.vendors.twelve_data.quotes import SymbolMatch

_LISTED = 8
_PLAUSIBLE_FACTOR = 50
"""By what factor a symbol's history may lie above or below its current price."""


def pick_match(
    matches: Sequence[SymbolMatch], *, symbol: str, exchange: str | None, instrument: InstrumentType | None
) -> SymbolMatch:
    """Return the one instrument among ``matches`` that is named ``symbol`` and fits the other arguments.

    Args:
        symbol: the name at the vendor.
        exchange: its exchange, by name or MIC; ``None`` = any.
        instrument: its type; ``None`` = any.

    Raises:
        UsageError: none fits, or several do; the message lists the candidates.
    """
    named = [match for match in matches if match.symbol.upper() == symbol.upper()]
    fitting = [
        match
        for match in named
        if (exchange is None or exchange.upper() in {match.exchange.upper(), match.mic_code.upper()})
        and (instrument is None or instrument in (possible_types(match.type) or {instrument}))
    ]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(
            f"{symbol} is listed {len(fitting)} times at the vendor: {_listing(fitting)}; choose one with --exchange"
        )
    if named:
        raise UsageError(f"{symbol} at the vendor is {_listing(named)}: not what --exchange and --instrument say")
    near = f"; similar names are {_listing(matches)}" if matches else ""
    raise UsageError(
        f"the vendor knows no {symbol}{near}: name it as the vendor does with --vendor-symbol twelve_data=NAME, "
        "or add it without a look-up with --no-lookup"
    )


def complete_symbol(symbol: Symbol, match: SymbolMatch) -> Symbol:
    """Return ``symbol`` with its empty fields filled from the catalogue; the calendar, too, where it fits one."""
    possible = possible_types(match.type)
    # Where the vendor's word for the type is ambiguous and includes the row's own type, that one stays.
    kind = symbol.instrument if possible is None or symbol.instrument in possible else min(possible)
    calendar = symbol.calendar or calendar_of_exchange(match.mic_code) or ""
    return replace(
        symbol,
        instrument=kind,
        calendar=calendar,
        exchange=symbol.exchange or _listed_on(match),
        alias=symbol.alias or match.name or None,
        gap_tolerance=symbol.gap_tolerance if kind is symbol.instrument else default_gap_tolerance(kind, calendar),
    )


def priced_listing(symbol: Symbol, match: SymbolMatch, *, price: float) -> Listing:
    """Return the listing of a completed symbol; its price range is set around the current price."""
    described = ", ".join(filter(None, (match.name, match.type, _listed_on(match))))
    plausible = symbol.price_range or (price / _PLAUSIBLE_FACTOR, price * _PLAUSIBLE_FACTOR)
    return Listing(
        symbol=replace(symbol, price_range=plausible), description=f"found {match.symbol}: {described}, now {price:g}"
    )


def _listed_on(match: SymbolMatch) -> str | None:
    # The search names an exchange for pairs that their candles don't: "Physical Currency".
    return None if "/" in match.symbol else match.exchange or None


def _listing(matches: Sequence[SymbolMatch]) -> str:
    shown = [
        f"{match.symbol} ({', '.join(filter(None, (match.name, match.type, match.exchange, match.currency)))})"
        for match in matches[:_LISTED]
    ]
    return "; ".join(shown) + (" …" if len(matches) > _LISTED else "")
