"""Which of the instruments in the vendor's catalogue a new symbol is meant to be. Pure."""

from collections.abc import Sequence

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.symbols import InstrumentType
from tradematrix_pipelines.vendors.twelve_data.identity import possible_types
from tradematrix_pipelines.vendors.twelve_data.quotes import SymbolMatch

_LISTED = 8


def pick_match(
    matches: Sequence[SymbolMatch], *, symbol: str, exchange: str | None, instrument: InstrumentType | None
) -> SymbolMatch:
    """Return the one instrument among ``matches`` that is named ``symbol`` and fits what else was said of it.

    Args:
        symbol: the name at the vendor.
        exchange: its exchange, by name or MIC; ``None`` = any.
        instrument: its type; ``None`` = any.

    Raises:
        UsageError: none fits, or several do; the message lists what was found.
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
            f"{symbol} is listed {len(fitting)} times at the vendor: {_told(fitting)}; say which with --exchange"
        )
    if named:
        raise UsageError(f"{symbol} at the vendor is {_told(named)}: not what --exchange and --instrument say")
    near = f"; near it are {_told(matches)}" if matches else ""
    raise UsageError(
        f"the vendor knows no {symbol}{near}: name it as the vendor does with --vendor-symbol twelve_data=NAME, "
        "or add it unseen with --no-lookup"
    )


def instrument_type(match: SymbolMatch, guess: InstrumentType) -> InstrumentType:
    """Return the type of ``match``; ``guess`` where the vendor's word for it leaves a choice that allows it."""
    possible = possible_types(match.type)
    if possible is None or guess in possible:
        return guess
    return min(possible)


def _told(matches: Sequence[SymbolMatch]) -> str:
    shown = [
        f"{match.symbol} ({', '.join(filter(None, (match.name, match.type, match.exchange, match.currency)))})"
        for match in matches[:_LISTED]
    ]
    return "; ".join(shown) + (" …" if len(matches) > _LISTED else "")
