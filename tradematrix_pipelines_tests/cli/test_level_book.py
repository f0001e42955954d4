"""``tradematrix levels --book``: the whole way from a vendor's bars to what a user reads."""

import json
from collections.abc import Callable
from datetime import datetime

import pytest
from click import unstyle
from click.testing import Result

from tradematrix_pipelines.levels.book.kinds import KINDS
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines_tests.cli.conftest import Preparing, invoke

Run = Callable[..., Result]


def book(run: Run, *arguments: str) -> dict[tuple[str, str], dict[str, object]]:
    done = run("levels", "--book", "--json", *arguments)
    assert done.exit_code == 0, done.output
    return {(row["kind"], row["name"]): row for row in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def prepared(preparing: Preparing) -> Settings:
    """Two weeks of DAX and EUR/USD; the clock stands at Friday, 2026-11-20, 23:00 UTC."""
    with preparing() as (settings, _):
        done = invoke("backfill", "DAX", "EUR/USD", "--from", "2026-11-09")
        assert done.exit_code == 0, done.output
    return settings


@pytest.fixture
def filled(prepared: Settings, run: Run) -> Run:
    """The command in an installation with those two weeks."""
    del prepared
    return run


def test_a_backfill_fills_the_book(filled: Run) -> None:
    monday = book(filled, "DAX")
    [day] = json.loads(filled("candles", "DAX", "--timeframe", "1d", "--from", "2026-11-20", "--json").stdout)
    for name in ("open", "high", "low", "close"):
        level = monday["previous_day", name]
        assert (level["price"], level["trade_date"], level["verdict"]) == (day[name], "2026-11-23", "accepted")
        assert level["known_at"] == "2026-11-20T16:30:00+00:00"
        assert (level["timeframe"], level["first_date"], level["last_date"]) == ("1d", "2026-11-20", "2026-11-20")
    week = monday["previous_week", "high"]
    assert (week["first_date"], week["last_date"]) == ("2026-11-16", "2026-11-20")
    # The session has not opened, and the month before is not stored.
    assert not {kind for kind, _ in monday} & {"gap", "opening_range", "initial_balance", "previous_month"}
    assert ("opens", "week") not in monday
    assert ("time_profile", "poc") in monday

    friday = book(filled, "DAX", "--date", "2026-11-20")
    assert friday["opening_range", "5m high"]["known_at"] == "2026-11-20T08:05:00+00:00"
    assert friday["opens", "day"]["price"] == day["open"]
    assert friday["opens", "week"]["known_at"] == "2026-11-16T16:30:00+00:00"


def test_the_kinds_are_those_of_the_market(filled: Run) -> None:
    spot = {kind for kind, _ in book(filled, "EUR/USD", "--date", "2026-11-20")}
    index = {kind for kind, _ in book(filled, "DAX", "--date", "2026-11-20")}
    assert spot - index == {"session_windows"}
    assert index - spot == {"opening_range", "initial_balance"}
    assert not (spot | index) & {"volume_profile", "vwap"}


def test_levels_agree_with_those_of_the_other_tables(filled: Run) -> None:
    rows = book(filled, "DAX")
    [daily] = json.loads(filled("levels", "DAX", "--json").stdout)
    assert rows["previous_day", "high"]["price"] == daily["y_high"]
    assert rows["previous_week", "low"]["price"] == daily["prev_week_low"]
    pivots = json.loads(filled("levels", "DAX", "--method", "camarilla", "--json").stdout)[0]
    assert rows["day_pivots", "camarilla r3"]["price"] == pivots["r3"]


def test_the_table_is_for_people_and_a_kind_selects(filled: Run) -> None:
    shown = filled("levels", "DAX", "--kind", "previous_day", "--kind", "ranges")
    assert shown.exit_code == 0
    assert "previous_day" in shown.stdout
    assert "day_pivots" not in shown.stdout
    assert "2026-11-20 16:30" in shown.stdout
    refused = filled("levels", "DAX", "--kind", "pivots")
    assert refused.exit_code == 2
    assert "no kind of levels is named 'pivots': did you mean day_pivots? There are " in refused.stderr
    assert ", ".join(KINDS) in refused.stderr
    assert "DAX 2026-10-01: no level book is stored" in filled("levels", "DAX", "--book", "--date", "2026-10-01").stderr


def test_a_terminal_shows_the_pivot_points_of_one_method(filled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TTY_COMPATIBLE": "1", "NO_COLOR": "1", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    shown = unstyle(filled("levels", "DAX", "--book").stdout)
    assert shown.startswith("DAX Mon 2026-11-23")
    assert ("classic r1" in shown, "woodie r1" in shown) == (True, False)
    assert "woodie r1" in filled("levels", "DAX", "--book", "--wide").stdout


def test_an_earlier_state_of_the_book(filled: Run) -> None:
    before = filled("levels", "DAX", "--book", "--as-of", "2026-11-20T22:59Z")
    assert before.exit_code == 0
    assert "no level book is stored: not then" in before.stderr
    now = book(filled, "DAX", "--as-of", "2026-11-20T23:00Z")
    assert now == book(filled, "DAX")


def test_known_at_is_never_later_than_now(filled: Run) -> None:
    for row in book(filled, "EUR/USD").values():
        assert datetime.fromisoformat(str(row["known_at"])) <= datetime.fromisoformat("2026-11-20T23:00:00+00:00")
