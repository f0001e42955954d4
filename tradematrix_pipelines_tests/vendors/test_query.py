"""The parameters of a call."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines.vendors.twelve_data.query import series_params

DAX = DEFAULT_SYMBOLS[0]
REQUEST = CandleRequest(
    symbol=DAX,
    timeframe=Timeframe.M1,
    start=datetime(2026, 3, 20, 8, tzinfo=UTC),
    end=datetime(2026, 3, 20, 16, 30, tzinfo=UTC),
)


def test_minutes() -> None:
    assert series_params([REQUEST]) == {
        "symbol": "GDAXI",
        "interval": "1min",
        "order": "asc",
        "outputsize": "5000",
        "start_date": "2026-03-20T08:00:00",
        "end_date": "2026-03-20T16:30:00",
        "timezone": "UTC",
    }


def test_days_are_dates_without_a_zone_and_their_end_is_left_out() -> None:
    days = replace(
        REQUEST,
        timeframe=Timeframe.D1,
        start=datetime(2026, 3, 16, tzinfo=UTC),
        end=datetime(2026, 3, 21, tzinfo=UTC),
    )
    params = series_params([days])
    assert (params["interval"], params["start_date"], params["end_date"]) == ("1day", "2026-03-16", "2026-03-21")
    assert "timezone" not in params


def test_a_day_that_is_asked_for_in_part_is_asked_for_whole() -> None:
    days = replace(REQUEST, timeframe=Timeframe.D1)
    assert (series_params([days])["start_date"], series_params([days])["end_date"]) == ("2026-03-20", "2026-03-21")


def test_instants_are_sent_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    params = series_params([replace(REQUEST, start=datetime(2026, 3, 20, 9, tzinfo=berlin))])
    assert params["start_date"] == "2026-03-20T08:00:00"


def test_a_call_names_all_of_its_symbols() -> None:
    params = series_params([replace(REQUEST, symbol=symbol) for symbol in DEFAULT_SYMBOLS[:3]])
    assert params["symbol"] == "GDAXI,NDX,DJI"


def test_a_call_has_a_window_that_contains_those_of_all() -> None:
    minute = timedelta(minutes=1)
    params = series_params([REQUEST, replace(REQUEST, start=REQUEST.start - minute, end=REQUEST.end - minute)])
    assert (params["start_date"], params["end_date"]) == ("2026-03-20T07:59:00", "2026-03-20T16:30:00")


def test_a_call_of_two_timeframes_is_refused() -> None:
    with pytest.raises(ValueError, match="one timeframe"):
        series_params([REQUEST, replace(REQUEST, timeframe=Timeframe.M5)])
