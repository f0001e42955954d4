"""The old system's database as it was: uuid ids, numeric prices, Berlin's clock stamped as UTC, levels under their day.

Its prices are those of the simulator, so that what is brought over can be compared with what is fetched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date
from decimal import Decimal
from math import isnan
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import make_url

from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.postgres.embedded import ServerLease
from tradematrix_pipelines.simulator.bars import aggregate
from tradematrix_pipelines.simulator.instruments import CATALOGUE
from tradematrix_pipelines.simulator.prices import SyntheticPrices

BERLIN = ZoneInfo("Europe/Berlin")
FIRST, LAST = date(2026, 11, 16), date(2026, 11, 20)
_LISTED = {"DAX": "GDAXI"}
_LABELS = {Timeframe.M1: "1min", Timeframe.D1: "1day"}
TABLES = """
CREATE TABLE market_symbols (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), vendor text NOT NULL, symbol text NOT NULL, alias text,
    tick_size numeric, timezone text, active boolean DEFAULT true, created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(), UNIQUE (vendor, symbol));
CREATE TABLE ohlc (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), ts timestamptz NOT NULL,
    symbol_id uuid NOT NULL REFERENCES market_symbols (id), timeframe text NOT NULL, open numeric NOT NULL,
    high numeric NOT NULL, low numeric NOT NULL, close numeric NOT NULL, volume bigint DEFAULT 0,
    created_at timestamptz DEFAULT now(), UNIQUE (symbol_id, timeframe, ts));
CREATE TABLE levels_daily (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), trade_date date NOT NULL,
    symbol_id uuid NOT NULL REFERENCES market_symbols (id), pivot numeric, r1 numeric, r2 numeric, s1 numeric,
    s2 numeric, y_high numeric, y_low numeric, y_close numeric, created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(), UNIQUE (trade_date, symbol_id));
"""


@dataclass(frozen=True)
class OldSystem:
    """A database of the old system.

    Attributes:
        url: without a driver.
        ids: of its symbols, by name.
    """

    url: str
    ids: dict[str, str] = field(default_factory=dict)

    def execute(self, statement: str, *terms: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), terms or None)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def fill(self, symbols: Sequence[str], *, clock: ZoneInfo | None = BERLIN) -> "OldSystem":
        """Store five days of these symbols, their minutes by the clock on the wall, as if it showed UTC."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for symbol in symbols:
                [[self.ids[symbol]]] = connection.execute(
                    "INSERT INTO market_symbols (vendor, symbol) VALUES ('twelve_data', %s) RETURNING id::text",
                    [symbol],
                ).fetchall()
                self._fill(connection, symbol, clock)
        return self

    def _fill(self, connection: "psycopg.Connection[tuple[Any, ...]]", symbol: str, clock: ZoneInfo | None) -> None:
        [listed] = [one for one in CATALOGUE if one.symbol == _LISTED.get(symbol, symbol)]
        sessions = get_calendar(listed.calendar).sessions(FIRST, LAST)
        minutes = SyntheticPrices().minutes(listed, sessions, sessions[-1].closes_at)
        with connection.cursor().copy(
            "COPY ohlc (ts, symbol_id, timeframe, open, high, low, close, volume) FROM STDIN"
        ) as copy:
            for timeframe, label in _LABELS.items():
                bars = aggregate(minutes, sessions, timeframe)
                for ts, (*prices, volume) in zip(bars.ts.tolist(), bars.ohlcv.tolist(), strict=True):
                    moment = ts.replace(tzinfo=UTC)
                    if timeframe is Timeframe.M1 and clock is not None:
                        moment = moment.astimezone(clock).replace(tzinfo=UTC)
                    known = 0 if isnan(volume) else int(volume)
                    copy.write_row([moment, self.ids[symbol], label, *map(_decimal, prices), known])
        days = aggregate(minutes, sessions, Timeframe.D1)
        for session, (_, high, low, close, _) in zip(sessions, days.ohlcv.tolist(), strict=True):
            pivot = (high + low + close) / 3
            levels = [pivot, 2 * pivot - low, pivot + high - low, 2 * pivot - high, pivot - high + low]
            connection.execute(
                "INSERT INTO levels_daily (trade_date, symbol_id, pivot, r1, r2, s1, s2, y_high, y_low, y_close) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [session.trade_date, self.ids[symbol], *map(_decimal, [*levels, high, low, close])],
            )


def make_old_system(postgres: ServerLease) -> OldSystem:
    """Create such a database without rows on the tests' server."""
    url = make_url(postgres.url("postgres")).set(drivername="postgresql")
    name = f"old_{uuid4().hex[:12]}"
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    old = OldSystem(url.set(database=name).render_as_string(hide_password=False))
    old.execute(TABLES)
    return old


def _decimal(value: float) -> Decimal:
    return Decimal(repr(round(value, 8)))
