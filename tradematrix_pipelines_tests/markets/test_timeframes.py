"""A timeframe is one row: whatever is keyed by timeframe knows all of them."""

from datetime import timedelta

import pytest

from tradematrix_pipelines.defs.registry import CANDLES
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.timeframes import INTRADAY, ROWS, Timeframe, parse_timeframe
from tradematrix_pipelines.storage.tables import timeframe_type
from tradematrix_pipelines.vendors.twelve_data.query import INTERVALS


def test_they_go_from_the_finest_to_the_coarsest() -> None:
    assert [timeframe.minutes for timeframe in Timeframe] == [1, 5, 15, 60, None]
    assert INTRADAY == (Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1)
    assert [timeframe.length for timeframe in INTRADAY] == [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60)]
    assert Timeframe("1d") is Timeframe.D1
    assert f"{Timeframe.H1}" == "1h"


def test_assets_tables_and_vendors_know_all() -> None:
    assert list(ROWS) == list(CANDLES.values()) == list(INTERVALS) == list(Timeframe)
    assert timeframe_type.enums == [str(timeframe) for timeframe in Timeframe]
    assert len({timeframe.row.yahoo for timeframe in Timeframe}) == len(Timeframe)


@pytest.mark.parametrize(
    ("text", "timeframe"),
    [
        ("1m", Timeframe.M1), ("M1", Timeframe.M1), ("1min", Timeframe.M1), ("m", Timeframe.M1), ("T5", Timeframe.M5),
        ("5M", Timeframe.M5), ("M15", Timeframe.M15), ("15 minutes", Timeframe.M15), ("1H", Timeframe.H1),
        ("60m", Timeframe.H1), ("H1", Timeframe.H1), ("hour", Timeframe.H1), ("1d", Timeframe.D1), ("D", Timeframe.D1),
        ("daily", Timeframe.D1),
    ],
)  # fmt: skip
def test_a_timeframe_is_understood_however_it_is_written(text: str, timeframe: Timeframe) -> None:
    assert parse_timeframe(text) is timeframe


@pytest.mark.parametrize("text", ["", "2m", "0m", "1w", "1440m", "24h", "2d", "5", "one"])
def test_what_is_no_timeframe_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="There are 1m, 5m, 15m, 1h, 1d"):
        parse_timeframe(text)
