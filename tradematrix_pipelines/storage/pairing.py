"""Which symbols and series of another database belong to which of ours."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from tradematrix_pipelines.markets.symbols import Symbol, match_symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.moving.labels import timeframe_of
from tradematrix_pipelines.storage.other_database import OtherDatabase, OtherSeries, OtherSymbol


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A symbol of ours, and the other database's series of it.

    Attributes:
        id: of the other row; ``None`` where the other has no such symbol.
        series: by timeframe: those whose labels name it, usually one.
        unknown: series whose labels name no timeframe of ours.
        others: vendors whose series of the same symbol are left out.
    """

    symbol: Symbol
    id: str | None = None
    series: Mapping[Timeframe, Sequence[OtherSeries]] = field(default_factory=dict)
    unknown: Sequence[OtherSeries] = ()
    others: Sequence[str] = ()

    @classmethod
    def of(cls, symbol: Symbol, rows: Sequence[OtherSymbol], series: Mapping[str, Sequence[OtherSeries]]) -> Self:
        """Return the pair of a symbol and the other database's rows of its name.

        That of our row's vendor counts where it has candles, else the one with most.
        """
        if not rows:
            return cls(symbol=symbol)
        counts = {row.id: _candles(series.get(row.id, ())) for row in rows}
        chosen, *rest = sorted(
            rows, key=lambda row: (row.vendor == symbol.vendor and counts[row.id] > 0, counts[row.id]), reverse=True
        )
        named: dict[Timeframe, list[OtherSeries]] = defaultdict(list)
        unknown = []
        for one in series.get(chosen.id, ()):
            timeframe = timeframe_of(one.label)
            if timeframe is None:
                unknown.append(one)
            else:
                named[timeframe].append(one)
        others = [f"{row.vendor} ({counts[row.id]:,} candles)" for row in rest if counts[row.id]]
        return cls(symbol=symbol, id=chosen.id, series=named, unknown=unknown, others=others)

    @property
    def finest(self) -> Timeframe | None:
        """The finest intraday timeframe that the other has."""
        return next((name for name in Timeframe if name in self.series and name.minutes is not None), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """The symbols of two databases, brought together.

    Attributes:
        strangers: the other's symbols that are none of ours, with the number of their candles.
    """

    pairs: Sequence[Pair]
    strangers: Mapping[str, int]


def pair_symbols(database: OtherDatabase, symbols: Sequence[Symbol]) -> Pairs:
    """Return which symbols and series of a database belong to these symbols; each of ours has a pair."""
    series: dict[str, list[OtherSeries]] = defaultdict(list)
    for one in database.series():
        series[one.symbol_id].append(one)
    rows: dict[str, list[OtherSymbol]] = defaultdict(list)
    strangers: dict[str, int] = defaultdict(int)
    for row in database.symbols():
        symbol = match_symbol(row.name, symbols)
        if symbol is None:
            strangers[row.name] += _candles(series[row.id])
        else:
            rows[symbol.name].append(row)
    pairs = [Pair.of(symbol, rows[symbol.name], series) for symbol in symbols]
    return Pairs(pairs=pairs, strangers=strangers)


def _candles(series: Sequence[OtherSeries]) -> int:
    return sum(one.rows for one in series)
