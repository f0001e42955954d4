"""A timeframe is one row: whatever is keyed by timeframe knows all of them."""

from datetime import timedelta

from tradematrix_pipelines.defs.registry import CANDLES
from tradematrix_pipelines.markets.timeframes import INTRADAY, ROWS, Timeframe
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
