"""The rows of ``current_prices``: the current price of each symbol, from its newest stored minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Engine, select, text

from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.tables import current_prices, market_symbols

# Read and written in one statement: of two concurrent pulls, the one with the newer minute wins.
_UPDATE = text("""
    INSERT INTO current_prices AS stored
        (symbol_id, trade_date, price, change, change_percent, session_high, session_low, at, source, updated_at)
    SELECT :symbol_id, :trade_date, newest.close, newest.close - levels.y_close,
           100 * (newest.close - levels.y_close) / levels.y_close, session.high, session.low,
           newest.ts + interval '1 minute', newest.source, :now
    FROM (SELECT max(ts) AS ts, max(high) AS high, min(low) AS low FROM ohlc
          WHERE symbol_id = :symbol_id AND timeframe = '1m' AND ts >= :opens_at AND ts < :closes_at
            AND ts <= CAST(:now AS timestamptz) - interval '1 minute'
            AND NOT ts = ANY (CAST(:waiting AS timestamptz[]))) AS session
    JOIN ohlc AS newest ON newest.symbol_id = :symbol_id AND newest.timeframe = '1m' AND newest.ts = session.ts
    LEFT JOIN levels_daily AS levels ON levels.trade_date = :trade_date AND levels.symbol_id = :symbol_id
    ON CONFLICT (symbol_id) DO UPDATE SET
        trade_date = excluded.trade_date, price = excluded.price, change = excluded.change,
        change_percent = excluded.change_percent, session_high = excluded.session_high,
        session_low = excluded.session_low, at = excluded.at, source = excluded.source,
        updated_at = excluded.updated_at
    WHERE excluded.at >= stored.at
""")


# Without live pulls no current price is kept: then the newest minute of what was backfilled counts.
_LAST = text("""
    SELECT s.symbol, coalesce(p.price, newest.close) AS price, coalesce(p.at, newest.ts + interval '1 minute') AS at
    FROM market_symbols AS s
    LEFT JOIN LATERAL (SELECT close, ts FROM ohlc WHERE symbol_id = s.id AND timeframe = '1m'
                       ORDER BY ts DESC LIMIT 1) AS newest ON true
    LEFT JOIN current_prices AS p ON p.symbol_id = s.id AND (newest.ts IS NULL OR p.at > newest.ts)
    WHERE s.id = ANY(:symbol_ids) AND coalesce(p.at, newest.ts) IS NOT NULL
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class LastPrice:
    """The newest price that is known of a symbol, in price units; ``at`` is when its minute closed, aware, UTC."""

    price: float
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class CurrentPrice:
    """A row of ``current_prices``; prices in price units, instants aware, UTC.

    Attributes:
        trade_date: the session that the price is of.
        price: close of the newest stored minute.
        change: price - yesterday's close; ``None`` without levels for the session.
        change_percent: the same, in percent of yesterday's close.
        session_high: highest price of the session's stored minutes.
        session_low: lowest price of them.
        at: when the newest minute closed.
        source: the vendor that it came from.
        updated_at: when the row was last written.
    """

    symbol: str
    trade_date: date
    price: float
    change: float | None
    change_percent: float | None
    session_high: float
    session_low: float
    at: datetime
    source: str
    updated_at: datetime


def update_current_price(
    engine: Engine, symbol: Symbol, session: Session, *, now: datetime, waiting: Sequence[datetime] = ()
) -> bool:
    """Make the newest stored minute of ``session`` that had closed at ``now`` the symbol's current price.

    Minutes whose opens are in ``waiting`` do not count. Return whether the row was written: it is not where the session
    has no minute, or the stored price is newer.
    """
    with engine.begin() as connection:
        written = connection.execute(
            _UPDATE,
            {
                "symbol_id": symbol.id,
                "trade_date": session.trade_date,
                "opens_at": session.opens_at,
                "closes_at": session.closes_at,
                "now": now,
                "waiting": list(waiting),
            },
        ).rowcount
    return written > 0


def read_current_prices(engine: Engine, symbols: Sequence[Symbol]) -> list[CurrentPrice]:
    """Return the current prices of ``symbols``, in their order; one without a stored live minute has none."""
    table = current_prices
    query = (
        select(market_symbols.c.symbol, *(column for column in table.columns if column.name != "symbol_id"))
        .join_from(table, market_symbols)
        .where(table.c.symbol_id.in_([symbol.id for symbol in symbols]))
    )
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    # The driver returns instants in the server's zone.
    utc = [row | {name: row[name].astimezone(UTC) for name in ("at", "updated_at")} for row in rows]
    prices = {row["symbol"]: CurrentPrice(**row) for row in utc}
    return [prices[symbol.name] for symbol in symbols if symbol.name in prices]


def read_last_prices(engine: Engine, symbols: Sequence[Symbol]) -> dict[str, LastPrice]:
    """Return each symbol's newest price, by name: the current one, else the close of the newest stored minute."""
    with engine.connect() as connection:
        rows = connection.execute(_LAST, {"symbol_ids": [symbol.id for symbol in symbols]})
        return {row.symbol: LastPrice(price=row.price, at=row.at.astimezone(UTC)) for row in rows}
