"""``tradematrix split`` as a user types it: a stock whose vendor divides days before a split, and no other bars."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from sqlalchemy import text

from tradematrix_pipelines.automation.backlog import Cause
from tradematrix_pipelines.candles.frame import PRICES
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols
from tradematrix_pipelines.storage.trading_day_state import read_backlog
from tradematrix_pipelines_tests.cli.conftest import Preparing, invoke

Run = Callable[..., Result]

FIRST, BEFORE, SPLIT, AFTER = date(2026, 10, 19), date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 23)
DECIDE = ("split", "AAPL", "2026-11-20", "4:1", "--reason", "announced in October")


def traded_quarters() -> pd.DataFrame:
    """Bars of 15 minutes as they are traded: around 400 before the split of 4:1, around 100 since."""
    frames = []
    for session in get_calendar("XNYS").sessions(FIRST, AFTER):
        rng = np.random.default_rng(session.trade_date.toordinal())
        ts = pd.date_range(session.opens_at, session.closes_at, freq="15min", inclusive="left")
        steps = rng.normal(0, 1.0, len(ts))
        close = 400 + np.cumsum(steps - steps.mean())
        open_ = np.concatenate([[400], close[:-1]])
        high = np.maximum(open_, close) + rng.uniform(0.1, 0.8, len(ts))
        low = np.minimum(open_, close) - rng.uniform(0.1, 0.8, len(ts))
        bars = pd.DataFrame({"open": open_, "high": high, "low": low, "close": close}).round(1)
        if session.trade_date >= SPLIT:
            bars /= 4
        frames.append(bars.assign(ts=ts, trade_date=session.trade_date))
    return pd.concat(frames, ignore_index=True)


@dataclass
class Desk:
    """An installation with AAPL, whose vendor is a folder, and the days as the vendor has them since the split."""

    run: Run
    database: Database
    days: pd.DataFrame

    def rows(self, query: str) -> list[Any]:
        with self.database.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def verdicts(self, first: date = SPLIT) -> dict[str, set[str]]:
        """Return the verdicts of each trade date from ``first`` on."""
        by_day: dict[str, set[str]] = {}
        query = "SELECT trade_date::text, verdict::text FROM session_coverage WHERE received > 0 AND trade_date >= '{}'"
        for day, verdict in self.rows(query.format(first)):
            by_day.setdefault(day, set()).add(str(verdict))
        return by_day

    def levels(self) -> dict[str, tuple[float, ...]]:
        """Return high, low, close and ATR by trade date, from the split on."""
        query = "SELECT trade_date::text, y_high, y_low, y_close, atr_14 FROM levels_daily WHERE trade_date >= '{}'"
        return {row[0]: row[1:] for row in self.rows(query.format(SPLIT))}

    def levels_due(self) -> list[date]:
        """Return the trade dates whose levels are to be computed."""
        symbols, now = find_symbols(self.database.engine, ["AAPL"]), datetime(2026, 11, 23, 23, tzinfo=UTC)
        tasks = read_backlog(self.database, symbols, now)
        return [task.trade_date for task in tasks if task.cause is Cause.LEVELS]

    def expected(self, day: date) -> tuple[float, ...]:
        """Return the same of one day, from the days as the vendor has them since the split."""
        known = self.days[self.days["trade_date"] < day].tail(15)
        close = known["close"].shift()
        ranges = np.maximum(known["high"], close) - np.minimum(known["low"], close)
        last = known.iloc[-1]
        return last["high"], last["low"], last["close"], ranges.iloc[1:].mean()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that is AAPL's vendor."""
    return tmp_path_factory.mktemp("files")


def days_since_the_split(quarters: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the days as they were traded, and as the vendor has them since the split."""
    grouped = quarters.groupby("trade_date")
    traded = grouped.agg(open=("open", "first"), high=("high", "max"), low=("low", "min"), close=("close", "last"))
    traded = traded.reset_index()
    divided = {name: np.where(traded["trade_date"] < SPLIT, traded[name] / 4, traded[name]) for name in PRICES}
    return traded, traded.assign(**divided)


@pytest.fixture(scope="module")
def prepared(preparing: Preparing, folder: Path) -> Settings:
    """The sessions up to the Monday after the split, each fetched on its evening; nobody has answered yet."""
    quarters = traded_quarters()
    traded, divided = days_since_the_split(quarters)
    with preparing() as (settings, monkeypatch):
        use_files(monkeypatch, folder)

        def evening(day: date, served: pd.DataFrame, first: date) -> None:
            monkeypatch.setenv("TRADEMATRIX_CLOCK", f"{day}T22:30:00Z")
            known = quarters[quarters["trade_date"] <= day].drop(columns="trade_date")
            known.to_csv(folder / "AAPL_15m.csv", index=False)
            rows = served[served["trade_date"] <= day].rename(columns={"trade_date": "ts"})
            rows.to_csv(folder / "AAPL_1d.csv", index=False)
            frames = ("--timeframe", "15m", "--timeframe", "1d")
            invoke("backfill", "AAPL", "--from", str(first), "--to", str(day), *frames)

        added = invoke("symbols", "add", "AAPL", "--calendar", "XNYS", "--instrument", "stock", "--no-lookup")
        assert added.exit_code == 0, added.output
        evening(BEFORE, traded, FIRST)
        evening(SPLIT, divided, SPLIT)
        evening(AFTER, divided, AFTER)
    return settings


def use_files(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("TRADEMATRIX_VENDOR", "files")
    monkeypatch.setenv("TRADEMATRIX_FILES_DIR", str(folder))


@pytest.fixture
def desk(prepared: Settings, folder: Path, run: Run, database: Database, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """That installation, on the evening of that Monday."""
    del prepared
    use_files(monkeypatch, folder)
    monkeypatch.setenv("TRADEMATRIX_CLOCK", f"{AFTER}T22:30:00Z")
    return Desk(run, database, days_since_the_split(traded_quarters())[1])


def test_a_split_is_a_question_that_names_its_command(desk: Desk) -> None:
    assert desk.verdicts(BEFORE) == {
        "2026-11-19": {"accepted"},
        "2026-11-20": {"doubtful"},
        "2026-11-23": {"doubtful"},
    }
    doubts = desk.rows("SELECT DISTINCT doubt FROM session_coverage WHERE verdict = 'doubtful'")
    question = (
        "split: the session opens at 100 after a close of 400, near a split of 4:1 since 2026-11-20: "
        "answer with `tradematrix split AAPL 2026-11-20 4:1`, or `none`"
    )
    assert doubts == [(question,)]
    assert "2026-11-23" not in desk.levels()


def test_a_confirmed_split_is_applied_to_judgement_and_levels_once(desk: Desk) -> None:
    before = desk.rows("SELECT * FROM ohlc ORDER BY symbol_id, timeframe, ts")
    done = desk.run(*DECIDE)
    assert done.exit_code == 0, done.output
    assert done.output == (
        "AAPL 2026-11-20: 4:1\n"
        "judged again: 2 sessions, now 2 accepted\n"
        "levels follow by themselves, or with: tradematrix retry AAPL --since 2026-11-20\n"
    )
    assert desk.verdicts() == {"2026-11-20": {"accepted"}, "2026-11-23": {"accepted"}}
    assert SPLIT in desk.levels_due()
    desk.run("retry", "AAPL")
    levels = desk.levels()
    assert list(levels) == ["2026-11-20", "2026-11-23", "2026-11-24"]
    for day, values in levels.items():
        assert values == pytest.approx(desk.expected(date.fromisoformat(day))), day
    assert desk.levels_due() == [], "none is computed again"
    with desk.database.engine.begin() as connection:
        connection.execute(text("UPDATE levels_daily SET computed_at = computed_at - interval '1 hour'"))
    assert desk.levels_due() == [SPLIT, AFTER, date(2026, 11, 24)], "those that the decision concerns"
    desk.run("retry", "AAPL")
    assert desk.levels_due() == [], "once, also where nothing changes"
    assert desk.rows("SELECT * FROM ohlc ORDER BY symbol_id, timeframe, ts") == before, "stored candles stay"
    _shows_todays_units(desk)


def _shows_todays_units(desk: Desk) -> None:
    shown = json.loads(desk.run("candles", "AAPL", "--timeframe", "1d", "--adjusted", "--json").output)
    assert [row["close"] for row in shown] == pytest.approx(desk.days["close"].tolist())
    quarters = ("candles", "AAPL", "--timeframe", "15m", "--from", "2026-11-19", "--json")
    adjusted, stored = (json.loads(desk.run(*quarters, *more).output) for more in (["--adjusted"], []))
    assert [row["ts"] for row in adjusted] == [row["ts"] for row in stored]
    old = [row["ts"] < "2026-11-20" for row in stored]
    assert [row["open"] for row in adjusted] == [
        row["open"] / 4 if is_old else row["open"] for row, is_old in zip(stored, old, strict=True)
    ]
    assert old.count(True) == 26


def test_none_leaves_a_session_as_it_was(desk: Desk) -> None:
    done = desk.run("split", "AAPL", "2026-11-20", "none", "--json")
    assert json.loads(done.output) == [
        {
            "symbol": "AAPL",
            "trade_date": "2026-11-20",
            "ratio": "none",
            "judged_again": {"2026-11-20": "doubtful", "2026-11-23": "doubtful"},
            "fetched_again": [],
        }
    ]
    [[doubt]] = desk.rows("SELECT DISTINCT left(doubt, 7) FROM session_coverage WHERE verdict = 'doubtful'")
    assert doubt == "scale: "


def test_a_decision_is_listed_and_taken_back(desk: Desk) -> None:
    desk.run(*DECIDE)
    desk.run("retry", "AAPL")
    [row] = json.loads(desk.run("split", "--list", "--json").output)
    assert (row["symbol"], row["ratio"], row["reason"]) == ("AAPL", "4:1", "announced in October")
    with desk.database.engine.begin() as connection:  # the clock stands still
        connection.execute(text("UPDATE levels_daily SET computed_at = computed_at - interval '1 hour'"))
    undone = desk.run("split", "AAPL", "2026-11-20", "--undo")
    assert undone.exit_code == 0, undone.output
    assert desk.verdicts() == {"2026-11-20": {"doubtful"}, "2026-11-23": {"doubtful"}}
    assert desk.run("split", "AAPL", "--list").output == "no split is decided\n"
    desk.run("retry", "AAPL")
    assert desk.levels()["2026-11-20"][0] == pytest.approx(desk.expected(SPLIT)[0] * 4), "as it was traded"
    again = desk.run("split", "AAPL", "2026-11-20", "--undo")
    assert again.exit_code == 2
    assert "nothing is decided of AAPL 2026-11-20" in again.output


def test_what_was_refused_for_it_is_fetched_again(
    run: Run, simulator: Simulator, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index whose vendor changes its unit: refused at first, as an index does not split."""
    only = ("--timeframe", "1h", "--timeframe", "1d")
    monkeypatch.setenv("TRADEMATRIX_CLOCK", "2026-11-19T23:00:00Z")
    assert run("backfill", "DAX", "--from", "2026-11-16", "--to", "2026-11-19", *only).exit_code == 0
    simulator.set_faults("scale=4@GDAXI")
    monkeypatch.setenv("TRADEMATRIX_CLOCK", "2026-11-20T23:00:00Z")
    assert run("backfill", "DAX", "--from", "2026-11-20", "--to", "2026-11-20", *only).exit_code == 1
    done = run("split", "DAX", "2026-11-20", "4:1")
    assert "fetched again by `tradematrix up`, or with `tradematrix retry DAX`: 2026-11-20" in done.output
    query = "SELECT DISTINCT status::text, verdict::text FROM session_coverage WHERE trade_date = '2026-11-20'"
    retried = run("retry", "DAX")
    assert retried.exit_code == 0, retried.output
    with database.engine.connect() as connection:
        assert [tuple(row) for row in connection.execute(text(query))] == [("complete", "accepted")]
        levels = "SELECT y_close < 10000, atr_14 FROM levels_daily WHERE trade_date = '2026-11-23'"
        assert [tuple(row) for row in connection.execute(text(levels))] == [(True, None)]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("AAPL", "2026-11-21", "4:1"), "2026-11-21 is no session of AAPL: the next one is 2026-11-23"),
        (("AAPL", "2026-11-20", "four"), "'four' is no ratio: write new units for old ones, as 4:1"),
        (("AAPL", "2026-11-20"), "give a symbol, the first session in the new units"),
        (("AAPL", "2026-11-20", "4:1", "--undo"), "--undo goes without a ratio"),
        (("MSFT", "2026-11-20", "4:1"), "unknown symbol 'MSFT'"),
    ],
)
def test_what_a_user_can_get_wrong(run: Run, arguments: tuple[str, ...], why: str) -> None:
    run("symbols", "add", "AAPL", "--calendar", "XNYS", "--instrument", "stock", "--no-lookup")
    result = run("split", *arguments)
    assert result.exit_code == 2
    assert why in result.output
