"""The morning page without a database: distances to levels, and that nothing in it leads out of it."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime

from tradematrix_pipelines.report.model import Change, LevelRow, Report, SymbolPart, level_rows
from tradematrix_pipelines.report.page import render

AT = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
DAILY = {"y_open": 99.0, "y_high": 110.0, "y_low": 95.0, "y_close": 105.0, "prev_week_high": None, "atr_14": 10.0}
PART = SymbolPart(
    symbol="ABC", alias=None, digits=2, opens_at=AT, closes_at=AT, from_session=date(2026, 11, 19), last=104.0,
    y_close=105.0, atr=10.0,
)  # fmt: skip
REPORT = Report(trade_date=date(2026, 11, 20), at=AT, since=AT, simulated=False, symbols=[PART])


def words(html: str) -> str:
    """Return the text of a page, without its marks."""
    body = html.partition("<body>")[2]
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def test_levels_are_listed_by_height_with_their_distance_in_points_and_atr() -> None:
    rows = level_rows(DAILY, {"r1": 112.5, "s5": None}, method="classic", last=104.0, touched={"classic r1": AT})
    assert [(row.name, row.price, row.distance, row.in_atr, row.touched_at) for row in rows] == [
        ("R1", 112.5, 8.5, 0.85, AT),
        ("Y high", 110.0, 6.0, 0.6, None),
        ("Y close", 105.0, 1.0, 0.1, None),
        ("last", 104.0, None, None, None),
        ("Y open", 99.0, -5.0, -0.5, None),
        ("Y low", 95.0, -9.0, -0.9, None),
    ]


def test_without_a_price_or_an_average_range_there_are_levels_without_distances() -> None:
    rows = level_rows(DAILY | {"atr_14": None}, {}, method="classic", last=None, touched={})
    assert {(row.distance, row.in_atr, row.is_last) for row in rows} == {(None, None, False)}
    priced = level_rows(DAILY | {"atr_14": None}, {}, method="classic", last=100.0, touched={})
    assert {row.in_atr for row in priced} == {None}
    assert (PART.change, PART.in_atr(PART.change), replace(PART, atr=None).in_atr(1.0)) == (-1.0, -0.1, None)


def test_a_page_says_what_it_is_about() -> None:
    text = words(render(REPORT))
    assert text.startswith("Friday, 20 November 2026 Levels to trade the session with. As of Fri 20 Nov 07:00 UTC.")
    assert "ABC 104.00 -1.00 -0.10 ready" in text
    assert "simulated" not in text
    assert "Nothing: every session is complete and believed" in text
    assert "These prices are simulated." in words(render(replace(REPORT, simulated=True)))


def test_a_missing_or_doubtful_symbol_is_named_with_the_reason() -> None:
    missing = replace(PART, symbol="DEF", from_session=None, unavailable_reason="its session is not stored: run x")
    closed = SymbolPart(symbol="GHI", alias=None, digits=2)
    text = words(render(replace(REPORT, symbols=[replace(PART, doubtful=True), missing, closed])))
    assert "ABC 104.00 -1.00 -0.10 doubtful" in text
    assert "DEF has no levels: its session is not stored: run x" in text
    assert "GHI - - - closed" in text
    assert "every session is complete" not in text


def test_texts_from_outside_stay_texts_and_nothing_is_loaded_from_elsewhere() -> None:
    hostile = '</style><script src="https://example.com/x.js">alert(1)</script><img src=x onerror=alert(1)>'
    part = replace(PART, symbol=hostile, alias=hostile, levels=[LevelRow(name=hostile, price=1.0)])
    html = render(replace(REPORT, symbols=[part], changes=[Change(at=AT, text=hostile)], open_incidents=[hostile]))
    assert hostile not in html
    assert "&lt;script" in html
    assert not re.search(r"<(script|img|link|iframe|object)\b", html)
    assert "default-src 'none'" in html
