"""Deleting candles that are old. What was known of their sessions stays, so that nothing fetches them again.

Here: which sessions are pruned, a month of a series at once, and what is not pruned at all. Not here: what a pruned
session means to whoever reads it (``candles.coverage``, ``reader.sessions``), or who prunes when (``defs.pruning``,
``cli.prune``).

A month is one transaction: killed at any point, the next call goes on with the months that are left.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from tradematrix_pipelines.automation.backlog import LOOKBACK
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.book_inputs import HISTORY
from tradematrix_pipelines.storage.candles import stamp_and_lock

SHORTEST_DAYS = HISTORY + LOOKBACK
"""How long daily candles are kept at least: levels of the last month, which may be computed again, look so far back."""

SHORTEST_INTRADAY = LOOKBACK + timedelta(days=10)
"""The same of the other timeframes: sessions of the last month are made good, and levels look at the one before."""

# A candle apart from its source: header, values, its entry in the page; and its key in the index, with the same.
_ROW_BYTES = 24 + 68 + 4 + 28

_MONTHS = text("""
    SELECT symbol_id, date_trunc('month', trade_date)::date AS month, count(*) AS sessions,
        min(trade_date) AS first, max(trade_date) AS last
    FROM session_coverage
    WHERE symbol_id = ANY(:symbol_ids) AND timeframe = CAST(:timeframe AS ohlc_timeframe) AND trade_date < :before
        AND final AND received > 0 AND pruned_at IS NULL AND opens_at IS NOT NULL
    GROUP BY 1, 2 ORDER BY 1, 2
""")
_OF_MONTH = """
    symbol_id = :symbol_id AND timeframe = CAST(:timeframe AS ohlc_timeframe) AND trade_date BETWEEN :first AND :last
    AND final AND received > 0 AND pruned_at IS NULL AND opens_at IS NOT NULL
"""
_SESSIONS = text(f"SELECT trade_date, opens_at, closes_at FROM session_coverage WHERE {_OF_MONTH}")  # noqa: S608 - a constant
_MARK = text(f"""
    UPDATE session_coverage SET pruned_at = :now WHERE {_OF_MONTH} RETURNING trade_date, opens_at, closes_at
""")  # noqa: S608 - a constant
# Of the earlier versions no candle is left either.
_MARK_VERSIONS = text("""
    UPDATE session_coverage_history
    SET coverage = coverage || jsonb_build_object('pruned_at', CAST(:now AS timestamptz))
    WHERE symbol_id = :symbol_id AND timeframe = CAST(:timeframe AS ohlc_timeframe) AND trade_date = ANY(:days)
""")
# One range of the key a session.
_OF_SESSIONS = """
    unnest(CAST(:opens AS timestamptz[]), CAST(:closes AS timestamptz[])) AS session (opens_at, closes_at)
    WHERE rows.symbol_id = :symbol_id AND rows.timeframe = CAST(:timeframe AS ohlc_timeframe)
        AND rows.ts >= session.opens_at AND rows.ts < session.closes_at
"""
_COUNT = f"""
    SELECT count(*), coalesce(sum(octet_length(rows.source)), 0) FROM {{table}} AS rows, {_OF_SESSIONS}
"""  # noqa: S608 - constants
_DELETE = f"""
    WITH deleted AS (
        DELETE FROM {{table}} AS rows USING {_OF_SESSIONS} RETURNING octet_length(rows.source) AS source
    )
    SELECT count(*), coalesce(sum(source), 0) FROM deleted
"""  # noqa: S608 - constants
_TABLES = ("ohlc", "ohlc_revisions")


@dataclass(frozen=True, kw_only=True, slots=True)
class MonthToPrune:
    """The sessions of a month of one series that are to be pruned, from the first to the last trade date."""

    symbol: Symbol
    timeframe: Timeframe
    first: date
    last: date
    sessions: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """What was deleted, or would be.

    Attributes:
        candles: rows of ``ohlc``.
        revisions: their earlier values, rows of ``ohlc_revisions``.
        bytes: of both tables, about, their keys included.
    """

    sessions: int = 0
    candles: int = 0
    revisions: int = 0
    bytes: int = 0

    def __add__(self, other: "Pruned") -> "Pruned":
        return Pruned(
            sessions=self.sessions + other.sessions,
            candles=self.candles + other.candles,
            revisions=self.revisions + other.revisions,
            bytes=self.bytes + other.bytes,
        )


def check_kept(timeframe: Timeframe, kept: timedelta) -> None:
    """Check that candles of a timeframe are not needed any more when they are this old.

    Raises:
        UsageError: they may be.
    """
    shortest = SHORTEST_DAYS if timeframe is Timeframe.D1 else SHORTEST_INTRADAY
    if kept < shortest:
        why = (
            "levels look back to the first session of the year and to Wilder's average"
            if timeframe is Timeframe.D1
            else "sessions of the last month are made good, and levels computed from them again"
        )
        raise UsageError(
            f"{timeframe} candles are needed for {shortest.days} days ({why}): keep them for {shortest.days}d at "
            f"least, not {kept.days}d"
        )


def months_to_prune(
    engine: Engine, symbols: Sequence[Symbol], kept: Mapping[Timeframe, timedelta], *, today: date
) -> list[MonthToPrune]:
    """Return what is older than it is to be kept, by timeframe, symbol and month.

    Sessions that are not final stay, and so do candles that lie in no session that is stored.

    Args:
        kept: how many days before ``today`` sessions of a timeframe are kept.

    Raises:
        UsageError: candles that are needed would be among them.
    """
    by_id = {symbol.id: symbol for symbol in symbols}
    months = []
    with engine.connect() as connection:
        for timeframe, age in kept.items():
            check_kept(timeframe, age)
            terms = {"symbol_ids": list(by_id), "timeframe": str(timeframe), "before": today - age}
            months += [
                MonthToPrune(
                    symbol=by_id[row.symbol_id],
                    timeframe=timeframe,
                    first=row.first,
                    last=row.last,
                    sessions=row.sessions,
                )
                for row in connection.execute(_MONTHS, terms)
            ]
    return months


def count_month(engine: Engine, month: MonthToPrune) -> Pruned:
    """Return what pruning a month would delete."""
    with engine.connect() as connection:
        return _carry_out(connection, month, connection.execute(_SESSIONS, _terms(month)).all(), _COUNT)


def prune_month(engine: Engine, month: MonthToPrune, *, now: datetime) -> Pruned:
    """Delete the candles of a month's sessions and their revisions in one transaction; return what is gone.

    Args:
        now: the sessions' ``pruned_at``, aware, UTC.
    """
    with engine.begin() as connection:
        stamp_and_lock(connection, [(month.symbol, month.timeframe)], now=now)
        sessions = connection.execute(_MARK, _terms(month) | {"now": now}).all()
        days = [row.trade_date for row in sessions]
        connection.execute(_MARK_VERSIONS, _terms(month) | {"now": now, "days": days})
        return _carry_out(connection, month, sessions, _DELETE)


def free_space(engine: Engine) -> None:
    """Let new rows use the space of those that were deleted; the files keep their size."""
    with engine.connect() as connection:
        automatic = connection.execution_options(isolation_level="AUTOCOMMIT")
        automatic.execute(text(f"VACUUM (ANALYZE) {', '.join(_TABLES)}"))


def _carry_out(connection: Connection, month: MonthToPrune, sessions: Iterable[Any], statement: str) -> Pruned:
    rows = list(sessions)
    bounds = {"opens": [row.opens_at for row in rows], "closes": [row.closes_at for row in rows]}
    (candles, text_of_candles), (revisions, text_of_revisions) = (
        connection.execute(text(statement.format(table=table)), _terms(month) | bounds).one() for table in _TABLES
    )
    size = (candles + revisions) * _ROW_BYTES + text_of_candles + text_of_revisions
    return Pruned(sessions=len(rows), candles=candles, revisions=revisions, bytes=size)


def _terms(month: MonthToPrune) -> dict[str, Any]:
    return {
        "symbol_id": month.symbol.id,
        "timeframe": str(month.timeframe),
        "first": month.first,
        "last": month.last,
    }
