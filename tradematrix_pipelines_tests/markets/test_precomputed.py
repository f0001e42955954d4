"""Precomputed sessions: what the package answers, without the package."""

import json
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pytest

from tradematrix_pipelines.markets import precomputed
from tradematrix_pipelines.markets.exchanges import (
    calendar_of_exchange,
    exchange_calendar,
    exchange_names,
    packaged_calendar,
    precompute,
)

_COMMITTED = precomputed.FILE
_FIRST, _LAST = date(precomputed.FIRST_YEAR, 1, 1), date(precomputed.LAST_YEAR, 12, 31)


@pytest.mark.parametrize("name", precomputed.EXCHANGES)
def test_they_are_the_package_s_own_for_the_installed_version(name: str) -> None:
    known, packaged = precomputed.precomputed(name), packaged_calendar(name)
    assert known is not None, "another version of exchange_calendars is installed: run `make sessions`"
    assert known.sessions(_FIRST, _LAST) == packaged.sessions(_FIRST, _LAST)
    calendar = exchange_calendar(name)
    for attribute in ("timezone", "first_date", "last_date"):
        assert getattr(calendar, attribute) == getattr(packaged, attribute)


def test_an_alias_has_its_exchange_s_sessions() -> None:
    assert precomputed.precomputed("NASDAQ") == precomputed.precomputed("XNYS") is not None
    assert precomputed.precomputed("XWBO") is None, "not among the much-used"


def test_dates_before_and_after_come_from_the_package() -> None:
    calendar = exchange_calendar("XETR")
    around = [calendar.sessions(date(year, 12, 20), date(year + 1, 1, 10)) for year in (1994, 1999, 2035, 2040)]
    packaged = packaged_calendar("XETR")
    assert around == [packaged.sessions(date(year, 12, 20), date(year + 1, 1, 10)) for year in (1994, 1999, 2035, 2040)]
    assert all(len(sessions) > 8 for sessions in around)


def test_another_version_of_the_package_is_asked_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    precomputed._read.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(precomputed, "version", lambda name: version(name) + ".1")
        assert (precomputed.exchange_names(), precomputed.precomputed("XETR")) == (None, None)
        assert "XETR" in exchange_names()
        assert exchange_calendar("XETR").session(date(2026, 12, 24)) is None
    precomputed._read.cache_clear()


def test_make_sessions_writes_the_file_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = tmp_path / "sessions.json"
    monkeypatch.setattr(precomputed, "EXCHANGES", ("XHKG", "us_futures"))  # with a break, and without
    monkeypatch.setattr(precomputed, "FILE", written)
    precompute()
    content, packaged = json.loads(written.read_text()), json.loads(_COMMITTED.read_text())
    assert set(content["exchanges"]) == {"XHKG", "us_futures"}
    assert all(content["exchanges"][name] == packaged["exchanges"][name] for name in content["exchanges"])
    assert {**content, "exchanges": None} == {**packaged, "exchanges": None}
    assert written.read_text().endswith("}\n")


@pytest.mark.parametrize(
    ("code", "calendar"),
    [("XETR", "XETR"), ("xetr", "XETR"), ("XNAS", "XNYS"), ("bats", "XNYS"), ("XXXX", None), ("", None)],
)
def test_an_exchange_has_the_calendar_of_its_code(code: str, calendar: str | None) -> None:
    assert calendar_of_exchange(code) == calendar


def test_a_process_that_asks_for_much_used_exchanges_loads_neither_the_package_nor_pandas() -> None:
    code = """
import sys
from datetime import date
from tradematrix_pipelines.markets.calendars import get_calendar
print(len(get_calendar("XNYS").sessions(date(2026, 1, 1), date(2026, 12, 31))))
print({"pandas", "exchange_calendars"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["251", "set()"]
