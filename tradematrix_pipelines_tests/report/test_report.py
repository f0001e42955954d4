"""The morning page of a filled market: what is on it, how it is asked for, and how a browser shows it."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.report.making import make_report
from tradematrix_pipelines.report.reading import NoReport, coming_date, read_report_of
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.morning_reports import read_report, read_report_dates
from tradematrix_pipelines.storage.stamps import stamp
from tradematrix_pipelines_tests.browsing import OPTIONS, find_chromium

MONDAY, FRIDAY, WEDNESDAY = date(2026, 11, 23), date(2026, 11, 20), date(2026, 11, 18)
AXE = Path(__file__).parents[1] / "board" / "axe" / "axe.min.js"
# The clock stands at Friday, 23:00 UTC. A change of levels since, incidents, a doubt; what is not there by itself.
ADDED = """
    UPDATE levels_daily AS l SET y_high = y_high + 7.5, computed_at = '2026-11-20 22:30Z'
    FROM market_symbols AS s WHERE s.id = l.symbol_id AND s.symbol = 'DAX' AND trade_date = '2026-11-23';
    INSERT INTO incidents (key, kind, message, opened_at, opening_notified_at, closed_at)
    VALUES ('stale_market|DAX', 'stale_market', 'DAX has no bar', '2026-11-20 21:00Z', NULL, NULL),
        ('stale_market|NDX', 'stale_market', 'NDX had no bar', '2026-11-18 05:00Z', NULL, '2026-11-18 06:00Z');
    UPDATE session_coverage SET verdict = 'doubtful', doubt = 'a spike', attempts = 9
    FROM market_symbols AS s WHERE s.id = symbol_id AND s.symbol = 'DAX' AND trade_date = '2026-11-17'
        AND timeframe = '1m';
    INSERT INTO session_coverage (symbol_id, timeframe, trade_date, status, final, expected, received, rejected,
                                  outside, longest_gap, attempts, checked_at, opens_at, closes_at)
    SELECT id, '1h', '2026-11-23', 'missing', false, 0, 0, 0, 0, 0, 1, now(), '2026-11-23 08:00Z', '2026-11-23 16:30Z'
    FROM market_symbols WHERE symbol = 'DAX';
    INSERT INTO level_outcomes (trade_date, symbol_id, kind, name, result)
    SELECT '2026-11-20', s.id, o.kind, o.name, o.result FROM market_symbols AS s,
        (VALUES ('day_pivots', 'classic pp', 'held'), ('day_pivots', 'camarilla r1', 'held'),
            ('previous_day', 'low', 'broken'), ('week_pivots', 'classic pp', 'held'), ('gap', 'fill', 'filled'))
            AS o (kind, name, result)
    WHERE s.symbol = 'DAX';
"""


@pytest.fixture(scope="module")
def filled(module_installation: Callable[..., Settings]) -> Iterator[tuple[Settings, Database]]:
    """Two weeks of DAX and EUR/USD and what was added; the clock stands at Friday, 23:00 UTC."""
    settings = module_installation()
    done = CliRunner().invoke(main, ["backfill", "DAX", "EUR/USD", "--from", "2026-11-09"])
    assert done.exit_code == 0, done.output
    with Database.open(settings) as database:
        with database.engine.begin() as connection:
            stamp(connection, datetime(2026, 11, 20, 22, 30, tzinfo=UTC))
            connection.exec_driver_sql(ADDED)
        yield settings, database


def ask(database: Database, query: str) -> list[tuple[object, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_the_page_has_what_is_stored(filled: tuple[Settings, Database]) -> None:
    settings, database = filled
    report, html = make_report(database, settings, coming_date(database))
    assert (report.trade_date, report.simulated, len(report.symbols)) == (MONDAY, True, 5)
    assert report.since == datetime(2026, 11, 20, 16, 30, tzinfo=UTC), "the first close of the sessions before"
    dax = next(part for part in report.symbols if part.symbol == "DAX")
    [(high, close, atr)] = ask(database, "SELECT y_high, y_close, atr_14 FROM levels_daily WHERE symbol_id = "
        "(SELECT id FROM market_symbols WHERE symbol = 'DAX') AND trade_date = '2026-11-23'")  # fmt: skip
    assert (dax.y_close, dax.atr, dax.from_session, dax.gap) == (close, atr, FRIDAY, None)
    assert (dax.last, dax.last_at) == (close, datetime(2026, 11, 20, 16, 30, tzinfo=UTC))
    [row] = [row for row in dax.levels if row.name == "Y high"]
    assert (row.price, row.distance) == (high, pytest.approx(high - close))
    assert dax.outcomes is not None
    assert (dax.outcomes.trade_date, dax.outcomes.by_result) == (
        FRIDAY,
        {"held": ["PP"], "broken": ["Y low"], "filled": ["gap"]},
    )
    assert dax.chart is not None
    assert dax.chart.count("<rect") == 72
    assert len(html.encode()) < 200_000
    assert [change.text for change in report.changes if change.symbol == "DAX"] == [
        f"y_high changed: {high - 7.5:,.2f} → {high:,.2f}"
    ]
    assert [line for line in report.open_incidents if "NDX" in line] == []
    assert report.open_incidents[-1] == "stale market: DAX has no bar (since 2026-11-20 21:00 UTC)"
    assert [(row.trade_date, row.symbol, row.timeframes) for row in report.open_sessions] == [
        (date(2026, 11, 17), "DAX", ["1m"])
    ], "not Monday's hours, of which none has closed"
    assert "a spike" in report.open_sessions[0].reason
    ndx = next(part for part in report.symbols if part.symbol == "NDX")
    assert ndx.from_session is None
    assert str(ndx.unavailable_reason).startswith("its session 2026-11-20 is not stored: run `tradematrix backfill NDX")
    assert read_report(database.engine, MONDAY) == html
    [stored] = read_report_dates(database.engine, most=10)
    assert (stored.trade_date, stored.written_at, stored.size) == (MONDAY, report.at, len(html.encode()))


def test_a_past_page_is_as_of_its_morning(filled: tuple[Settings, Database]) -> None:
    settings, database = filled
    report = read_report_of(database, settings, WEDNESDAY)
    assert report.at == datetime(2026, 11, 18, 7, 0, tzinfo=UTC), "08:00 in Berlin"
    dax, euro = (next(part for part in report.symbols if part.symbol == name) for name in ("DAX", "EUR/USD"))
    assert (dax.last_at, dax.gap, dax.low) == (datetime(2026, 11, 17, 16, 30, tzinfo=UTC), None, None)
    assert euro.last_at == report.at, "its session opened on the evening before"
    assert euro.gap is not None
    assert euro.low is not None
    assert (report.open_incidents, report.open_sessions, report.credits) == ([], [], [])
    assert [change.text for change in report.changes] == [
        "stale market: NDX had no bar", "over: stale market: NDX had no bar"
    ]  # fmt: skip


def test_a_symbol_without_a_calendar_does_not_affect_the_others(filled: tuple[Settings, Database]) -> None:
    settings, database = filled
    rename = "UPDATE market_symbols SET calendar = '{}' WHERE symbol = 'NDX'"
    with database.engine.begin() as connection:
        [(before,)] = connection.exec_driver_sql("SELECT calendar FROM market_symbols WHERE symbol = 'NDX'").all()
        connection.exec_driver_sql(rename.format("NOWHERE"))
    try:
        report = read_report_of(database, settings, coming_date(database))
        assert "NDX" not in [part.symbol for part in report.symbols]
        assert len(report.symbols) == 4
    finally:
        with database.engine.begin() as connection:
            connection.exec_driver_sql(rename.format(before))


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (date(2026, 11, 21), "no symbol has a session on 2026-11-21: choose another date"),
        (date(2026, 12, 1), "no symbol has levels for 2026-12-01. DAX: after the close of Mon 2026-11-30"),
        (date(2024, 11, 20), "no symbol has levels for 2024-11-20. DAX: its session 2024-11-19 is not stored"),
    ],
)
def test_where_there_is_nothing_to_report_it_says_why(filled: tuple[Settings, Database], day: date, why: str) -> None:
    settings, database = filled
    with pytest.raises(NoReport, match=re.escape(why)):
        make_report(database, settings, day)
    assert read_report(database.engine, day) is None


def test_the_command_writes_a_file_and_prints_its_path(filled: tuple[Settings, Database], tmp_path: Path) -> None:
    settings, database = filled
    done = CliRunner().invoke(main, ["report"])
    assert (done.exit_code, done.output) == (0, f"{settings.home / 'reports' / '2026-11-23.html'}\n")
    other = tmp_path / "new" / "page.html"
    done = CliRunner().invoke(main, ["report", "--date", "tomorrow", "--output", str(other), "--json"])
    assert (done.exit_code, done.output.count("\n")) == (1, 1), "tomorrow is a Saturday"
    with database.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO morning_reports VALUES ('2026-11-12', 'as it was', now())")
    done = CliRunner().invoke(main, ["report", "--date", "2026-11-12", "--output", str(other), "--json"])
    assert json.loads(done.output) == [{"trade_date": "2026-11-12", "path": str(other), "bytes": 9}]
    assert other.read_text() == "as it was", "the page of a session that is over stays as it was made"
    done = CliRunner().invoke(main, ["report", "--output", "/proc/page.html"])
    assert done.exit_code == 1
    assert "choose another file with --output" in done.output


def test_a_browser_shows_it_without_a_network_and_axe_has_nothing_serious(
    filled: tuple[Settings, Database], tmp_path: Path
) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: run make install")
    settings, database = filled
    path = tmp_path / "page.html"
    path.write_text(make_report(database, settings, MONDAY)[1])
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=find_chromium(), headless=True, args=OPTIONS)
        for theme, width in (("light", 1440), ("dark", 390)):
            context = browser.new_context(
                offline=True, color_scheme=theme, viewport={"width": width, "height": 900}, bypass_csp=False
            )
            page, asked, errors = context.new_page(), [], []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("console", lambda message, errors=errors: errors.append(message.text))
            page.goto(path.as_uri())
            assert page.locator("svg.chart").count() == 2
            assert page.locator("h1").inner_text() == "Monday, 23 November 2026"
            assert (asked, errors) == ([path.as_uri()], [])
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.evaluate(AXE.read_text(encoding="utf-8"))
            found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
            serious = [fault for fault in found["violations"] if fault["impact"] in {"serious", "critical"}]
            assert [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in serious] == []
            context.close()
        browser.close()
