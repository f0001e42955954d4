"""The table of kinds, and which symbols have which."""

from dataclasses import replace
from datetime import date

import pytest

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.levels.book.book import level_book
from tradematrix_pipelines.levels.book.kinds import INTRADAY, KINDS, kinds_of, parse_kinds
from tradematrix_pipelines.levels.book.model import Kind, Unit
from tradematrix_pipelines.levels.pivots import Method
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, InstrumentType
from tradematrix_pipelines_tests.levels.book.made import LATER, XETRA, Prices, book, context, symbol

DAY = date(2026, 11, 23)
FRIDAY: dict[date, Prices] = {date(2026, 11, 20): (100, 110, 90, 105)}


def test_each_kind_has_a_row() -> None:
    assert set(KINDS) == set(Kind)
    assert all(row.description for row in KINDS.values())
    assert set(INTRADAY) == {
        Kind.OPENS, Kind.GAP, Kind.SESSION_WINDOWS, Kind.OPENING_RANGE, Kind.INITIAL_BALANCE
    }  # fmt: skip


def test_what_the_markets_have() -> None:
    by_name = {one.name: set(kinds_of(one)) for one in DEFAULT_SYMBOLS}
    everywhere = set(KINDS) - {
        Kind.SESSION_WINDOWS, Kind.OPENING_RANGE, Kind.INITIAL_BALANCE, Kind.VOLUME_PROFILE, Kind.VWAP
    }  # fmt: skip
    opening = {Kind.OPENING_RANGE, Kind.INITIAL_BALANCE}
    assert by_name["DAX"] == by_name["NDX"] == everywhere | opening
    assert by_name["EUR/USD"] == by_name["XAG/USD"] == everywhere | {Kind.SESSION_WINDOWS}
    assert set(kinds_of(symbol("XNYS", InstrumentType.STOCK))) == set(KINDS) - {Kind.SESSION_WINDOWS}
    assert set(kinds_of(symbol("US500", InstrumentType.INDEX))) == everywhere | opening | {Kind.SESSION_WINDOWS}
    assert set(kinds_of(symbol("24/7", InstrumentType.CRYPTO))) == everywhere | {Kind.VOLUME_PROFILE, Kind.VWAP}


def test_a_symbols_own_kinds_come_before_those_of_its_market() -> None:
    own = replace(XETRA, level_kinds=("gap", "previous_day", "sunspots"))
    assert kinds_of(own) == (Kind.PREVIOUS_DAY, Kind.GAP)
    assert kinds_of(replace(XETRA, level_kinds=())) == ()
    levels = level_book(context(own, DAY, days=FRIDAY), LATER).levels
    assert {level.kind for level in levels} == {Kind.PREVIOUS_DAY}


def test_names_of_kinds_are_checked_where_a_person_writes_them() -> None:
    assert parse_kinds(["gap", "previous_day", "gap"]) == (Kind.PREVIOUS_DAY, Kind.GAP)
    with pytest.raises(UsageError, match="no kind of levels is named 'sunspots': there are previous_day, "):
        parse_kinds(["gap", "sunspots"])


def test_names_are_unique_within_a_kind() -> None:
    for kind in Kind:
        names = [level.name for level in book(context(XETRA, DAY, days=FRIDAY), kind)]
        assert len(names) == len(set(names)), kind


def test_pivots_have_every_level_of_every_method() -> None:
    names = [level.name for level in book(context(XETRA, DAY, days=FRIDAY), Kind.DAY_PIVOTS)]
    assert {name.split()[0] for name in names} == set(Method)
    assert len(names) == 7 + 7 + 9 + 9 + 3


def test_what_is_no_price_says_so() -> None:
    units = {level.name: level.unit for level in book(context(XETRA, DAY, days=FRIDAY), Kind.CENTRAL_PIVOT_RANGE)}
    assert units == {"tc": Unit.PRICE, "pp": Unit.PRICE, "bc": Unit.PRICE, "width": Unit.DISTANCE}
