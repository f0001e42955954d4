"""From the body of an answer to candles."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tradematrix_pipelines.candles.frame import COLUMNS, TS_DTYPE
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.errors import MalformedAnswer
from tradematrix_pipelines.vendors.twelve_data.responses import read_series


def test_an_intraday_answer(golden: Callable[[str], Any]) -> None:
    meta, candles = read_series(golden("time_series_NDX"), Timeframe.M5)
    assert list(candles.columns) == COLUMNS
    assert candles["ts"].dtype == TS_DTYPE
    # The order of the answer is kept: newest first.
    assert candles["ts"].dt.strftime("%H:%M").tolist() == ["15:55", "15:50", "15:45"]
    first = candles.iloc[0][["open", "high", "low", "close", "volume"]].tolist()
    assert first == [20105.25, 20111.5, 20101.0, 20110.75, 1834000.0]
    assert (meta.symbol, meta.type, meta.exchange, meta.currency) == ("NDX", "Index", "NASDAQ", "USD")


def test_a_daily_forex_answer_has_dates_and_no_volume(golden: Callable[[str], Any]) -> None:
    meta, candles = read_series(golden("time_series_EURUSD"), Timeframe.D1)
    assert candles["ts"].tolist() == [datetime(2026, 3, 19, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC)]
    assert candles["close"].tolist() == [1.0877, 1.0863]
    assert candles["volume"].isna().all()
    assert meta.currency_quote == "US Dollar"


def test_recorded_intraday_answer(recorded: Callable[[str], Any]) -> None:
    meta, candles = read_series(recorded("time_series_DJI"), Timeframe.M5)
    assert list(candles.columns) == COLUMNS
    assert candles["ts"].dtype == TS_DTYPE
    assert len(candles) == 30
    first = candles.iloc[0]  # the order of the answer is kept: newest first
    assert first["ts"] == pd.Timestamp("2021-09-14 15:55", tz="UTC")
    assert first[["open", "high", "low", "close", "volume"]].tolist() == [
        34581.76953,
        34587.26953,
        34561.23047,
        34584.91016,
        17140396.0,
    ]
    assert (meta.symbol, meta.type, meta.exchange) == ("DJI", "Index", "NYSE")
    assert meta.currency == "USD"


def test_recorded_daily_forex_answer_has_dates_and_no_volume(recorded: Callable[[str], Any]) -> None:
    meta, candles = read_series(recorded("time_series_EURUSD"), Timeframe.D1)
    assert candles["ts"].tolist() == [
        datetime(2026, 8, 21, tzinfo=UTC),
        datetime(2026, 8, 22, tzinfo=UTC),
    ]
    assert candles["close"].tolist() == [1.16764, 1.16788]
    assert candles["volume"].isna().all()
    assert meta.currency_quote == "US Dollar"


@pytest.mark.parametrize("nothing", ["", "NaN", None, "n/a", [], {}, 10**400])
def test_a_value_that_is_no_number_is_nan_and_costs_the_others_nothing(nothing: object) -> None:
    body = _body([_row(0), _row(1) | {"high": nothing, "volume": nothing}, _row(2)])
    candles = read_series(body, Timeframe.M1)[1]
    assert candles["high"].isna().tolist() == [False, True, False]
    assert candles["volume"].isna().tolist() == [False, True, False]
    assert candles["low"].tolist() == [0.5, 0.5, 0.5]


def test_numbers_that_come_as_numbers() -> None:
    candles = read_series(_body([_row(0) | {"close": 1.25, "volume": 7}]), Timeframe.M1)[1]
    assert candles["close"].tolist() == [1.25]
    assert candles["volume"].tolist() == [7.0]


def test_a_day_may_come_with_its_midnight() -> None:
    body = _body([_row(0) | {"datetime": "2026-03-20 00:00:00"}], interval="1day")
    assert read_series(body, Timeframe.D1)[1]["ts"].tolist() == [datetime(2026, 3, 20, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ([], "is an object"),
        ({}, "no meta"),
        ({"meta": {}}, "no list of values"),
        ({"meta": {}, "values": {}}, "no list of values"),
        ({"meta": {}, "values": ["x"]}, "a field is missing"),
        (
            {"meta": {}, "values": [{"datetime": "2026-03-20 10:00:00"}]},
            "a field is missing in a row of the answer: 'open'",
        ),
    ],
)
def test_missing_parts(body: object, why: str) -> None:
    with pytest.raises(MalformedAnswer, match=why):
        read_series(body, Timeframe.M1)


@pytest.mark.parametrize(
    "stamp", ["now", "NaT", "", None, 20260320, "2026-03-20T10:00", "2026-02-30 10:00:00", "20/03/2026 10:00:00"]
)
def test_datetimes_that_can_not_be_read(stamp: object) -> None:
    with pytest.raises(MalformedAnswer, match="datetime"):
        read_series(_body([_row(0), _row(1) | {"datetime": stamp}]), Timeframe.M1)


def test_another_interval_than_asked_for() -> None:
    with pytest.raises(MalformedAnswer, match="asked for 5min bars, the answer has 1min"):
        read_series(_body([_row(0)]), Timeframe.M5)


def test_a_daily_bar_with_a_time_of_day() -> None:
    with pytest.raises(MalformedAnswer, match="time of day"):
        read_series(_body([_row(1)], interval="1day"), Timeframe.D1)


def _body(rows: list[dict[str, object]], *, interval: str = "1min") -> dict[str, object]:
    return {"meta": {"symbol": "EUR/USD", "interval": interval}, "values": rows, "status": "ok"}


def _row(minute: int) -> dict[str, object]:
    stamp = np.datetime64("2026-03-02T00:00:00") + np.timedelta64(minute, "m")
    prices = {"open": "1.00000", "high": "1.50000", "low": "0.50000", "close": f"{1 + math.sin(minute) / 4:.5f}"}
    return {"datetime": str(stamp).replace("T", " "), **prices, "volume": "100"}
