"""Reading and writing coverage rows: what is known of each session of each series."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Row, case, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.candles.coverage import (
    Coverage,
    Status,
    StoredCoverage,
    Verdict,
    kept_beside,
    supersedes,
)
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.past import coverage_at
from tradematrix_pipelines.storage.tables import market_symbols, session_coverage

if TYPE_CHECKING:  # frames take long to import, and most commands show none
    from tradematrix_pipelines.ingest.batch import SeriesBatch

_OBSERVED = ("status", "final", "expected", "received", "rejected", "outside", "longest_gap", "source")
_KEY = ("symbol_id", "timeframe", "trade_date")
_LONGEST_WAIT = timedelta(days=1)


def settle_coverage(connection: Connection, batch: "SeriesBatch") -> "SeriesBatch":
    """Return ``batch`` without the sessions that don't supersede the stored ones (``candles.coverage.supersedes``).

    Their coverage becomes the stored one, with the reason why the attempt brought nothing better. The caller holds the
    lock of the series, so that what is read here is still current when the batch is written.
    """
    stored = _read_stored(connection, batch)
    kept = {
        answer.trade_date: kept_beside(row, answer)
        for answer in batch.coverage
        if (row := stored.get(answer.trade_date)) is not None and not _replaces(answer, row, whole=batch.whole)
    }
    if not kept:
        return batch
    replacing = batch.only([answer for answer in batch.coverage if answer.trade_date not in kept])
    return replace(
        replacing,
        rejected=batch.rejected,
        released=batch.released if replacing.coverage else frozenset(),
        coverage=tuple(kept.get(answer.trade_date, answer) for answer in batch.coverage),
    )


def _replaces(answer: Coverage, stored: Coverage, *, whole: bool) -> bool:
    return supersedes(answer, stored) if whole else bool(answer.received or not stored.received)


def _read_stored(connection: Connection, batch: "SeriesBatch") -> dict[date, Coverage]:
    if not batch.coverage:
        return {}
    table, days = session_coverage, [answer.trade_date for answer in batch.coverage]
    query = select(table).where(
        table.c.symbol_id == batch.symbol.id,
        table.c.timeframe == str(batch.timeframe),
        table.c.trade_date.in_(days),
    )
    return {row.trade_date: _coverage(row) for row in connection.execute(query)}


def write_coverage(connection: Connection, batch: "SeriesBatch", *, now: datetime) -> None:
    """Insert or update the coverage of ``batch``'s sessions, settled (:func:`settle_coverage`)."""
    if not batch.coverage:
        return
    rows = [
        {
            "symbol_id": batch.symbol.id,
            "timeframe": str(coverage.timeframe),
            "trade_date": coverage.trade_date,
            **{name: getattr(coverage, name) for name in _OBSERVED},
            "opens_at": coverage.opens_at,
            "closes_at": coverage.closes_at,
            "attempts": 1,
            "last_error": coverage.error,
            "retry_at": coverage.retry_at,
            "transient": coverage.transient,
            "checked_at": now,
            "verdict": None if coverage.verdict is None else str(coverage.verdict),
            "doubt": coverage.doubt,
            "pruned_at": coverage.pruned_at,
        }
        for coverage in batch.coverage
    ]
    statement, doubtful = insert(session_coverage), str(Verdict.DOUBTFUL)
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(_KEY),
            set_={
                **{name: new[name] for name in _OBSERVED},
                "opens_at": new.opens_at,
                "closes_at": new.closes_at,
                # Counted from the close on: pulls of an open session are no attempts to complete it. And from the first
                # doubt on: what it took to complete the session is no second look at it.
                "attempts": case(
                    (new.final & ~session_coverage.c.final, 1),
                    ((new.verdict == doubtful) & session_coverage.c.verdict.is_distinct_from(doubtful), 1),
                    else_=session_coverage.c.attempts + 1,
                ),
                "last_error": new.last_error,
                "retry_at": new.retry_at,
                "transient": new.transient,
                "checked_at": new.checked_at,
                "verdict": new.verdict,
                "doubt": new.doubt,
                "pruned_at": new.pruned_at,
            },
        ),
        rows,
    )


def write_verdicts(connection: Connection, batch: "SeriesBatch") -> None:
    """Store the verdicts of ``batch``'s sessions where they have none, and change nothing else."""
    table = session_coverage
    for row in batch.coverage:
        if row.verdict is not None:
            connection.execute(
                update(table)
                .where(
                    table.c.symbol_id == batch.symbol.id,
                    table.c.timeframe == str(batch.timeframe),
                    table.c.trade_date == row.trade_date,
                    table.c.received == row.received,
                    table.c.verdict.is_(None),
                )
                .values(verdict=str(row.verdict), doubt=row.doubt)
            )


def read_coverage(
    engine: Engine,
    symbols: Sequence[Symbol],
    timeframes: Sequence[Timeframe],
    first: date,
    last: date,
    *,
    as_of: datetime | None = None,
) -> list[StoredCoverage]:
    """Return the coverage rows of these series between two trade dates, both included, by symbol, timeframe, date.

    Args:
        as_of: return what was stored at this instant, aware (``past.coverage_at``); ``None`` = now.
    """
    table = session_coverage if as_of is None else coverage_at(as_of)
    query = (
        select(market_symbols.c.symbol, table)
        .join_from(table, market_symbols, table.c.symbol_id == market_symbols.c.id)
        .where(
            table.c.symbol_id.in_([symbol.id for symbol in symbols]),
            table.c.timeframe.in_([str(timeframe) for timeframe in timeframes]),
            table.c.trade_date.between(first, last),
        )
        .order_by(market_symbols.c.symbol, table.c.timeframe, table.c.trade_date)
    )
    with engine.connect() as connection:
        return [_stored(row) for row in connection.execute(query)]


def may_be_open(engine: Engine, symbols: Sequence[Symbol], *, since: date, now: datetime) -> list[Symbol]:
    """Return those of ``symbols`` of which a session from ``since`` on may have to be fetched again or looked at.

    These are symbols with a closed session that is not settled, an incomplete or a doubtful one; and those with a gap
    tolerance, whose sparse sessions show beside their others only.
    """
    table = session_coverage
    query = (
        select(table.c.symbol_id)
        .distinct()
        .where(
            table.c.symbol_id.in_([symbol.id for symbol in symbols]),
            table.c.trade_date >= since,
            table.c.pruned_at.is_(None),
            table.c.status.not_in([str(Status.COMPLETE), str(Status.CLOSED)])
            | (~table.c.final & (table.c.closes_at <= now))
            | (table.c.verdict == str(Verdict.DOUBTFUL)),
        )
    )
    with engine.connect() as connection:
        known = set(connection.scalars(query))
    return [symbol for symbol in symbols if symbol.id in known or symbol.gap_tolerance is not None]


def read_unjudged(engine: Engine, symbol: Symbol, first: date, last: date) -> list[Coverage]:
    """Return the complete, final sessions without a verdict between two trade dates, both included, by trade date.

    Those that were pruned are left out: nothing is left to judge them by.
    """
    table = session_coverage
    query = (
        select(table)
        .where(
            table.c.symbol_id == symbol.id,
            table.c.trade_date.between(first, last),
            table.c.status == str(Status.COMPLETE),
            table.c.final,
            table.c.received > 0,
            table.c.verdict.is_(None),
            table.c.pruned_at.is_(None),
        )
        .order_by(table.c.trade_date, table.c.timeframe)
    )
    with engine.connect() as connection:
        return [_coverage(row) for row in connection.execute(query)]


def read_due_again(engine: Engine, *, since: date, now: datetime) -> list[StoredCoverage]:
    """Return what failed for a reason that has passed at ``now``, of active symbols, by symbol, timeframe, date.

    These are the closed sessions that waited for the day's credits, and whose reset has come. A reset further away than
    is possible was set by a clock that has been set back since: these sessions are returned too.

    Args:
        since: first trade date of the partitions.
    """
    table = session_coverage
    query = (
        select(market_symbols.c.symbol, table)
        .join_from(table, market_symbols)
        .where(
            (table.c.retry_at <= now) | (table.c.retry_at > now + _LONGEST_WAIT),
            table.c.closes_at <= now,
            table.c.trade_date >= since,
            table.c.pruned_at.is_(None),
            market_symbols.c.active,
        )
        .order_by(market_symbols.c.symbol, table.c.timeframe, table.c.trade_date)
    )
    with engine.connect() as connection:
        return [_stored(row) for row in connection.execute(query)]


def count_incomplete(
    engine: Engine,
    names: Sequence[str],
    timeframes: Sequence[Timeframe],
    first: date,
    last: date,
    *,
    now: datetime,
    apart_from: Sequence[tuple[str, date]] = (),
) -> tuple[int, StoredCoverage | None]:
    """Return how many sessions of these series are known between two dates, and the first that is incomplete.

    A session is incomplete that has closed by ``now`` and is not settled (``Coverage.is_settled``).

    Args:
        apart_from: symbols and trade dates that don't count as incomplete.
    """
    table = session_coverage
    among = (
        market_symbols.c.symbol.in_(names)
        & table.c.timeframe.in_([str(timeframe) for timeframe in timeframes])
        & table.c.trade_date.between(first, last)
    )
    complete = (table.c.status.in_([str(Status.COMPLETE), str(Status.CLOSED)]) & table.c.final) | (
        table.c.pruned_at.is_not(None)
    )
    count = select(func.count()).select_from(table.join(market_symbols)).where(among)
    incomplete = (
        select(market_symbols.c.symbol, table)
        .join_from(table, market_symbols)
        .where(
            among,
            table.c.closes_at <= now,
            ~complete,
            tuple_(market_symbols.c.symbol, table.c.trade_date).not_in(apart_from),
        )
        .order_by(table.c.trade_date, market_symbols.c.id, table.c.timeframe)
        .limit(1)
    )
    with engine.connect() as connection:
        row = connection.execute(incomplete).one_or_none()
        return connection.execute(count).scalar_one(), None if row is None else _stored(row)


def _coverage(row: Row[Any]) -> Coverage:
    return Coverage(
        timeframe=Timeframe(row.timeframe),
        trade_date=row.trade_date,
        **{name: getattr(row, name) for name in _OBSERVED if name != "status"},
        status=Status(row.status),
        error=row.last_error,
        retry_at=row.retry_at,
        transient=row.transient,
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        verdict=None if row.verdict is None else Verdict(row.verdict),
        doubt=row.doubt,
        pruned_at=row.pruned_at,
    )


def stored_sources(engine: Engine) -> set[str]:
    """Return the vendors that candles in this database came from."""
    query = select(session_coverage.c.source).where(session_coverage.c.received > 0).distinct()
    with engine.connect() as connection:
        return {str(source) for source in connection.execute(query).scalars() if source is not None}


def a_stored_source(engine: Engine) -> str | None:
    """Return a vendor that candles in this database came from: real and simulated ones never share it, so any tells."""
    query = select(session_coverage.c.source).where(
        session_coverage.c.received > 0, session_coverage.c.source.is_not(None)
    )
    with engine.connect() as connection:
        source: str | None = connection.execute(query.limit(1)).scalar_one_or_none()
    return source


def first_known_date(engine: Engine, symbol: Symbol, timeframes: Sequence[Timeframe]) -> date | None:
    """Return the first trade date of which anything is known in these series; ``None`` where there is none."""
    table = session_coverage
    query = select(func.min(table.c.trade_date)).where(
        table.c.symbol_id == symbol.id, table.c.timeframe.in_([str(timeframe) for timeframe in timeframes])
    )
    with engine.connect() as connection:
        first: date | None = connection.execute(query).scalar_one()
    return first


def count_checked(engine: Engine, symbols: Sequence[Symbol], *, since: datetime) -> int:
    """Return how many sessions of ``symbols``, over all timeframes, were checked at or after ``since``."""
    query = (
        select(func.count())
        .select_from(session_coverage)
        .where(
            session_coverage.c.symbol_id.in_([symbol.id for symbol in symbols]),
            session_coverage.c.checked_at >= since,
        )
    )
    with engine.connect() as connection:
        return connection.execute(query).scalar_one()


def _stored(row: Row[Any]) -> StoredCoverage:
    return StoredCoverage(
        symbol=row.symbol,
        coverage=_coverage(row),
        attempts=row.attempts,
        checked_at=row.checked_at,
    )
