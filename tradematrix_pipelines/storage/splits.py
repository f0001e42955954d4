"""What a person says of splits: deciding, undoing and listing, each with what follows for stored sessions.

Candles stay as they are; sessions that are doubtful or refused because of a split lose their verdicts, so that
``judging`` makes new ones. Not here: what a split means for prices (``markets.splits``, ``candles.adjusting``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Engine, select, text, update
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.splits import Split
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.quality.findings import Kind
from tradematrix_pipelines.storage.stamps import stamp
from tradematrix_pipelines.storage.tables import market_symbols, splits

REACH = 20
"""Sessions before a split that are judged again, and after it those that the sessions before it are history of."""

# What a change of units looks like. Each is judged from stored candles alone.
_KINDS = [
    str(kind)
    for kind in (
        Kind.SPLIT,
        Kind.SCALE,
        Kind.GAP,
        Kind.NEXT_SESSION,
        Kind.LASTING_CHANGE,
        Kind.GRID,
        Kind.DAY_RANGE,
        Kind.OFFICIAL_DAY,
    )
]
_CONCERNED = text("""
    SELECT c.trade_date, bool_or(c.verdict = 'refused') OR EXISTS (
        SELECT FROM session_findings AS f
        WHERE f.symbol_id = :symbol_id AND f.trade_date = c.trade_date AND f.severity <> 'note'
          AND f.kind <> ALL(:kinds)) AS other
    FROM session_coverage AS c
    WHERE c.symbol_id = :symbol_id AND c.trade_date >= :first AND c.verdict IN ('doubtful', 'refused')
      AND EXISTS (SELECT FROM session_findings AS f
          WHERE f.symbol_id = :symbol_id AND f.trade_date = c.trade_date AND f.severity <> 'note'
            AND f.kind = ANY(:kinds))
    GROUP BY c.trade_date ORDER BY c.trade_date
""")
# Sessions that were accepted with the help of a person or another vendor have findings, and stay accepted.
_ACCEPTED = text("""
    SELECT DISTINCT c.trade_date FROM session_coverage AS c
    WHERE c.symbol_id = :symbol_id AND c.trade_date BETWEEN :first AND :last AND c.verdict = 'accepted'
      AND NOT EXISTS (SELECT FROM session_findings AS f
          WHERE f.symbol_id = :symbol_id AND f.trade_date = c.trade_date AND f.severity <> 'note')
    ORDER BY c.trade_date
""")
_CLEAR = text("""
    UPDATE session_coverage SET verdict = NULL, doubt = NULL
    WHERE symbol_id = :symbol_id AND trade_date = ANY(:days) AND verdict IN ('accepted', 'doubtful')
      AND pruned_at IS NULL
""")
_FETCH_AGAIN = text("""
    UPDATE session_coverage SET attempts = 0
    WHERE symbol_id = :symbol_id AND trade_date = ANY(:days) AND (status <> 'complete' OR verdict = 'doubtful')
      AND pruned_at IS NULL
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredSplit:
    """A decision as it is stored.

    Attributes:
        symbol: name of the symbol.
        ratio: new units for an old one; ``None`` where there was no split.
    """

    symbol: str
    trade_date: date
    ratio: float | None
    reason: str | None
    decided_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What follows from a decision for stored sessions.

    Attributes:
        judged_again: trade dates whose verdicts are cleared, ascending.
        fetched_again: trade dates that healing fetches again, because they are not stored, or doubtful by what only a
            vendor's answer shows, too.
    """

    judged_again: tuple[date, ...]
    fetched_again: tuple[date, ...]


def read_splits(connection: Connection) -> dict[int | None, tuple[Split, ...]]:
    """Return the decisions in force, by the symbol's id; ascending."""
    query = select(splits).where(splits.c.undone_at.is_(None)).order_by(splits.c.trade_date)
    by_symbol: dict[int | None, list[Split]] = {}
    for row in connection.execute(query):
        by_symbol.setdefault(row.symbol_id, []).append(Split(trade_date=row.trade_date, ratio=row.ratio))
    return {symbol_id: tuple(decided) for symbol_id, decided in by_symbol.items()}


def decide(
    engine: Engine, symbol: Symbol, split: Split, *, first: date, last: date, reason: str | None, now: datetime
) -> Effect:
    """Store what a person says of a trade date, in place of what was said before, and clear what it changes.

    Args:
        first: trade date from which on doubtful and refused sessions are judged again, 20 sessions before the split.
        last: trade date up to which accepted sessions are, where another ratio was in force before.
    """
    values = {"ratio": split.ratio, "reason": reason, "decided_at": now, "undone_at": None}
    with engine.begin() as connection:
        stamp(connection, now)
        before = _ratio_in_force(connection, symbol, split.trade_date)
        statement = insert(splits).values(symbol_id=symbol.id, trade_date=split.trade_date, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["symbol_id", "trade_date"], set_=values))
        changed = before is not None and before != split.ratio
        return _judge_again(connection, symbol, first, last if changed else None)


def undo(engine: Engine, symbol: Symbol, trade_date: date, *, first: date, last: date, now: datetime) -> Effect:
    """End what a person has said of a trade date; ``first`` and ``last`` as in :func:`decide`.

    Raises:
        UsageError: nothing is said of this trade date.
    """
    in_force = (splits.c.symbol_id == symbol.id) & (splits.c.trade_date == trade_date) & splits.c.undone_at.is_(None)
    with engine.begin() as connection:
        stamp(connection, now)
        ended = connection.execute(
            update(splits).where(in_force).values(undone_at=now).returning(splits.c.ratio)
        ).one_or_none()
        if ended is None:
            raise UsageError(
                f"nothing is decided of {symbol.name} {trade_date}: see `tradematrix split {symbol.name} --list`"
            )
        return _judge_again(connection, symbol, first, None if ended.ratio is None else last)


def list_splits(engine: Engine, symbols: Sequence[Symbol]) -> list[StoredSplit]:
    """Return the decisions in force on these symbols, by symbol and trade date."""
    query = (
        select(market_symbols.c.symbol, splits.c.trade_date, splits.c.ratio, splits.c.reason, splits.c.decided_at)
        .join_from(splits, market_symbols)
        .where(splits.c.undone_at.is_(None), splits.c.symbol_id.in_([symbol.id for symbol in symbols]))
        .order_by(market_symbols.c.symbol, splits.c.trade_date)
    )
    with engine.connect() as connection:
        return [StoredSplit(**row) for row in connection.execute(query).mappings()]


def _ratio_in_force(connection: Connection, symbol: Symbol, trade_date: date) -> float | None:
    query = select(splits.c.ratio).where(
        splits.c.symbol_id == symbol.id, splits.c.trade_date == trade_date, splits.c.undone_at.is_(None)
    )
    ratio: float | None = connection.execute(query).scalar_one_or_none()
    return ratio


def _judge_again(connection: Connection, symbol: Symbol, first: date, accepted_until: date | None) -> Effect:
    terms = {"symbol_id": symbol.id, "first": first}
    concerned = connection.execute(_CONCERNED, {**terms, "kinds": _KINDS}).all()
    judged = {row.trade_date for row in concerned if not row.other}
    if accepted_until is not None:
        judged |= set(connection.execute(_ACCEPTED, {**terms, "last": accepted_until}).scalars())
    fetched = [row.trade_date for row in concerned if row.other]
    connection.execute(_CLEAR, {"symbol_id": symbol.id, "days": sorted(judged)})
    connection.execute(_FETCH_AGAIN, {"symbol_id": symbol.id, "days": fetched})
    return Effect(judged_again=tuple(sorted(judged)), fetched_again=tuple(fetched))
