"""What is stored of a range of sessions, after whatever has happened, and what it would be had nothing happened."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import NullPool, create_engine, make_url, text

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines_tests.stack import Vendor

_SESSIONS = """
    SELECT s.symbol, c.timeframe::text, c.trade_date, c.opens_at, c.closes_at FROM session_coverage c
    JOIN market_symbols s ON s.id = c.symbol_id WHERE s.symbol = :symbol AND c.trade_date BETWEEN :first AND :last"""
_STATE = {
    "ohlc": f"""
        SELECT count(*), md5(string_agg(
            concat_ws(' ', m.symbol, o.timeframe, o.ts, o.open, o.high, o.low, o.close, o.volume, o.source), ','
            ORDER BY o.timeframe, o.ts))
        FROM ({_SESSIONS}) AS m JOIN market_symbols s USING (symbol) JOIN ohlc o ON o.symbol_id = s.id
        AND o.timeframe::text = m.timeframe AND o.ts >= m.opens_at AND o.ts < m.closes_at""",
    "session_coverage": """
        SELECT count(*), md5(string_agg(concat_ws(' ', timeframe, trade_date, status, final, received, expected), ','
        ORDER BY timeframe, trade_date)), count(*) FILTER (WHERE status <> 'complete' OR NOT final)
        FROM session_coverage JOIN market_symbols ON id = symbol_id
        WHERE symbol = :symbol AND trade_date BETWEEN :first AND :last""",
    "levels_daily": """
        SELECT count(*), md5(string_agg((to_jsonb(levels_daily) - 'computed_at')::text, ',' ORDER BY trade_date))
        FROM levels_daily JOIN market_symbols ON id = symbol_id
        WHERE symbol = :symbol AND trade_date > :first AND trade_date <= :after""",
    "pivot_levels": """
        SELECT count(*),
               md5(string_agg((to_jsonb(pivot_levels) - 'computed_at')::text, ',' ORDER BY trade_date, method))
        FROM pivot_levels JOIN market_symbols ON id = symbol_id
        WHERE symbol = :symbol AND trade_date > :first AND trade_date <= :after""",
}
_NEWEST = date(2026, 11, 23)
STORED = """
    SELECT count(*) FROM session_coverage WHERE timeframe = '1m' AND final AND trade_date BETWEEN :first AND :last"""
"""How many sessions of minutes are stored between two dates."""
Range = tuple[str, date, date, date]
"""A symbol, its first and last trade date, and the last trade date of levels."""

HALF_WRITTEN = """
    SELECT count(*) FROM session_coverage c WHERE received <> (
        SELECT count(*) FROM ohlc o WHERE o.symbol_id = c.symbol_id AND o.timeframe = c.timeframe
        AND o.ts >= c.opens_at AND o.ts < c.closes_at)"""
"""How many sessions have not the candles that their coverage counts."""


def state_of(ask: Callable[..., tuple[Any, ...]], wanted: Range) -> dict[str, tuple[Any, ...]]:
    """Return numbers and checksums of what is stored of a range, by table.

    Args:
        ask: asks the market database a question with these terms, and returns its one row.
    """
    symbol, first, last, after = wanted
    terms = {"symbol": symbol, "first": first, "last": last, "after": after}
    return {
        table: ask(query, **{name: value for name, value in terms.items() if f":{name}" in query})
        for table, query in _STATE.items()
    }


Stored = dict[str, dict[str, tuple[Any, ...]]]
"""By symbol, what :func:`state_of` says."""


def asker(url: str) -> Callable[..., tuple[Any, ...]]:
    """Return what asks a database a question with named terms, over a connection of its own, and returns its row."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)

    def ask(query: str, **terms: object) -> tuple[Any, ...]:
        with engine.connect() as connection:
            return tuple(connection.execute(text(query), terms).one())

    return ask


def three_weeks(weeks_ago: int) -> tuple[date, date]:
    """Return the first and last day of three weeks, the first of which began so many weeks before a fixed one.

    Choose one that begins with a session of every market: levels after a closed first day need the session before.
    """
    monday = _NEWEST - timedelta(days=7 * weeks_ago)
    return monday, monday + timedelta(days=18)


def weekdays(days: tuple[date, date]) -> list[date]:
    """Return the trade dates from the first to the last of two days."""
    first, last = days
    every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [day for day in every if day.weekday() < 5]


def stored_of(ask: Callable[..., tuple[Any, ...]], symbols: Sequence[str], days: tuple[date, date]) -> Stored:
    """Return what is stored of symbols between two dates."""
    wanted: list[Range] = [(symbol, *days, days[1]) for symbol in symbols]
    return {part[0]: state_of(ask, part) for part in wanted}


def stored_in_peace(
    preparing: Callable[[], AbstractContextManager[tuple[Settings, pytest.MonkeyPatch]]],
    symbols: Sequence[str],
    days: tuple[date, date],
) -> Stored:
    """Return what the same backfill stores where nothing fails: one command, a vendor without limits."""
    with Simulator() as calm, preparing() as (settings, _):
        env = {
            "TRADEMATRIX_CLOCK": "",
            "TRADEMATRIX_TWELVE_DATA_URL": calm.url,
            "TWELVE_DATA_API_KEY": "any",
            "TWELVE_DATA_PLAN": "unlimited",
        }
        done = CliRunner().invoke(main, ["backfill", *symbols, "--from", str(days[0]), "--to", str(days[1])], env=env)
        assert done.exit_code == 0, done.output
        assert settings.database_url is not None
        return stored_of(asker(settings.database_url.get_secret_value()), symbols, days)


def assert_sound(ask: Callable[..., tuple[Any, ...]], simulator: Vendor) -> None:
    """See that no session is half written, and that no credit was spent that the plan has not or that nobody booked."""
    assert ask(HALF_WRITTEN) == (0,)
    counted = simulator.counts
    assert counted["limited"] == 0, f"credits overspent: {counted}"
    [booked] = ask("SELECT coalesce(sum(credits), 0) FROM vendor_credits")
    assert booked >= counted["credits"], "the vendor counted credits that nobody booked"
