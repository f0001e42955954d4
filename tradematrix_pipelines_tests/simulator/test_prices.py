"""Synthetic prices: the same everywhere, agreeing across timeframes, made fast.

What is checked here is seen over HTTP, and aggregated again with pandas.
"""

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pandas as pd
import pytest

from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.simulator import Simulator, prices
from tradematrix_pipelines.simulator.instruments import CATALOGUE, Instrument
from tradematrix_pipelines.simulator.prices import SyntheticPrices

BY_SYMBOL = {instrument.symbol: instrument for instrument in CATALOGUE}
LATER = datetime(2026, 11, 20, tzinfo=UTC)

DIGEST = """
import hashlib, sys
from datetime import UTC, date, datetime
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.simulator.instruments import CATALOGUE
from tradematrix_pipelines.simulator.prices import SyntheticPrices
for listed in (item for item in CATALOGUE if item.symbol in sys.argv[1:]):
    days = get_calendar(listed.calendar).sessions(date(2026, 3, 5), date(2026, 3, 10))[::-1]
    bars = [SyntheticPrices().minutes(listed, [day], datetime(2026, 11, 20, tzinfo=UTC)) for day in days][::-1]
    print(listed.symbol, hashlib.sha256(b"".join(part.ohlcv.tobytes() for part in bars)).hexdigest())
"""


def series(url: str, **params: str) -> pd.DataFrame:
    """Ask the simulator over HTTP and return typed rows, by datetime."""
    asked = {"order": "asc", "timezone": "UTC", "outputsize": "5000"} | params
    body = httpx.get(f"{url}/time_series", params=asked, headers={"Authorization": "apikey x"}, verify=False).json()
    rows = pd.DataFrame(body["values"])
    rows["datetime"] = pd.to_datetime(rows["datetime"], utc=True)
    return rows.set_index("datetime").astype("float64")


def test_the_catalogue_covers_what_is_traded() -> None:
    assert {"GDAXI", "NDX", "DJI", "SPX", "EUR/USD", "XAU/USD", "XAG/USD", "BTC/USD", "DAX"} <= BY_SYMBOL.keys()
    assert len(BY_SYMBOL) == len(CATALOGUE) >= 25
    etf = BY_SYMBOL["DAX"]
    assert (etf.type, etf.exchange, etf.currency, etf.price) == ("ETF", "NASDAQ", "USD", 47)


@pytest.mark.parametrize(
    ("symbol", "opens", "closes", "hours"),
    [  # 19 March 2026: New York is at UTC-4, Berlin still at UTC+1
        ("GDAXI", "2026-03-19T08:00", "2026-03-19T16:30", 9),
        ("DJI", "2026-03-19T13:30", "2026-03-19T20:00", 7),
        ("EUR/USD", "2026-03-18T21:00", "2026-03-19T21:00", 24),
        ("BTC/USD", "2026-03-19T00:00", "2026-03-20T00:00", 24),
    ],
)
def test_coarser_bars_are_the_minutes_anchored_at_the_sessions_open(
    simulate: Callable[..., Simulator], symbol: str, opens: str, closes: str, hours: int
) -> None:
    url = simulate().url
    last = (pd.Timestamp(closes) - pd.Timedelta(minutes=1)).isoformat()
    window = {"symbol": symbol, "start_date": f"{opens}:00", "end_date": last}
    minutes = series(url, interval="1min", **window)
    rules = {"open": "first", "high": "max", "low": "min", "close": "last"} | (
        {"volume": "sum"} if "volume" in minutes.columns else {}
    )
    assert len(minutes) == (pd.Timestamp(closes) - pd.Timestamp(opens)) / pd.Timedelta(minutes=1)
    for interval, length in (("5min", "5min"), ("15min", "15min"), ("1h", "60min")):
        expected = minutes.resample(length, origin=pd.Timestamp(opens, tz="UTC")).agg(rules)
        pd.testing.assert_frame_equal(series(url, interval=interval, **window), expected, check_freq=False)
    assert len(expected) == hours
    day = series(url, symbol=symbol, interval="1day", start_date="2026-03-19", end_date="2026-03-20")
    pd.testing.assert_series_equal(day.iloc[0], minutes.groupby(lambda _: 0).agg(rules).iloc[0], check_names=False)


def test_only_exchanges_give_volume(simulate: Callable[..., Simulator]) -> None:
    url = simulate().url
    assert "volume" in series(url, symbol="GDAXI", interval="1h").columns
    assert "volume" not in series(url, symbol="EUR/USD", interval="1h").columns


def test_every_process_and_every_order_of_asking_gives_the_same_prices() -> None:
    command = [sys.executable, "-c", DIGEST, "EUR/USD", "GDAXI"]
    done = subprocess.run(command, env={"PYTHONHASHSEED": "1"}, capture_output=True, text=True, check=True)
    there = dict(line.split() for line in done.stdout.splitlines())
    assert there.keys() == {"EUR/USD", "GDAXI"}
    for symbol, digest in there.items():
        listed = BY_SYMBOL[symbol]
        sessions = get_calendar(listed.calendar).sessions(date(2026, 3, 5), date(2026, 3, 10))
        here = SyntheticPrices().minutes(listed, sessions, LATER).ohlcv.tobytes()
        assert digest == hashlib.sha256(here).hexdigest()


def test_two_instruments_and_two_days_differ() -> None:
    euro, pound = BY_SYMBOL["EUR/USD"], BY_SYMBOL["GBP/USD"]
    first, second = get_calendar("FX").sessions(date(2026, 3, 5), date(2026, 3, 6))
    source = SyntheticPrices()
    moves = {
        tuple((bars.ohlcv[:, 3] / bars.ohlcv[0, 0] - 1).round(4)[::60])
        for bars in (source.minutes(listed, [day], LATER) for listed in (euro, pound) for day in (first, second))
    }
    assert len(moves) == 4


@pytest.mark.parametrize("listed", CATALOGUE, ids=lambda listed: str(listed.symbol))
def test_prices_are_believable(listed: Instrument) -> None:
    sessions = get_calendar(listed.calendar).sessions(date(2026, 2, 23), date(2026, 3, 20))
    values = SyntheticPrices().minutes(listed, sessions, LATER).ohlcv
    opens, highs, lows, closes = values[:, :4].T
    assert (highs >= values[:, [0, 3]].max(axis=1)).all()
    assert (lows <= values[:, [0, 3]].min(axis=1)).all()
    assert (values[:, :4] == values[:, :4].round(listed.decimals)).all()
    assert 0.4 * listed.price < lows.min() < highs.max() < 2.5 * listed.price
    jumps = abs(opens[1:] / closes[:-1] - 1)
    assert jumps.max() < 0.05, "no minute opens far from the close before it, not even over a weekend"
    assert (highs > lows).mean() > 0.9, "minutes move"


def test_prices_stay_in_the_range_of_the_default_symbols(symbols: dict[str, Any]) -> None:
    for symbol in symbols.values():
        listed = BY_SYMBOL[symbol.symbol_at("twelve_data")]
        levels = [prices.close_level(listed, date.fromordinal(day)) for day in range(730_120, 748_000, 11)]
        inside = symbol.price_range[0] < min(levels) < max(levels) < symbol.price_range[1]
        assert inside == (symbol.name != "DAX40"), symbol.name  # the ETF under the index's name is expected outside


def test_five_thousand_minutes_are_made_fast() -> None:
    listed = BY_SYMBOL["EUR/USD"]
    sessions = get_calendar("FX").sessions(date(2026, 3, 9), date(2026, 3, 12))
    times = []
    for _ in range(5):
        prices._session.cache_clear()
        start = time.perf_counter()
        made = SyntheticPrices().minutes(listed, sessions, LATER)
        times.append(time.perf_counter() - start)
    assert len(made) == 5760
    assert min(times) < 0.020, f"took {min(times) * 1e3:.1f} ms; about 2 on a quiet machine"
