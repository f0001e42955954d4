"""Whether an answer is about what was asked for, as a table."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from tradematrix_pipelines.candles.frame import as_candles, empty_candles
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS, InstrumentType, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.errors import WrongInstrument
from tradematrix_pipelines.vendors.twelve_data.identity import check_identity
from tradematrix_pipelines.vendors.twelve_data.responses import Meta, read_series

BY_NAME = {symbol.name: symbol for symbol in DEFAULT_SYMBOLS}
DAX, NDX, DJI, EURUSD, SILVER = (BY_NAME[name] for name in ("DAX", "NDX", "DJI", "EUR/USD", "XAG/USD"))
AAPL = Symbol(
    name="AAPL", calendar="XNYS", instrument=InstrumentType.STOCK, tick_size=0.01, currency="USD", exchange="NASDAQ"
)


@pytest.mark.parametrize(
    ("prefix", "timeframe", "symbol"),
    [("time_series_NDX", Timeframe.M5, NDX), ("time_series_EURUSD", Timeframe.D1, EURUSD)],
    ids=["NDX", "EUR/USD"],
)
def test_answers_are_what_the_rows_describe(
    golden: Callable[[str], Any], prefix: str, timeframe: Timeframe, symbol: Symbol
) -> None:
    check_identity(*read_series(golden(prefix), timeframe), symbol)


@pytest.mark.parametrize(
    ("prefix", "timeframe", "symbol"),
    [
        ("time_series_DJI", Timeframe.M5, DJI),
        ("time_series_EURUSD", Timeframe.D1, EURUSD),
        ("time_series_AAPL", Timeframe.D1, AAPL),
    ],
    ids=["DJI", "EUR/USD", "AAPL"],
)
def test_recorded_answers_are_what_the_rows_describe(
    recorded: Callable[[str], Any], prefix: str, timeframe: Timeframe, symbol: Symbol
) -> None:
    meta, candles = read_series(recorded(prefix), timeframe)
    check_identity(meta, candles, symbol)


@pytest.mark.parametrize(
    ("meta", "symbol"),
    [
        (Meta(), DAX),
        (Meta(symbol="gdaxi", type="Index", exchange="XETR", currency="EUR"), DAX),
        (Meta(symbol="GDAXI", type="Something new"), DAX),
        (Meta(exchange="XNAS"), NDX),
        (Meta(mic_code="XNGS", exchange="Nasdaq"), AAPL),
        (Meta(symbol="XAG/USD", type="Physical Currency", currency_quote="US Dollar"), SILVER),
        (Meta(type="Precious Metal"), SILVER),
        (Meta(currency_quote="Atlantean Drachma"), EURUSD),
        (Meta(currency="US Dollar"), EURUSD),
    ],
)
def test_matching_or_missing_fields_pass(meta: Meta, symbol: Symbol) -> None:
    check_identity(meta, empty_candles(), symbol)


@pytest.mark.parametrize(
    ("meta", "symbol", "why"),
    [
        (Meta(symbol="DAX"), DAX, "answered with DAX"),
        (Meta(type="ETF"), DAX, "of type ETF, DAX is of type index"),
        (Meta(type="Digital Currency"), EURUSD, "of type Digital Currency"),
        (Meta(type="Physical Currency"), AAPL, "of type Physical Currency"),
        (Meta(exchange="NASDAQ"), DAX, "comes from NASDAQ, DAX trades on XETR"),
        (Meta(mic_code="XPAR"), DAX, "comes from XPAR"),
        (Meta(currency="USD"), DAX, "is in USD, DAX is in EUR"),
        (Meta(currency_quote="Euro"), EURUSD, "is in EUR, EUR/USD is in USD"),
        (Meta(currency="GBp"), AAPL, "is in GBp"),
    ],
)
def test_contradictions(meta: Meta, symbol: Symbol, why: str) -> None:
    with pytest.raises(WrongInstrument, match=why):
        check_identity(meta, empty_candles(), symbol)


@pytest.mark.parametrize("close", [0.000116, 11_600.0])
def test_prices_of_another_scale(close: float) -> None:
    with pytest.raises(WrongInstrument, match=r"lie between 0\.5 and 2\.5"):
        check_identity(Meta(symbol="EUR/USD"), _closes(close, close, close), EURUSD)


def test_one_wild_price_is_not_another_scale() -> None:
    check_identity(Meta(symbol="EUR/USD"), _closes(1.16, float("nan"), float("inf"), 11_600.0, 1.17), EURUSD)


def test_the_etf_that_answers_to_dax_is_refused_with_its_remedy() -> None:
    row = Symbol(
        name="DAX", calendar="XETR", instrument=InstrumentType.INDEX, tick_size=0.5, currency="EUR", exchange="XETR"
    )
    etf = Meta(symbol="DAX", type="ETF", exchange="NASDAQ", mic_code="XNMS", currency="USD")
    with pytest.raises(WrongInstrument) as caught:
        check_identity(etf, _closes(47.0), row)
    text = str(caught.value)
    for part in ("type ETF", "NASDAQ", "USD", "set the name of DAX at twelve_data to GDAXI"):
        assert part in text


def _closes(*closes: float) -> pd.DataFrame:
    ts = pd.date_range("2026-03-02", periods=len(closes), freq="min", tz="UTC")
    return as_candles(pd.DataFrame({"ts": ts, **dict.fromkeys(("open", "high", "low", "close"), closes)}))
