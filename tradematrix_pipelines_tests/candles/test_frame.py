"""The shape of candles."""

import math

import pandas as pd
import pytest

from tradematrix_pipelines.candles.frame import COLUMNS, as_candles


def rows(ts: str) -> pd.DataFrame:
    return pd.DataFrame({"close": [1], "open": [1], "high": [2], "low": [1], "ts": [pd.Timestamp(ts)], "note": ["x"]})


def test_rows_become_candles() -> None:
    candles = as_candles(rows("2026-11-20T09:00+01:00"))
    assert list(candles.columns) == COLUMNS
    assert candles["ts"].tolist() == [pd.Timestamp("2026-11-20T08:00Z")]
    assert math.isnan(candles.loc[0, "volume"])


def test_a_time_without_a_zone_is_no_instant() -> None:
    with pytest.raises(TypeError, match=r"^ts has no time zone: candles are UTC, aware$"):
        as_candles(rows("2026-11-20T09:00"))
