"""``tradematrix outcomes``: from a vendor's bars to what levels did."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.outcomes import read_outcomes
from tradematrix_pipelines.storage.symbols import find_symbols

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def filled(module_installation: Callable[..., Settings]) -> tuple[Run, Settings]:
    """Seven weeks of DAX; the clock stands at Friday, 2026-11-20, 23:00 UTC."""
    settings = module_installation()

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments))

    done = run("backfill", "DAX", "--from", "2026-10-01")
    assert done.exit_code == 0, done.output
    return run, settings


def rows(run: Run, *arguments: str) -> list[dict[str, object]]:
    done = run("outcomes", "DAX", "--json", *arguments)
    assert done.exit_code == 0, done.output
    loaded: list[dict[str, object]] = json.loads(done.stdout)
    return loaded


def test_a_level_is_counted_in_every_session_from_its_first_average_on(filled: tuple[Run, Settings]) -> None:
    run, _ = filled
    by_event = {row["event"]: row for row in rows(run, "--level", "day_pivots r1") if row["name"] == "classic r1"}
    assert set(by_event) == {"touched", "held", "broken"}
    touched = by_event["touched"]
    # 37 sessions from 2026-10-01 to 11-20; the first fifteen have no ATR-14. A session may start at the level.
    assert 20 <= int(str(touched["of"])) <= 22
    assert touched["counted"] == "sessions"
    assert by_event["held"]["of"] == by_event["broken"]["of"] == touched["times"]
    first, second = touched["first_half"], touched["second_half"]
    assert first["of"] + second["of"] == touched["of"]  # type: ignore[index]  # JSON
    assert 0 <= touched["low"] <= touched["share"] <= touched["high"] <= 1  # type: ignore[operator]  # JSON


def test_levels_of_the_session_itself_are_judged_by_its_minutes(filled: tuple[Run, Settings]) -> None:
    run, _ = filled
    names = {row["name"] for row in rows(run, "--level", "opening_range")}
    assert names == {f"{n}m {side}" for n in (5, 15, 30, 60) for side in ("high", "low")}
    [fill] = rows(run, "--level", "gap fill")
    assert (fill["event"], fill["counted"]) == ("filled", "gaps")
    assert {row["kind"] for row in rows(run)} >= {"previous_week", "time_profile", "initial_balance", "opens"}


def test_the_table_says_what_was_counted(filled: tuple[Run, Settings]) -> None:
    run, _ = filled
    shown = run("outcomes", "DAX", "--level", "R1")
    assert shown.exit_code == 0
    assert "classic r1" in shown.stdout
    assert "touches" in shown.stdout
    assert " % to " in shown.stdout
    assert "no outcomes stored" in run("outcomes", "DAX", "--level", "R9").stdout
    assert "no outcomes stored" in run("outcomes", "NDX").stdout
    swapped = run("outcomes", "DAX", "--from", "2026-11-02", "--to", "2026-11-01")
    assert swapped.exit_code == 2
    assert "swap them" in swapped.stderr
    assert rows(run, "--to", "2026-10-02") == []


def test_the_view_says_the_same(filled: tuple[Run, Settings]) -> None:
    run, settings = filled
    with Database.open(settings) as database, database.engine.connect() as connection:
        view = {
            (row.kind, row.name, row.event): (row.times, row.n, row.share, row.low, row.high, row.second_half)
            for row in connection.execute(text("SELECT * FROM api.outcomes WHERE symbol = 'DAX'"))
        }
    counted = [row for row in rows(run) if row["of"]]
    assert len(view) == len(counted) > 300
    for row in counted:
        second = row["second_half"]["share"]  # type: ignore[index]  # JSON
        expected = (row["times"], row["of"], row["share"], row["low"], row["high"], second)
        assert view[row["kind"], row["name"], row["event"]] == pytest.approx(expected), row


def test_the_same_again_writes_nothing(filled: tuple[Run, Settings]) -> None:
    run, settings = filled

    def stored() -> tuple[object, ...]:
        with Database.open(settings) as database, database.engine.connect() as connection:
            stamps = connection.execute(text("SELECT count(*), sum(xmin::text::bigint) FROM levels")).one()
            outcomes = connection.execute(text("SELECT sum(xmin::text::bigint) FROM level_outcomes")).scalar_one()
            replaced = connection.execute(text("SELECT count(*) FROM level_revisions")).scalar_one()
            [dax] = find_symbols(database.engine, ["DAX"])
            return tuple(stamps), outcomes, replaced, read_outcomes(database.engine, dax)

    before = stored()
    again = run("backfill", "DAX", "--from", "2026-10-20", "--to", "2026-11-20")
    assert again.exit_code == 0, again.output
    assert stored() == before
