"""What an import finds in another database, and the runs in which it is brought over.

Here: which sessions are brought over. Not here: the runs themselves, and how it is printed (``import_from``).
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date

from dagster import AssetKey

from tradematrix_pipelines.automation.runs import Run
from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.defs.backfill import plan_candle_runs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.registry import CANDLES, DAILY_LEVELS, candle_asset
from tradematrix_pipelines.markets.calendars import calendar_of, last_closed
from tradematrix_pipelines.markets.partition_key import PartitionKey
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.moving.sessions import Piece, pieces
from tradematrix_pipelines.moving.stamps import Correction
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.comparing import look_for_shift
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.other_database import OtherDatabase
from tradematrix_pipelines.storage.other_vendor import Looked, look
from tradematrix_pipelines.storage.pairing import Pairs, pair_symbols

_DAYS = 92
"""The longest run: what an interrupted import begins again."""
_SATURDAY = 5

Shown = Mapping[AssetKey, AbstractSet[str]]
"""The partitions that Dagster shows as materialized, by asset."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What is to be brought over.

    Attributes:
        looked: what there is of each series.
        uncorrected: symbols whose stamps are off, without a word on what to do about it.
    """

    pairs: Pairs
    looked: Sequence[Looked]
    corrections: Mapping[str, Correction]

    @property
    def uncorrected(self) -> list[str]:
        off = {row.symbol.name for row in self.looked if row.shift is not None and not row.shift.is_none}
        return sorted(off - self.corrections.keys())


def look_at(
    database: Database, other: OtherDatabase, symbols: Sequence[Symbol], corrections: Mapping[str, Correction]
) -> Source:
    """Return what another database has of these symbols, and by how much its stamps are off."""
    looked: list[Looked] = []
    with OtherDatabase(database.databases.market) as ours:
        mine = {pair.symbol.name: pair for pair in pair_symbols(ours, symbols).pairs}
        pairs = pair_symbols(other, symbols)
        for pair in pairs.pairs:
            name = pair.symbol.name
            shift = look_for_shift(ours, other, mine[name], pair)
            looked += look(other, pair, shift=shift, correction=corrections.get(name, Correction()))
    return Source(pairs=pairs, looked=looked, corrections=corrections)


def plan_import(
    database: Database, settings: Settings, source: Source, *, since: date | None, until: date | None
) -> dict[str, list[Run]]:
    """Return the runs that bring over what is not there yet, by symbol: stored complete, and shown so by Dagster.

    An import that was killed may have stored sessions of which Dagster does not know, and computed no levels from them.
    """
    with open_instance(settings) as instance:
        shown = {key: instance.get_materialized_partitions(key) for key in (*CANDLES, DAILY_LEVELS)}
    planned = {}
    for pair in source.pairs.pairs:
        runs = list(_runs(database, settings, pair.symbol, source.looked, shown, since=since, until=until))
        if runs:
            planned[pair.symbol.name] = runs
    return planned


def _runs(
    database: Database,
    settings: Settings,
    symbol: Symbol,
    looked: Sequence[Looked],
    shown: Shown,
    *,
    since: date | None,
    until: date | None,
) -> Iterator[Run]:
    now, calendar = database.clock.now(), calendar_of(symbol)
    begin = max(since or settings.history_start, settings.history_start)
    end = min(until or date.max, last_closed(calendar, now).trade_date)
    ranges = {
        row.timeframe: (max(row.first, begin), min(row.last, end))
        for row in looked
        if row.symbol.name == symbol.name and row.first is not None and row.last is not None
    }
    there = {name: days for name, days in ranges.items() if days[0] <= days[1]}
    for piece in pieces(there, quotes_all_day=symbol.quotes_all_day, days=_DAYS):
        days = [
            session.trade_date
            for session in calendar.sessions(piece.first, piece.last)
            if settings.weekends or session.trade_date.weekday() < _SATURDAY
        ]
        if days and not _is_there(database, symbol, piece, days, shown):
            yield from plan_candle_runs(symbol, piece.first, piece.last, piece.timeframes, settings=settings, now=now)


def _is_there(database: Database, symbol: Symbol, piece: Piece, days: Sequence[date], shown: Shown) -> bool:
    """Return whether all sessions of a piece are stored complete, and Dagster shows them, and the levels after them."""
    rows = read_coverage(database.engine, [symbol], piece.timeframes, piece.first, piece.last)
    settled = {(row.coverage.timeframe, row.coverage.trade_date) for row in rows if row.coverage.is_settled}
    if any(
        (name, day) not in settled or str(PartitionKey(day, symbol.name)) not in shown[candle_asset(name)]
        for name in piece.timeframes
        for day in days
    ):
        return False
    believed = [
        row.coverage.trade_date
        for row in rows
        if row.coverage.timeframe is Timeframe.D1 and row.coverage.verdict is Verdict.ACCEPTED
    ]
    following = [calendar_of(symbol).next(day).trade_date for day in believed]
    return all(str(PartitionKey(day, symbol.name)) in shown[DAILY_LEVELS] for day in following)
