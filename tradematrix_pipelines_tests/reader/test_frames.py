"""``tm.levels``, ``tm.coverage`` and ``tm.symbols``: the rows that the commands show, with declared types."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from sqlalchemy import text

import tradematrix_pipelines as tm
from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.reader.coverage import SCHEMA as COVERAGE
from tradematrix_pipelines.reader.levels import SCHEMA as LEVELS
from tradematrix_pipelines.reader.symbols import SCHEMA as SYMBOLS
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.stamps import stamp

pytestmark = pytest.mark.usefixtures("market")

DATE, INSTANT = "datetime64[ms]", "datetime64[us, UTC]"


def command(*arguments: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(main, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.output)
    return rows


def types(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def test_levels_are_those_of_the_command() -> None:
    frame = tm.levels(["EUR/USD", "DAX"])
    assert frame["symbol"].tolist() == ["EUR/USD"] * 10 + ["DAX"] * 10
    assert types(frame)["trade_date"] == types(frame)["y_trade_date"] == DATE
    assert types(frame)["computed_at"] == INSTANT
    assert {types(frame)[name] for name in frame.columns[3:-2]} == {"float64"}
    [coming] = tm.levels("DAX", "2026-11-23", "2026-11-23").to_dict("records")
    [shown] = command("levels", "DAX")
    assert str(coming["trade_date"].date()) == shown["trade_date"]
    for name in ("y_open", "y_high", "y_low", "y_close", "r1", "s2"):
        assert coming[name] == shown[name], name
    assert coming["pp"] == shown["pivot"]
    assert pd.isna(coming["r5"])


@pytest.mark.parametrize("method", ["classic", "fibonacci", "camarilla", "woodie", "demark"])
def test_pivot_points_are_of_the_method_asked_for(method: Any) -> None:
    frame = tm.levels("DAX", "2026-11-23", pivots=method)
    [shown] = command("levels", "DAX", "--method", method)
    [row] = frame.to_dict("records")
    assert [None if pd.isna(row[name]) else row[name] for name in ("pp", "r1", "r5", "s4")] == [
        shown[name] for name in ("pp", "r1", "r5", "s4")
    ]


def test_levels_can_be_read_as_they_were(market: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tm.levels("DAX", as_="arrow")
    raised = "UPDATE levels_daily SET y_high = y_high + :by WHERE trade_date = '2026-11-23'"
    with Database.connect(market) as database, database.engine.begin() as connection:
        stamp(connection, datetime(2026, 11, 20, 23, 20, tzinfo=UTC))
        connection.execute(text(raised), {"by": 1})
    monkeypatch.setenv("TRADEMATRIX_CLOCK", "2026-11-20T23:30Z")
    assert tm.levels("DAX")["y_high"].iloc[-1] == before["y_high"][-1].as_py() + 1
    assert tm.levels("DAX", as_of="2026-11-20T23:10Z", as_="arrow").equals(before)
    assert tm.levels("DAX", as_of="2026-11-20T22:00Z").empty


def test_levels_and_candles_join_by_session() -> None:
    joined = tm.candles(["DAX", "EUR/USD"], "1d").merge(tm.levels(["DAX", "EUR/USD"]), on=["symbol", "trade_date"])
    assert len(joined) == 2 * 9
    assert (joined["y_close"].iloc[1:9].to_numpy() == joined["close"].iloc[:8].to_numpy()).all()


def test_coverage_is_that_of_the_command(market: Settings) -> None:
    with Database.connect(market) as database, database.engine.begin() as connection:
        connection.execute(
            text("UPDATE session_coverage SET status = 'partial' WHERE trade_date = '2026-11-19' AND timeframe = '5m'")
        )
    frame = tm.coverage(["DAX"], "2026-11-16")
    shown = command("coverage", "DAX", "--from", "2026-11-16")
    assert list(frame.columns) == COVERAGE.names
    assert set(COVERAGE.names) - {"exhausted"} == set(shown[0])
    assert len(frame) == len(shown) == 25
    for row, other in zip(tm.coverage("DAX", "2026-11-16", as_="arrow").to_pylist(), shown, strict=True):
        next_attempt = "exhausted" if row.pop("exhausted") else row["next_attempt"]
        if isinstance(next_attempt, datetime):
            next_attempt = next_attempt.isoformat()
        assert {**row, "trade_date": str(row["trade_date"]), "next_attempt": next_attempt} == other
    assert frame["next_attempt"].notna().sum() == 1
    assert types(frame)["next_attempt"] == INSTANT
    assert tm.coverage("DAX", as_of="2026-11-20T23:00Z")["attempts"].isna().all()
    assert set(tm.coverage("DAX", timeframes=["1h", "1d"])["timeframe"]) == {"1h", "1d"}
    assert set(tm.coverage("DAX", timeframes="1h")["timeframe"]) == {"1h"}


def test_symbols_are_those_of_the_table() -> None:
    frame = tm.symbols()
    assert list(frame.columns) == SYMBOLS.names
    assert frame["symbol"].tolist() == ["DAX", "NDX", "DJI", "EUR/USD", "XAG/USD"]
    assert frame["timezone"].tolist()[:2] == ["Europe/Berlin", "America/New_York"]
    assert frame["exchange"].isna().tolist() == [False, False, False, True, True]
    assert len(tm.symbols(only_active=True, as_="polars")) == 5


def test_a_frame_without_rows_has_its_columns() -> None:
    assert tm.levels("NDX", as_="arrow").schema == LEVELS
    assert list(tm.coverage("NDX").columns) == COVERAGE.names


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: tm.levels("DAX", "2026-11-20T08:00Z"), "is an instant: give the trade date, like 2026-11-20"),
        (lambda: tm.levels("DAX", pivots="floor"), "pivots='floor' is none of classic, fibonacci"),
        (lambda: tm.levels("DAX", date(2026, 11, 20), date(2026, 11, 19)), "is after end=2026-11-19: swap them"),
        (
            lambda: tm.coverage("DAX", timeframes="2h"),
            "'2h' is not a valid Timeframe: those that are stored are 1m",
        ),
        (lambda: tm.coverage("DAX", "2026-11-21", "2026-11-20"), "is after end=2026-11-20: swap them"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(call: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        call()
