"""Storing and reading level books, and what they are computed from."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from tradematrix_pipelines.candles.coverage import Coverage, Status, Verdict
from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.levels.book.model import BookLevel, Kind, Source
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.splits import Split
from tradematrix_pipelines.markets.symbols import InstrumentType, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.book_inputs import BookReader
from tradematrix_pipelines.storage.book_updates import compute_books, update_book
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.level_book import SessionBook, read_book, write_books
from tradematrix_pipelines.storage.symbols import add_symbols, count_stored, find_symbols, remove_symbol

FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
EVENING = datetime(2026, 11, 20, 17, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SOURCE = Source(Timeframe.D1, FRIDAY, FRIDAY)


@pytest.fixture
def dax(database: Database) -> Symbol:
    return find_symbols(database.engine, ["DAX"])[0]


def level(name: str, price: float) -> BookLevel:
    return BookLevel(kind=Kind.PREVIOUS_DAY, name=name, price=price, known_at=EVENING, source=SOURCE)


def store(database: Database, symbol: Symbol, levels: Sequence[BookLevel], *, now: datetime, whole: bool = True) -> int:
    kinds = [Kind.PREVIOUS_DAY] if whole else []
    book = SessionBook(symbol=symbol, trade_date=MONDAY, levels=levels, whole=kinds)
    return write_books(database.engine, [book], now=now)


def stored(database: Database, symbol: Symbol, as_of: datetime | None = None) -> dict[str, float]:
    rows = read_book(database.engine, [symbol], MONDAY, MONDAY, as_of=as_of)
    return dict(zip(rows["name"], rows["price"], strict=True))


def test_what_is_replaced_or_dropped_is_kept(database: Database, dax: Symbol) -> None:
    at = [EVENING + n * MINUTE for n in range(5)]
    assert store(database, dax, [level("high", 3.0), level("low", 1.0)], now=at[0]) == 2
    assert store(database, dax, [level("high", 3.0), level("low", 1.0)], now=at[1]) == 0
    assert store(database, dax, [level("high", 4.0), level("low", 1.0)], now=at[2]) == 1
    assert store(database, dax, [level("high", 4.0)], now=at[3]) == 1
    # Levels that are only added drop none.
    assert store(database, dax, [level("mid", 2.0)], now=at[4], whole=False) == 1
    assert stored(database, dax) == {"high": 4, "mid": 2}
    states = [stored(database, dax, as_of=moment) for moment in (EVENING - MINUTE, *at)]
    both = {"high": 3, "low": 1}
    assert states == [{}, both, both, {"high": 4, "low": 1}, {"high": 4}, {"high": 4, "mid": 2}]


def test_a_removed_symbol_takes_its_levels_along(database: Database, dax: Symbol) -> None:
    store(database, dax, [level("high", 3.0)], now=EVENING)
    store(database, dax, [level("high", 4.0)], now=EVENING + MINUTE)
    assert count_stored(database.engine, dax) == {"levels": 1, "level_revisions": 1}
    remove_symbol(database.engine, dax, purge=True)
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM level_revisions")).scalar_one() == 0


def test_readers_have_a_view(database: Database, dax: Symbol) -> None:
    store(database, dax, [level("high", 3.0)], now=EVENING)
    with database.engine.connect() as connection:
        [row] = connection.execute(text("SELECT * FROM api.levels")).mappings()
    assert dict(row) == {
        "symbol": "DAX", "trade_date": MONDAY, "kind": "previous_day", "name": "high", "price": 3, "unit": "price",
        "known_at": EVENING, "verdict": "accepted",
    }  # fmt: skip


def test_a_symbols_kinds_are_stored(database: Database) -> None:
    own = Symbol(
        name="ABC", calendar="XNYS", instrument=InstrumentType.STOCK, tick_size=0.01, currency="USD",
        level_kinds=("gap", "previous_day"),
    )  # fmt: skip
    add_symbols(database.engine, [own])
    [abc, dax] = find_symbols(database.engine, ["ABC", "DAX"])
    assert (abc.level_kinds, dax.level_kinds) == (("gap", "previous_day"), None)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE market_symbols SET level_kinds = '{gap}' WHERE symbol = 'ABC'"))
    assert find_symbols(database.engine, ["ABC"])[0].level_kinds == ("gap",)


def session_of(symbol: Symbol, day: date) -> Session:
    session = calendar_of(symbol).session(day)
    assert session is not None
    return session


def bring_in(
    database: Database,
    symbol: Symbol,
    day: date,
    price: float,
    *,
    verdict: Verdict | None = Verdict.ACCEPTED,
    count: int | None = None,
    status: Status = Status.COMPLETE,
) -> None:
    """Store a session's minutes and day: minute n opens and closes at ``price`` + n / 100, a hundredth either way."""
    session = session_of(symbol, day)
    grid = session.bar_opens(Timeframe.M1)[:count]
    final = count is None
    closes = price + np.arange(len(grid)) / 100
    ts = pd.Series(grid).dt.tz_localize("UTC")
    minutes = pd.DataFrame({"ts": ts, "open": closes, "high": closes + 0.01, "low": closes - 0.01, "close": closes})
    whole = {"open": closes[0], "high": closes[-1] + 0.01, "low": closes[0] - 0.01, "close": closes[-1]}
    frames = {Timeframe.M1: minutes}
    if final:
        frames[Timeframe.D1] = pd.DataFrame({"ts": [pd.Timestamp(session.opens_at)], **whole})
    for timeframe, frame in frames.items():
        coverage = Coverage(
            timeframe=timeframe, trade_date=day, status=status, final=final, expected=len(frame),
            received=len(frame), source="files", opens_at=session.opens_at, closes_at=session.closes_at,
            verdict=verdict if final else None,
        )  # fmt: skip
        batch = SeriesBatch(
            symbol=symbol, timeframe=timeframe, candles=as_candles(frame), coverage=(coverage,), source="files"
        )
        write(database.engine, [batch], now=session.closes_at)


def computed(
    database: Database, symbol: Symbol, *days: date, now: datetime, allow_doubtful: bool = False
) -> dict[date, SessionBook]:
    reader = BookReader(database=database, symbol=symbol, now=now, allow_doubtful=allow_doubtful)
    return {one.book.trade_date: one.book for _, _, books in compute_books(reader, days) for one in books}


def prices(book: SessionBook) -> dict[tuple[Kind, str], float]:
    return {(one.kind, one.name): one.price for one in book.levels}


def test_the_session_before_is_completed_by_its_final_minutes(database: Database, dax: Symbol) -> None:
    bring_in(database, dax, FRIDAY, 24_000)
    books = computed(database, dax, MONDAY, now=EVENING)
    assert set(books) == {FRIDAY, MONDAY}
    assert prices(books[FRIDAY])[Kind.OPENING_RANGE, "5m high"] == pytest.approx(24_000.05)
    assert {one.kind for one in books[FRIDAY].levels} == {Kind.OPENS, Kind.OPENING_RANGE, Kind.INITIAL_BALANCE}
    monday = prices(books[MONDAY])
    assert monday[Kind.PREVIOUS_DAY, "close"] == pytest.approx(24_005.09)
    assert (Kind.TIME_PROFILE, "poc") in monday


def test_sessions_that_are_not_usable_give_no_levels(database: Database, dax: Symbol) -> None:
    bring_in(database, dax, FRIDAY, 24_000, status=Status.PARTIAL)
    books = computed(database, dax, MONDAY, now=EVENING)
    assert books[MONDAY].levels == books[FRIDAY].levels == []
    # What was known while the session ran stays.
    assert set(books[FRIDAY].whole) == set()


def test_doubtful_sessions_count_only_where_allowed_and_leave_a_mark(database: Database, dax: Symbol) -> None:
    bring_in(database, dax, date(2026, 11, 19), 23_990)
    bring_in(database, dax, FRIDAY, 24_000, verdict=Verdict.DOUBTFUL)
    assert not [
        one for one in computed(database, dax, MONDAY, now=EVENING)[MONDAY].levels if one.kind is not Kind.OPENS
    ]
    book = computed(database, dax, MONDAY, now=EVENING, allow_doubtful=True)[MONDAY]
    assert (Kind.PREVIOUS_DAY, "high") in book.doubtful
    assert (Kind.TIME_PROFILE, "poc") in book.doubtful
    write_books(database.engine, [book], now=EVENING)
    rows = read_book(database.engine, [dax], MONDAY, MONDAY)
    assert set(rows["verdict"]) == {"doubtful"}
    before = computed(database, dax, FRIDAY, now=EVENING, allow_doubtful=True)[FRIDAY]
    marked = {kind for kind, _ in before.doubtful}
    assert Kind.GAP in marked, "from Friday's minutes"
    assert Kind.PREVIOUS_DAY not in marked, "from Thursday"


def test_prices_before_a_split_are_in_the_units_of_the_session(database: Database) -> None:
    stock = Symbol(name="ABC", calendar="XNYS", instrument=InstrumentType.STOCK, tick_size=0.01, currency="USD")
    add_symbols(database.engine, [stock])
    [stock] = find_symbols(database.engine, ["ABC"])
    bring_in(database, stock, FRIDAY, 400)
    now = datetime(2026, 11, 20, 22, tzinfo=UTC)
    split = replace(stock, splits=(Split(trade_date=MONDAY, ratio=4.0),))
    old, new = (prices(computed(database, one, MONDAY, now=now)[MONDAY]) for one in (stock, split))
    assert old[Kind.PREVIOUS_DAY, "high"] == pytest.approx(403.9)
    for key in ((Kind.PREVIOUS_DAY, "high"), (Kind.TIME_PROFILE, "poc"), (Kind.DAY_PIVOTS, "classic pp")):
        assert new[key] == pytest.approx(old[key] / 4, abs=0.2), key
    # Friday's own levels stay in the units that were traded.
    friday = computed(database, split, MONDAY, now=now)[FRIDAY]
    assert prices(friday)[Kind.OPENS, "day"] == 400


def test_levels_of_the_open_session_appear_when_they_are_known(database: Database, dax: Symbol) -> None:
    bring_in(database, dax, date(2026, 11, 19), 24_000)
    session = session_of(dax, FRIDAY)
    seen = []
    for count in (0, 4, 5, 30):
        if count:
            bring_in(database, dax, FRIDAY, 24_010, count=count)
        update_book(database, dax, session, now=session.opens_at + count * MINUTE)
        rows = read_book(database.engine, [dax], FRIDAY, FRIDAY)
        seen.append(set(zip(rows["kind"], rows["name"], strict=True)))
    first = {("opens", "day"), ("gap", "size"), ("gap", "fill")}
    five = {("opening_range", f"5m {side}") for side in ("high", "low")}
    more = {("opening_range", f"{n}m {side}") for n in (15, 30) for side in ("high", "low")}
    assert [names for names in seen if ("opens", "week") in names] == []
    assert seen == [set(), first, first | five, first | five | more]
    assert update_book(database, dax, session, now=session.opens_at + 30 * MINUTE) == 0


def test_a_far_minute_of_the_open_session_has_to_wait(database: Database, dax: Symbol) -> None:
    bring_in(database, dax, date(2026, 11, 19), 24_000)
    bring_in(database, dax, FRIDAY, 24_010, count=30)
    session = session_of(dax, FRIDAY)
    with database.engine.begin() as connection:
        far = {"ts": session.opens_at + 29 * MINUTE}
        connection.execute(text("UPDATE ohlc SET high = 26000 WHERE timeframe = '1m' AND ts = :ts"), far)
    update_book(database, dax, session, now=session.opens_at + 30 * MINUTE)
    rows = read_book(database.engine, [dax], FRIDAY, FRIDAY, kinds=[Kind.OPENING_RANGE])
    assert {name.split()[0] for name in rows["name"]} == {"5m", "15m"}
