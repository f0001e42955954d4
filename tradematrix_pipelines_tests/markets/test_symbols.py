"""What a symbol may be called, and what its name and calendar say about it."""

from dataclasses import replace

import pytest

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.symbols import (
    DEFAULT_SYMBOLS,
    InstrumentType,
    Symbol,
    check_symbol_name,
    currency_pair,
    default_gap_tolerance,
    guess_instrument,
    match_symbol,
    price_digits,
)


def symbol(name: str = "ABC", tick_size: float = 0.01) -> Symbol:
    return Symbol(
        name=name,
        calendar="XNYS",
        instrument=InstrumentType.STOCK,
        tick_size=tick_size,
        currency="USD",
        vendor_symbols={"yahoo": "^ABC"},
    )


@pytest.mark.parametrize("name", ["EUR/USD", "^GDAXI", "BRK.B", "GC=F", "A", "X" * 32, "..", "ÖMV"])
def test_names_of_symbols(name: str) -> None:
    assert symbol(name).name == name


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("", "is empty, too long"),
        ("X" * 33, "is empty, too long"),
        ("A...B", "is empty, too long or holds '...'"),
        ("A|B", "holds '|'"),
        ("A B", "holds ' '"),
        ("A\n", r"holds '\n'"),
        ("A\x00", r"holds '\x00'"),
        ("b,[a,]", "holds ',' '[' ']'"),
        ("A\\B", r"holds '\\'"),
        *((f"A{quote}B", f"holds {quote!r}") for quote in "\"'`"),
    ],
)
def test_a_name_that_a_partition_key_cannot_contain_is_refused(name: str, what: str) -> None:
    for refuses in (check_symbol_name, symbol, currency_pair):
        with pytest.raises(UsageError) as caught:
            refuses(name)
        assert f"symbol {name!r} {what}" in str(caught.value)
        assert "use up to 32 printable characters" in str(caught.value)


@pytest.mark.parametrize("tick_size", [0.0, -0.01, float("nan")])
def test_a_tick_is_greater_than_nothing(tick_size: float) -> None:
    with pytest.raises(UsageError, match=r"ABC: tick size .* must be greater than 0"):
        symbol(tick_size=tick_size)


def test_a_vendor_that_is_not_listed_uses_the_symbols_own_name() -> None:
    assert (symbol().symbol_at("yahoo"), symbol().symbol_at("twelve_data")) == ("^ABC", "ABC")


@pytest.mark.parametrize(
    ("name", "calendar", "instrument", "gap_tolerance"),
    [
        ("BTC/USD", "24/7", InstrumentType.CRYPTO, 15),
        ("EUR/USD", "FX", InstrumentType.FOREX, 15),
        *((f"{metal}/USD", "FX", InstrumentType.METAL, 75) for metal in ("XAU", "XAG", "XPT", "XPD")),
        ("XAU/USD", "METALS", InstrumentType.METAL, 20),
        ("GER30", "DE40", InstrumentType.INDEX, 15),
        ("XAU/USD", "XNYS", InstrumentType.INDEX, None),
    ],
)
def test_what_name_and_calendar_suggest(
    name: str, calendar: str, instrument: InstrumentType, gap_tolerance: int | None
) -> None:
    assert guess_instrument(name, calendar) is instrument
    assert default_gap_tolerance(instrument, calendar) == gap_tolerance


def test_the_gap_tolerance_of_what_has_to_be_named() -> None:
    assert default_gap_tolerance(InstrumentType.FUTURE, "CMES") == 75
    assert default_gap_tolerance(InstrumentType.STOCK, "XNYS") is None
    assert default_gap_tolerance(InstrumentType.ETF, "XNYS") is None


@pytest.mark.parametrize(
    ("name", "instrument", "tick_size", "gap_tolerance"),
    [
        ("GBP/USD", InstrumentType.FOREX, 0.0001, 15),
        ("USD/JPY", InstrumentType.FOREX, 0.01, 15),
        ("JPY/USD", InstrumentType.FOREX, 0.0001, 15),
        ("XAU/EUR", InstrumentType.METAL, 0.01, 20),
    ],
)
def test_a_currency_pair_is_known_by_its_name(
    name: str, instrument: InstrumentType, tick_size: float, gap_tolerance: int
) -> None:
    assert currency_pair(name) == Symbol(
        name=name,
        calendar="METALS" if instrument is InstrumentType.METAL else "FX",
        instrument=instrument,
        tick_size=tick_size,
        currency=name.split("/")[1],
        gap_tolerance=gap_tolerance,
    )


@pytest.mark.parametrize("name", ["DAX", "EURUSD", "eur/usd", "EUR/USDT", "EURO/USD", "EU/USD"])
def test_other_names_are_no_pair(name: str) -> None:
    assert currency_pair(name) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("DAX", "DAX"), ("dax", "DAX"), ("EURUSD", "EUR/USD"), ("eur/usd", "EUR/USD"), ("eur-usd", "EUR/USD"),
        ("xagusd", "XAG/USD"), ("dax 40", "DAX"), ("silver / us dollar", "XAG/USD"), ("EUR", None), ("", None),
        ("/", None),
    ],
)  # fmt: skip
def test_a_symbol_is_understood_as_people_write_it(text: str, name: str | None) -> None:
    symbol = match_symbol(text, DEFAULT_SYMBOLS)
    assert (symbol and symbol.name) == name


def test_a_name_that_means_two_symbols_means_none() -> None:
    both = [replace(DEFAULT_SYMBOLS[0], name="EURUSD"), replace(DEFAULT_SYMBOLS[0], name="EUR/USD")]
    assert match_symbol("EUR/USD", both) == both[1]
    assert match_symbol("eurusd", both) is None


@pytest.mark.parametrize(
    ("tick_size", "digits"), [(1, 1), (0.5, 2), (0.01, 3), (0.25, 3), (0.00001, 6), (10, 1), (1e-9, 10)]
)
def test_a_price_is_shown_with_one_digit_more_than_its_tick(tick_size: float, digits: int) -> None:
    assert price_digits(tick_size) == digits
