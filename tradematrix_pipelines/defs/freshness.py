"""How fresh each asset is: the rule of ``markets.freshness`` applied to what is stored.

Here: the judgement, for a check's run, a sensor or a command. Not here: when a series is late
(``automation.lateness``), or reporting it to Dagster (``checks``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tradematrix_pipelines.automation.beginnings import judged
from tradematrix_pipelines.automation.lateness import why_late
from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.defs.registry import CANDLES, LEVELS
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.freshness import Due, due
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.freshness import newest_bars
from tradematrix_pipelines.storage.levels import read_levels
from tradematrix_pipelines.storage.symbols import read_beginnings


@dataclass(frozen=True, kw_only=True, slots=True)
class Late:
    """A symbol of an asset that is not as fresh as it should be, and why, in one line."""

    symbol: str
    reason: str


def judge_freshness(database: Database, symbols: Sequence[Symbol], *, now: datetime) -> dict[str, list[Late]]:
    """Return the late symbols of each stored asset, by the asset's name; a fresh asset has none.

    Candles of a running session: the newest bar. Candles of closed markets, and daily bars always: the last session
    whose grace period is over must be complete and final. Levels: those for the session after that one must be stored.
    A new symbol is not late before its first fetch was due.
    """
    began = read_beginnings(database.engine, symbols, now=now)
    symbols = [symbol for symbol in symbols if judged(symbol.name, began, now)]
    dues = {symbol.name: due(calendar_of(symbol), now) for symbol in symbols}
    newest = newest_bars(database.engine, symbols, INTRADAY, now=now)
    covered = _covered(database, symbols, dues)
    late = {
        asset.to_user_string(): _late(
            {
                symbol.name: why_late(
                    symbol,
                    timeframe,
                    dues[symbol.name],
                    newest=newest.get((symbol.name, timeframe)),
                    finished=covered.get((symbol.name, timeframe, dues[symbol.name].finished.trade_date)),
                    now=now,
                )
                for symbol in symbols
            }
        )
        for asset, timeframe in CANDLES.items()
    }
    return late | _levels(database, symbols, dues)


def _levels(database: Database, symbols: Sequence[Symbol], dues: Mapping[str, Due]) -> dict[str, list[Late]]:
    coming = {
        symbol.name: calendar_of(symbol).next(dues[symbol.name].finished.trade_date).trade_date for symbol in symbols
    }
    first, last = min(coming.values(), default=date.min), max(coming.values(), default=date.min)
    late: dict[str, list[Late]] = {}
    for asset, table in LEVELS.items():
        rows = read_levels(database.engine, table, symbols, first, last)
        stored = set(zip(rows["symbol"], rows["trade_date"], strict=True))
        late[asset.to_user_string()] = _late(
            {name: None if (name, day) in stored else f"no levels for session {day}" for name, day in coming.items()}
        )
    return late


def _covered(
    database: Database, symbols: Sequence[Symbol], dues: Mapping[str, Due]
) -> dict[tuple[str, Timeframe, date], StoredCoverage]:
    dates = [symbol_due.finished.trade_date for symbol_due in dues.values()]
    first, last = min(dates, default=date.min), max(dates, default=date.min)
    return {
        (row.symbol, row.coverage.timeframe, row.coverage.trade_date): row
        for row in read_coverage(database.engine, symbols, list(Timeframe), first, last)
    }


def _late(reasons: Mapping[str, str | None]) -> list[Late]:
    return [Late(symbol=name, reason=reason) for name, reason in reasons.items() if reason is not None]
