"""The rows of ``run_requests``: what a run was requested for, and when.

They represent runs that Dagster's daemon has not created yet: it creates them one by one after the tick that requested
them, while others tick. Not here: which may be requested (``automation.requests``), and what runs (``defs.requests``).
"""

from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, delete, select, text
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.automation.requests import Target, choose_targets
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.tables import market_symbols, run_requests

# Claims are serialized: two at the same instant would both see nothing requested.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('run_requests', 20261120))")


def claim_requests(
    engine: Engine,
    symbols: Sequence[Symbol],
    wanted: Mapping[Target, datetime | None],
    *,
    under_way: Container[Target],
    now: datetime,
) -> set[Target]:
    """Return which of ``wanted`` the caller is to request now, and record them as requested (``choose_targets``).

    Args:
        symbols: the symbols of ``wanted``.
    """
    if not wanted:
        return set()
    ids = {symbol.name: symbol.id for symbol in symbols}
    with engine.begin() as connection:
        connection.execute(_LOCK)
        chosen = choose_targets(wanted, requested=_requested(connection, symbols, wanted), under_way=under_way, now=now)
        if chosen:
            statement = insert(run_requests)
            rows = [
                {"symbol_id": ids[target.symbol], "asset": target.asset, "trade_date": target.trade_date}
                for target in sorted(chosen)
            ]
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["symbol_id", "trade_date", "asset"],
                    set_={"requested_at": statement.excluded.requested_at},
                ),
                [{**row, "requested_at": now} for row in rows],
            )
    return chosen


def prune_requests(engine: Engine, *, before: datetime) -> int:
    """Delete the rows last requested before an instant (aware); return how many."""
    with engine.begin() as connection:
        return connection.execute(delete(run_requests).where(run_requests.c.requested_at < before)).rowcount


def _requested(
    connection: Connection, symbols: Sequence[Symbol], wanted: Mapping[Target, datetime | None]
) -> dict[Target, datetime]:
    dates = [target.trade_date for target in wanted]
    query = (
        select(market_symbols.c.symbol, run_requests)
        .join_from(run_requests, market_symbols)
        .where(
            run_requests.c.symbol_id.in_([symbol.id for symbol in symbols]),
            run_requests.c.trade_date.between(min(dates), max(dates)),
        )
    )
    return {
        Target(row.symbol, row.trade_date, row.asset): row.requested_at.astimezone(UTC)
        for row in connection.execute(query)
    }
