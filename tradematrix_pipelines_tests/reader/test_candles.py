"""``tm.candles``: columns, ranges, made bars, incomplete sessions, the past."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sqlalchemy import text

import tradematrix_pipelines as tm
from tradematrix_pipelines.errors import IncompleteSessions, IncompleteWarning, TradeMatrixError, UsageError
from tradematrix_pipelines.reader.series import SCHEMA
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.schema import schema_state
from tradematrix_pipelines.storage.stamps import stamp

pytestmark = pytest.mark.usefixtures("market")

FRIDAY = date(2026, 11, 20)
DTYPES = {
    "symbol": "category",
    "trade_date": "datetime64[ms]",
    "ts": "datetime64[us, UTC]",
    **dict.fromkeys(("open", "high", "low", "close", "volume"), "float64"),
    "source": "category",
    "verdict": "category",
}


def change(settings: Settings, statement: str, *, now: datetime | None = None, **values: object) -> None:
    with Database.connect(settings) as database, database.engine.begin() as connection:
        if now is not None:
            stamp(connection, now)
        connection.execute(text(statement), values)


def test_the_columns_and_their_types() -> None:
    frame = tm.candles(["EUR/USD", "DAX"], "1h", FRIDAY, FRIDAY)
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == DTYPES
    assert len(frame) == 24 + 9
    assert frame["symbol"].tolist() == ["EUR/USD"] * 24 + ["DAX"] * 9
    assert frame.groupby("symbol", observed=True)["ts"].is_monotonic_increasing.all()
    assert set(frame["trade_date"]) == {pd.Timestamp(FRIDAY)}
    assert frame["ts"].iloc[0] == datetime(2026, 11, 19, 22, tzinfo=UTC)
    assert set(frame["source"]) == {"simulator"}
    assert set(frame["verdict"]) == {"accepted"}


def test_arrow_and_polars_have_the_same_rows() -> None:
    frame = tm.candles("DAX", "15m", FRIDAY)
    arrow, polars = (tm.candles("DAX", "15m", FRIDAY, as_=name) for name in ("arrow", "polars"))
    assert isinstance(arrow, pa.Table)
    assert arrow.schema == SCHEMA
    assert isinstance(polars, pl.DataFrame)
    assert polars.schema["ts"] == pl.Datetime("us", "UTC")
    assert polars.schema["trade_date"] == pl.Date
    assert polars.schema["symbol"] == pl.Categorical
    assert arrow.column("close").to_pylist() == polars["close"].to_list() == frame["close"].tolist()
    assert arrow.column("ts").to_pylist() == polars["ts"].to_list() == frame["ts"].tolist()


def test_without_polars_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    with pytest.raises(UsageError, match=r"pip install 'tradematrix-pipelines\[polars\]'"):
        tm.candles("DAX", "1d", as_="polars")


@pytest.mark.parametrize(
    ("start", "end", "opens", "count"),
    [
        (FRIDAY, FRIDAY, "2026-11-20T08:00Z", 9),
        ("2026-11-20", "2026-11-20", "2026-11-20T08:00Z", 9),
        ("2026-11-21", "2026-11-22", None, 0),  # a weekend
        ("2026-11-15", "2026-11-16", "2026-11-16T08:00Z", 9),
        ("2026-11-20T09:00Z", "2026-11-20T11:00Z", "2026-11-20T09:00Z", 2),
        ("2026-11-20T10:30+01:00", "2026-11-20", "2026-11-20T10:00Z", 7),
        (datetime(2026, 11, 20, 9, tzinfo=timezone(timedelta(hours=1))), None, "2026-11-20T08:00Z", 9),
        (None, "2026-11-09", "2026-11-09T08:00Z", 9),
        (None, None, "2026-11-09T08:00Z", 90),
    ],
)
def test_a_date_is_its_session_and_an_instant_is_exact(start: Any, end: Any, opens: str | None, count: int) -> None:
    frame = tm.candles("DAX", "1h", start, end)
    assert len(frame) == count
    assert (frame["ts"].min() == pd.Timestamp(opens)) if count else opens is None
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == DTYPES


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: tm.candles("GOLD", "1h"), "unknown symbol 'GOLD': have DAX, NDX, DJI, EUR/USD, XAG/USD"),
        (lambda: tm.candles("DAX", "1h", pd.Timestamp("2026-11-20")), "has no zone: give a date, or an instant like"),
        (lambda: tm.candles("DAX", "1h", "2026-11-20T08:00"), "has no zone"),
        (lambda: tm.candles("DAX", "1h", "yesterday"), "start='yesterday' is no time: write 2026-11-20"),
        (lambda: tm.candles("DAX", "1h", "2026-11-20", "2026-11-19"), "is after end=2026-11-19: swap them"),
        (lambda: tm.candles("DAX", "3w"), "there is no timeframe '3w': ask for minutes or hours up to 24h"),
        (lambda: tm.candles("DAX", "25h"), "there is no timeframe '25h'"),
        (lambda: tm.candles("DAX", "0m"), "there is no timeframe '0m'"),
        (lambda: tm.candles("DAX", "1h", as_="numpy"), "as_='numpy' is none of pandas, arrow, polars"),
        (lambda: tm.candles("DAX", "1h", as_of="2026-11-20"), "as_of=2026-11-20 is a date: give an instant like"),
        (lambda: tm.candles("DAX", "1h", as_of="2027-01-01T00:00Z"), "is still to come: it is 2026-11-20T23:00Z"),
        (lambda: tm.candles("DAX", "1h", url="mysql://x"), "is not the URL of a PostgreSQL database"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(call: Callable[[], object], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        call()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("made", "base", "minutes"), [("30m", "1m", 30), ("4h", "5m", 240), ("7m", "1m", 7)])
def test_made_bars_are_anchored_at_the_sessions_open(made: str, base: str, minutes: int) -> None:
    bars = tm.candles(["EUR/USD", "DAX"], made, "2026-11-19", "2026-11-20")
    finer = tm.candles(["EUR/USD", "DAX"], base, "2026-11-19", "2026-11-20")
    opens = finer.groupby(["symbol", "trade_date"], observed=True)["ts"].transform("min")
    finer["bar"] = opens + (finer["ts"] - opens) // pd.Timedelta(minutes=minutes) * pd.Timedelta(minutes=minutes)
    by_hand = finer.groupby(["symbol", "bar"], observed=True, sort=False).agg(
        open=("open", "first"), high=("high", "max"), low=("low", "min"), close=("close", "last")
    )
    assert bars["ts"].tolist() == by_hand.index.get_level_values("bar").tolist()
    for name in ("open", "high", "low", "close"):
        assert bars[name].tolist() == by_hand[name].tolist(), name
    assert {name: str(dtype) for name, dtype in bars.dtypes.items()} == DTYPES


def test_a_multiple_that_is_stored_is_read() -> None:
    pd.testing.assert_frame_equal(tm.candles("DAX", "60m", FRIDAY), tm.candles("DAX", "1h", FRIDAY))


def test_weeks_are_made_of_days_and_have_closed(market: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    days, weeks = tm.candles("DAX", "1d"), tm.candles("DAX", "1w")
    assert weeks["ts"].tolist() == [datetime(2026, 11, 9, 8, tzinfo=UTC), datetime(2026, 11, 16, 8, tzinfo=UTC)]
    assert weeks["trade_date"].tolist() == [pd.Timestamp("2026-11-09"), pd.Timestamp("2026-11-16")]
    assert weeks["high"].tolist() == [days["high"][:5].max(), days["high"][5:].max()]
    assert weeks["close"].tolist() == [days["close"][4], days["close"][9]]
    assert weeks["volume"].tolist() == [days["volume"][:5].sum(), days["volume"][5:].sum()]
    # A week belongs to the range where its first session does, and is whole.
    pd.testing.assert_frame_equal(tm.candles("DAX", "1w", "2026-11-10", "2026-11-16"), weeks[1:].reset_index(drop=True))
    monkeypatch.setenv("TRADEMATRIX_CLOCK", "2026-11-20T16:00:00Z")
    assert len(tm.candles("DAX", "1w")) == 1


def test_incomplete_sessions_are_named(market: Settings) -> None:
    with pytest.warns(
        IncompleteWarning, match=r"^1 session is not complete: DAX 1h 2026-11-06 \(never fetched\)$"
    ) as seen:
        assert len(tm.candles("DAX", "1h", "2026-11-06")) == 90
    assert seen[0].filename == __file__
    with pytest.raises(IncompleteSessions, match=r"DAX 1h 2026-11-06 .* read without strict") as caught:
        tm.candles("DAX", "1h", "2026-11-06", strict=True)
    [session] = caught.value.sessions
    assert (session.symbol, session.timeframe, session.trade_date) == ("DAX", "1h", date(2026, 11, 6))
    assert issubclass(IncompleteSessions, TradeMatrixError)
    assert len(tm.candles("DAX", "1h", "2026-11-09", strict=True)) == 90
    with pytest.warns(IncompleteWarning, match=r"^7 sessions are not complete: .*; and 2 more$"):
        tm.candles("DAX", "1d", "2026-10-29", "2026-11-09")


def test_a_bar_that_is_made_of_an_incomplete_session_is_named(market: Settings) -> None:
    partial = "UPDATE session_coverage SET status = :status WHERE timeframe IN ('1m', '1h') AND trade_date = :day"
    change(market, partial, status="partial", day=FRIDAY)
    try:
        # Fifteen minutes are complete, so that nothing is missing of what is made of these.
        assert len(tm.candles("DAX", "2h", FRIDAY, strict=True)) == 5
        with pytest.warns(IncompleteWarning, match=r"DAX 1m 2026-11-20 \(partial: 510 of 510 bars\)"):
            assert len(tm.candles("DAX", "7m", FRIDAY)) == 73
        with pytest.raises(IncompleteSessions):
            tm.candles("DAX", "1h", FRIDAY, strict=True)
    finally:
        change(market, partial, status="complete", day=FRIDAY)


@pytest.mark.parametrize(("checked", "count", "warns"), [("12:00", 2, False), ("12:01", 2, False), ("16:30", 5, True)])
def test_an_open_session_is_known_until_it_was_checked(
    market: Settings, monkeypatch: pytest.MonkeyPatch, checked: str, count: int, warns: bool
) -> None:
    """A made bar is there once the candles reach its close; a session that closed since is not complete."""
    monkeypatch.setenv("TRADEMATRIX_CLOCK", "2026-11-20T16:31Z" if warns else "2026-11-20T15:59Z")
    now = datetime.fromisoformat(f"2026-11-20T{checked}Z")
    state = "UPDATE session_coverage SET final = :final, checked_at = :at WHERE trade_date = :day"
    change(market, state, final=False, at=now, day=FRIDAY)
    try:
        with pytest.warns(IncompleteWarning) if warns else nullcontext():
            bars = tm.candles("DAX", "2h", FRIDAY)
        assert len(bars) == count
    finally:
        change(market, state, final=True, at=datetime(2026, 11, 20, 23, tzinfo=UTC), day=FRIDAY)


def test_the_past_can_be_read(market: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    before, week_before = tm.candles("DAX", "1h", FRIDAY), tm.candles("DAX", "1w")
    raised = (
        "UPDATE ohlc SET high = :high WHERE timeframe IN ('1h', '1d') AND ts = '2026-11-20 08:00+00' "
        "AND symbol_id = (SELECT id FROM market_symbols WHERE symbol = 'DAX')"
    )
    change(market, raised, now=datetime(2026, 11, 20, 23, 20, tzinfo=UTC), high=30_000.0)
    monkeypatch.setenv("TRADEMATRIX_CLOCK", "2026-11-20T23:30Z")
    try:
        after = tm.candles("DAX", "1h", FRIDAY)
        assert after["high"][0] == tm.candles("DAX", "1w")["high"][1] == 30_000.0
        for at in ("2026-11-20T23:10Z", datetime(2026, 11, 20, 23, 10, tzinfo=UTC)):
            pd.testing.assert_frame_equal(tm.candles("DAX", "1h", FRIDAY, as_of=at), before)
        pd.testing.assert_frame_equal(tm.candles("DAX", "1w", as_of="2026-11-20T23:10Z"), week_before)
        assert tm.candles("DAX", "1h", as_of="2026-11-20T22:00Z").empty
    finally:
        change(market, raised, now=datetime(2026, 11, 20, 23, 40, tzinfo=UTC), high=before["high"][0])


def test_a_connection_can_write_nothing(market: Settings) -> None:
    with Database.read_only(market) as database:
        with pytest.raises(Exception, match="read-only transaction"), database.engine.begin() as connection:
            connection.execute(text("DELETE FROM ohlc"))
        with pytest.raises(Exception, match="read-only transaction"):
            database.candles.read_table("DELETE FROM ohlc RETURNING ts", ())
        assert database.candles.read_table("SELECT 1", ()).num_rows == 1


def test_nothing_is_created_where_there_is_no_database(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRADEMATRIX_DATABASE_URL")
    monkeypatch.setenv("TRADEMATRIX_HOME", str(tmp_path / "home"))
    with pytest.raises(UsageError, match=r"no database in .*: run `tradematrix migrate` there, or set TRADEMATRIX_HO"):
        tm.symbols()
    assert not (tmp_path / "home").exists()


def test_an_older_schema_is_named_and_stays(market: Settings) -> None:
    with Database.connect(market) as database:
        head = schema_state(database.engine).head
        with database.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0010'"))
        with pytest.raises(TradeMatrixError, match=r"has an older schema .*: run `tradematrix migrate`"):
            tm.candles("DAX", "1h")
        assert schema_state(database.engine).current == "0010"
        with database.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})
