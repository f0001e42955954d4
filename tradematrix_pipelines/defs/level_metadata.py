"""The metadata of partitions of levels, for the UI: numbers to plot, and tables to read.

Here: what a partition shows. Not here: computing levels (``levels``), or which partitions count
(``partition_results``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

import dagster as dg

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.defs.internals.data_versions import CONTENT_VERSION, version_of
from tradematrix_pipelines.defs.markdown import markdown_table
from tradematrix_pipelines.levels.daily import LEVELS as DAILY
from tradematrix_pipelines.levels.daily import DailyLevels
from tradematrix_pipelines.levels.pivots import Pivots
from tradematrix_pipelines.markets.partition_key import PartitionKey
from tradematrix_pipelines.markets.symbols import Symbol, price_digits

MOST_ROWS = 20
"""Trade dates in the table of a run: a backfill's newest."""

_PLOTTED = ("y_open", "y_high", "y_low", "y_close", "atr_14")
_PER_DAY = ("pp", "r1", "r2", "r3", "s1", "s2", "s3")
# From the highest to the lowest, as traders read them.
_BY_HEIGHT = ("r5", "r4", "r3", "r2", "r1", "pp", "s1", "s2", "s3", "s4", "s5")


@dataclass(frozen=True, kw_only=True, slots=True)
class PartitionLevels:
    """The levels of one partition.

    Attributes:
        pivots: those of every method, the classic ones first.
        doubtful: whether they come from a session that is not believed.
    """

    symbol: Symbol
    daily: DailyLevels
    pivots: Sequence[Pivots]
    doubtful: bool

    @property
    def trade_date(self) -> date:
        """The session they are for."""
        return self.daily.trade_date

    @property
    def partition_key(self) -> str:
        """The key of the partition."""
        return str(PartitionKey(self.trade_date, self.symbol.name))


def newest_of_each(computed: Collection[PartitionLevels]) -> list[PartitionLevels]:
    """Return the levels of each symbol's newest trade date."""
    newest: dict[str, PartitionLevels] = {}
    for levels in sorted(computed, key=lambda levels: levels.trade_date):
        newest[levels.symbol.name] = levels
    return list(newest.values())


def daily_metadata(levels: PartitionLevels) -> dict[str, object]:
    """Return the metadata of a partition of ``daily_levels``."""
    values = asdict(levels.daily)
    prices = {name: values[name] for name in _PLOTTED if values[name] is not None}
    return _metadata(levels, values) | prices | {"dagster/partition_row_count": 1}


def pivots_metadata(levels: PartitionLevels) -> dict[str, object]:
    """Return the metadata of a partition of ``pivot_points``: every pivot point, method by method."""
    values = {str(row.method): row for row in levels.pivots}
    return _metadata(levels, values) | {
        "pivot": levels.pivots[0].pp,
        "pivots": dg.MetadataValue.md(_methods_table(levels)),
        "dagster/partition_row_count": len(levels.pivots),
    }


def daily_table(computed: Sequence[PartitionLevels]) -> dg.MarkdownMetadataValue:
    """Return what a run computed of one symbol's daily levels, the newest dates first."""
    rows = [[_price(levels, getattr(levels.daily, name)) for name in DAILY] for levels in _newest_first(computed)]
    return _per_date(computed, list(DAILY), rows)


def pivots_table(computed: Sequence[PartitionLevels]) -> dg.MarkdownMetadataValue:
    """Return what a run computed of one symbol's classic pivot points, the newest dates first."""
    rows = [
        [_price(levels, getattr(levels.pivots[0], name)) for name in _PER_DAY] for levels in _newest_first(computed)
    ]
    return _per_date(computed, [name.upper() for name in _PER_DAY], rows)


def _metadata(levels: PartitionLevels, values: Mapping[str, object]) -> dict[str, object]:
    return {
        "from_session": str(levels.daily.y_trade_date),
        "verdict": str(Verdict.DOUBTFUL if levels.doubtful else Verdict.ACCEPTED),
        CONTENT_VERSION: version_of(sorted(values.items())),
    }


def _methods_table(levels: PartitionLevels) -> str:
    by_method = {str(row.method): row.as_dict() for row in levels.pivots}
    defined = [name for name in _BY_HEIGHT if any(prices[name] is not None for prices in by_method.values())]
    rows = [[name.upper(), *(_price(levels, prices[name]) for prices in by_method.values())] for name in defined]
    return markdown_table(["", *by_method], rows)


def _newest_first(computed: Sequence[PartitionLevels]) -> list[PartitionLevels]:
    return sorted(computed, key=lambda levels: levels.trade_date, reverse=True)[:MOST_ROWS]


def _per_date(
    computed: Sequence[PartitionLevels], names: Sequence[str], rows: Sequence[Sequence[str]]
) -> dg.MarkdownMetadataValue:
    shown = _newest_first(computed)
    dates = [f"{levels.trade_date}{' doubtful' * levels.doubtful}" for levels in shown]
    table = markdown_table(["trade date", *names], [[day, *row] for day, row in zip(dates, rows, strict=True)])
    omitted = len(computed) - len(shown)
    more = f"\n\n… and {omitted} earlier trade dates" if omitted else ""
    return dg.MetadataValue.md(f"**{computed[0].symbol.name}**\n\n{table}{more}")


def _price(levels: PartitionLevels, value: float | None) -> str:
    return "" if value is None else f"{value:.{price_digits(levels.symbol.tick_size)}f}"
