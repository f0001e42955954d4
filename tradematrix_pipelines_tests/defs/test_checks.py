"""How fresh each asset is, and how it is reported to Dagster: on a real Postgres and a real instance."""

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pandas as pd
import pytest
from sqlalchemy import text

from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.checks import build_freshness_sensor
from tradematrix_pipelines.defs.freshness import judge_freshness
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.runs import run_sessions
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.levels.book.model import BookLevel, Kind, Source
from tradematrix_pipelines.levels.daily import DailyLevels
from tradematrix_pipelines.levels.pivots import Method, pivots
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.level_book import SessionBook, write_books
from tradematrix_pipelines.storage.levels import write_levels
from tradematrix_pipelines.storage.symbols import read_symbols

CANDLES = [f"ohlc_{timeframe}" for timeframe in Timeframe]
ASSETS = [*CANDLES, "daily_levels", "pivot_points", "level_book"]
THURSDAY, FRIDAY, MONDAY = date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 23)
SATURDAY = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""Monday: Xetra and FX are open, New York opens in two and a half hours."""


def bring_in(
    database: Database,
    symbol: Symbol,
    day: date,
    *,
    status: Status = Status.COMPLETE,
    final: bool = True,
    timeframes: Collection[Timeframe] = tuple(Timeframe),
) -> None:
    """Store the coverage of one session, without its candles."""
    session = get_calendar(symbol.calendar).session(day)
    assert session is not None
    for timeframe in timeframes:
        coverage = Coverage(
            timeframe=timeframe, trade_date=day, status=status, final=final, expected=10,
            received=10 if status is Status.COMPLETE else 7, longest_gap=3, source="simulator",
            opens_at=session.opens_at, closes_at=session.closes_at,
        )  # fmt: skip
        batch = SeriesBatch(symbol=symbol, timeframe=timeframe, coverage=(coverage,), source="simulator")
        write(database.engine, [batch], now=session.closes_at)


def compute(database: Database, symbol: Symbol, trade_date: date) -> None:
    """Store levels to trade this session with."""
    prices = {"high": 3.0, "low": 1.0, "close": 2.0}
    daily = DailyLevels(
        trade_date=trade_date, y_trade_date=trade_date - timedelta(days=1), y_open=2, y_high=3, y_low=1, y_close=2,
        prev_week_high=None, prev_week_low=None, atr_14=None,
    )  # fmt: skip
    classic = (symbol, trade_date, pivots(Method.CLASSIC, **prices))
    write_levels(database.engine, daily=[(symbol, daily)], pivots=[classic], now=SATURDAY)
    source = Source(Timeframe.D1, FRIDAY, FRIDAY)
    level = BookLevel(kind=Kind.PREVIOUS_DAY, name="high", price=3, known_at=SATURDAY, source=source)
    write_books(database.engine, [SessionBook(symbol=symbol, trade_date=trade_date, levels=[level])], now=SATURDAY)


def bar(database: Database, symbol: Symbol, timeframe: Timeframe, opens_at: datetime) -> None:
    frame = pd.DataFrame({"ts": [opens_at], "open": 2.0, "high": 2.0, "low": 2.0, "close": 2.0})
    batch = SeriesBatch(symbol=symbol, timeframe=timeframe, candles=as_candles(frame), source="simulator")
    write(database.engine, [batch], now=opens_at)


@pytest.fixture
def symbols(database: Database) -> dict[str, Symbol]:
    # Old enough to be judged: a new symbol is not late.
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE market_symbols SET created_at = '2026-01-01'"))
    return {symbol.name: symbol for symbol in read_symbols(database.engine)}


@pytest.fixture
def friday(database: Database, symbols: dict[str, Symbol]) -> Database:
    """Friday is stored, and Monday's levels."""
    for symbol in symbols.values():
        bring_in(database, symbol, FRIDAY)
        compute(database, symbol, MONDAY)
    return database


def late(database: Database, now: datetime) -> dict[str, list[str]]:
    """Return the late symbols by asset, without the assets that have none."""
    judged = judge_freshness(database, read_symbols(database.engine), now=now)
    assert list(judged) == ASSETS
    return {asset: [row.symbol for row in rows] for asset, rows in judged.items() if rows}


def reasons(database: Database, now: datetime, asset: str) -> list[str]:
    judged = judge_freshness(database, read_symbols(database.engine), now=now)
    return [f"{row.symbol}: {row.reason}" for row in judged[asset]]


@pytest.mark.parametrize(
    "now",
    [
        pytest.param("2026-11-20T22:40", id="the evening"),
        pytest.param("2026-11-21T03:00", id="the night"),
        pytest.param("2026-11-22T12:00", id="the weekend"),
        pytest.param("2026-11-22T22:20", id="FX has just opened"),
        pytest.param("2026-11-23T08:10", id="Xetra too"),
    ],
)
def test_complete_sessions_stay_fresh_while_markets_are_closed(
    friday: Database, symbols: dict[str, Symbol], now: str
) -> None:
    if now > "2026-11-22T23":
        for name in ("EUR/USD", "XAG/USD"):
            for timeframe in INTRADAY:
                bar(friday, symbols[name], timeframe, datetime(2026, 11, 23, 7, 45, tzinfo=UTC))
    assert late(friday, datetime.fromisoformat(now).replace(tzinfo=UTC)) == {}


def test_on_a_holiday_the_previous_session_is_due(database: Database, symbols: dict[str, Symbol]) -> None:
    thanksgiving = datetime(2026, 11, 26, 18, tzinfo=UTC)
    for name in ("NDX", "DJI"):
        bring_in(database, symbols[name], date(2026, 11, 25))
        compute(database, symbols[name], date(2026, 11, 27))
    assert late(database, thanksgiving)["ohlc_1m"] == ["DAX", "EUR/USD", "XAG/USD"]
    assert late(database, thanksgiving)["pivot_points"] == ["DAX", "EUR/USD", "XAG/USD"]


def test_nothing_stored_is_late_everywhere(database: Database, symbols: dict[str, Symbol]) -> None:
    assert late(database, SATURDAY) == {asset: list(symbols) for asset in ASSETS}
    assert reasons(database, SATURDAY, "ohlc_1h")[0] == "DAX: session 2026-11-20 is not stored"
    assert reasons(database, SATURDAY, "daily_levels")[0] == "DAX: no levels for session 2026-11-23"


def test_no_symbols_are_never_late(database: Database) -> None:
    assert judge_freshness(database, [], now=SATURDAY) == {asset: [] for asset in ASSETS}


def test_only_incomplete_sessions_are_late(friday: Database, symbols: dict[str, Symbol]) -> None:
    bring_in(friday, symbols["DAX"], FRIDAY, status=Status.PARTIAL, timeframes=[Timeframe.M5])
    bring_in(friday, symbols["NDX"], FRIDAY, final=False, timeframes=[Timeframe.D1])
    with friday.engine.begin() as connection:
        connection.execute(text("DELETE FROM pivot_levels WHERE symbol_id = 3"))
    assert late(friday, SATURDAY) == {"ohlc_5m": ["DAX"], "ohlc_1d": ["NDX"], "pivot_points": ["DJI"]}
    assert reasons(friday, SATURDAY, "ohlc_5m") == [
        "DAX: session 2026-11-20 is partial: 7 of 10 bars, longest gap 3 minutes"
    ]
    assert reasons(friday, SATURDAY, "ohlc_1d") == ["NDX: session 2026-11-20 was still open when it was last fetched"]


def test_a_session_and_the_levels_after_it_are_due_a_grace_after_its_close(
    friday: Database, symbols: dict[str, Symbol]
) -> None:
    closes_at = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
    for timeframe in INTRADAY:
        bar(friday, symbols["DAX"], timeframe, closes_at - timedelta(minutes=15))
    late_at = {
        minutes: [
            asset for asset, names in late(friday, closes_at + timedelta(minutes=minutes)).items() if "DAX" in names
        ]
        for minutes in (29, 30)
    }
    assert late_at == {29: [], 30: ASSETS}


@pytest.mark.parametrize(
    ("symbol", "ages", "expected"),
    [
        # Minutes since the newest bar of 1m, 5m, 15m, 1h closed. DAX may be 15 late, and silver 20 more.
        pytest.param("DAX", (15, 15, 15, 60), [], id="fresh"),
        pytest.param("DAX", (16, 19, 29, 74), ["ohlc_1m"], id="minutes"),
        pytest.param("DAX", (1, 20, 30, 75), ["ohlc_5m", "ohlc_15m", "ohlc_1h"], id="coarser"),
        pytest.param("XAG/USD", (35, 35, 35, 35), [], id="silver pauses"),
        pytest.param("XAG/USD", (36, 35, 35, 35), ["ohlc_1m"], id="and is back"),
    ],
)
def test_a_running_session_is_judged_by_its_newest_bar(
    friday: Database, symbols: dict[str, Symbol], symbol: str, ages: tuple[int, ...], expected: list[str]
) -> None:
    for known in symbols.values():
        closed = dict(zip(("1m", "5m", "15m", "1h"), ages, strict=True)) if known.name == symbol else {}
        for timeframe in INTRADAY:
            length = timeframe.length
            assert length is not None
            bar(friday, known, timeframe, AT_NOON - timedelta(minutes=closed.get(timeframe, 0)) - length)
    # Bars in the future, stored before the clock was set back, make nothing fresh.
    bar(friday, symbols[symbol], Timeframe.M1, AT_NOON + timedelta(hours=1))
    assert late(friday, AT_NOON) == {asset: [symbol] for asset in expected}


# Of Dagster: the check in a run, and the sensor's reports.


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with open_instance(settings) as opened:
        yield opened


def definitions(settings: Settings) -> dg.Definitions:
    everything = dg.AssetSelection.all_asset_checks()
    selection = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("ohlc_1m"), "fresh"))
    jobs = [
        dg.define_asset_job("checks", everything),
        dg.define_asset_job("one_check", selection),
        dg.define_asset_job("candles", dg.AssetSelection.groups("candles")),
    ]
    return dg.Definitions.merge(build_defs(settings), dg.Definitions(jobs=jobs))


def known(instance: dg.DagsterInstance) -> dict[str, tuple[bool, str | None]]:
    """Return whether the newest evaluation of each asset's check passed, and what it says."""
    keys = [dg.AssetCheckKey(dg.AssetKey(asset), "fresh") for asset in ASSETS]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    verdicts = {}
    for key, record in records.items():
        assert record.event is not None
        evaluation = record.event.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr]  # it has one
        assert evaluation.severity is dg.AssetCheckSeverity.WARN
        verdicts[key.asset_key.to_user_string()] = (evaluation.passed, evaluation.description)
    return verdicts


def test_the_check_of_every_asset_in_one_run(
    friday: Database, symbols: dict[str, Symbol], settings: Settings, instance: dg.DagsterInstance
) -> None:
    bring_in(friday, symbols["DAX"], FRIDAY, status=Status.PARTIAL, timeframes=[Timeframe.M5])
    result = definitions(settings).resolve_job_def("checks").execute_in_process(instance=instance)
    assert result.success, "late data stop nothing"
    [failed] = [evaluation for evaluation in result.get_asset_check_evaluations() if not evaluation.passed]
    assert failed.metadata["late"] == dg.MetadataValue.int(1)
    assert failed.metadata["symbols"] == dg.MetadataValue.int(5)
    assert failed.metadata["late_symbols"] == dg.MetadataValue.table(
        [dg.TableRecord({"symbol": "DAX", "why": "session 2026-11-20 is partial: 7 of 10 bars, longest gap 3 minutes"})]
    )
    assert {asset for asset, (passed, _) in known(instance).items() if passed} == set(ASSETS) - {"ohlc_5m"}


def test_one_check_alone(database: Database, settings: Settings, instance: dg.DagsterInstance) -> None:
    result = definitions(settings).resolve_job_def("one_check").execute_in_process(instance=instance)
    assert [row.asset_key.to_user_string() for row in result.get_asset_check_evaluations()] == ["ohlc_1m"]


def tick(
    instance: dg.DagsterInstance, cursor: str | None, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> tuple[list[str], str | None]:
    """Evaluate the sensor at ``now`` and store what it reports; return the assets reported and the new cursor."""
    monkeypatch.setenv("TRADEMATRIX_CLOCK", now.isoformat())
    sensor = build_freshness_sensor(load_settings())
    assert sensor.minimum_interval_seconds == 300
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        data = sensor.evaluate_tick(context)
    for event in data.asset_events:
        instance.report_runless_asset_event(event)
    if not data.asset_events:
        assert data.skip_message == "nothing has become late or fresh"
    return [event.asset_key.to_user_string() for event in data.asset_events], data.cursor or cursor


def test_the_sensor_reports_changes(
    friday: Database, symbols: dict[str, Symbol], instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported, cursor = tick(instance, None, monkeypatch, SATURDAY)
    assert reported == ASSETS, "the first tick reports all, so that the UI knows"
    assert set(known(instance).values()) == {(True, "fresh")}
    reported, cursor = tick(instance, cursor, monkeypatch, SATURDAY + timedelta(hours=1))
    assert reported == []
    # Monday: nothing is pulled. Minutes are late first, then what takes longer to close; levels are there.
    morning = datetime(2026, 11, 23, 8, 16, tzinfo=UTC)
    for name in ("EUR/USD", "XAG/USD"):
        for timeframe in INTRADAY:
            bar(friday, symbols[name], timeframe, datetime(2026, 11, 23, 8, tzinfo=UTC))
    reported, cursor = tick(instance, cursor, monkeypatch, morning)
    assert reported == ["ohlc_1m"]
    assert known(instance)["ohlc_1m"] == (
        False,
        "DAX: session 2026-11-23 has no bar more than 15 minutes of trading after its open at 2026-11-23 08:00 UTC",
    )
    reported, cursor = tick(instance, cursor, monkeypatch, morning + timedelta(minutes=1))
    assert reported == [], "still late for the same reason"
    bar(friday, symbols["DAX"], Timeframe.M1, morning)
    reported, cursor = tick(instance, cursor, monkeypatch, morning + timedelta(minutes=3))
    assert reported == ["ohlc_1m"]
    assert set(known(instance).values()) == {(True, "fresh")}


def test_the_sensor_corrects_outdated_verdicts_of_runs(
    friday: Database, symbols: dict[str, Symbol], instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, cursor = tick(instance, None, monkeypatch, SATURDAY)
    # A run reports it late, and it is fresh again before the next tick.
    bring_in(friday, symbols["DAX"], FRIDAY, status=Status.PARTIAL, timeframes=[Timeframe.M1])
    definitions(load_settings()).resolve_job_def("one_check").execute_in_process(instance=instance)
    assert not known(instance)["ohlc_1m"][0]
    bring_in(friday, symbols["DAX"], FRIDAY, timeframes=[Timeframe.M1])
    assert tick(instance, cursor, monkeypatch, SATURDAY) == (["ohlc_1m"], cursor)
    assert known(instance)["ohlc_1m"] == (True, "fresh")
    # A run of candles that fails before it reaches their checks.
    sync_symbols(instance, ["DAX"])
    monkeypatch.setenv("TRADEMATRIX_VENDOR", "nobody")
    failed = run_sessions(instance, definitions(load_settings()), "candles", symbol="DAX", first=FRIDAY, last=FRIDAY)
    assert "nobody" in (failed.error or "")
    assert tick(instance, cursor, monkeypatch, SATURDAY) == (CANDLES, cursor)
    assert tick(instance, cursor, monkeypatch, SATURDAY) == ([], cursor)


def test_a_materialization_without_the_check_outdates_it_and_the_sensor_reports_it_again(
    friday: Database, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, cursor = tick(instance, None, monkeypatch, SATURDAY)
    assert tick(instance, cursor, monkeypatch, SATURDAY) == ([], cursor)

    @dg.op
    def close(context: dg.OpExecutionContext) -> None:
        context.log_event(dg.AssetMaterialization("ohlc_1m", partition="2026-11-20|DAX"))

    @dg.job
    def session_close() -> None:
        close()

    session_close.execute_in_process(instance=instance)
    assert tick(instance, cursor, monkeypatch, SATURDAY) == (["ohlc_1m"], cursor)
    assert tick(instance, cursor, monkeypatch, SATURDAY) == ([], cursor)


def test_a_run_of_the_assets_has_no_step_for_their_checks(settings: Settings) -> None:
    job = definitions(settings).resolve_job_def("candles")
    assert [node.name for node in job.nodes] == ["ohlc"]


def test_the_definitions_load_with_the_assets_they_check() -> None:
    repository = definitions(load_settings({"TRADEMATRIX_HOME": "unused"})).get_repository_def()
    keys = repository.asset_graph.asset_check_keys
    assert sorted(key.asset_key.to_user_string() for key in keys if key.name == "fresh") == sorted(ASSETS)
    candles = {key.asset_key.to_user_string() for key in keys if key.name == "believable"}
    assert candles == {name for name in ASSETS if name.startswith("ohlc_")}
