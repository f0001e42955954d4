"""The shells of the trading day: sensors and schedules evaluated on a real instance, their runs carried out.

What they decide is tested as tables (``automation``); here it is that they see what is stored, ask for runs that
Dagster can carry out, and have nothing more to ask when these are done.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from tradematrix_pipelines.defs.partitions import SYMBOLS
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import read_symbols, set_active
from tradematrix_pipelines.storage.tables import market_symbols
from tradematrix_pipelines_tests.defs.day import CLOSED, OPEN, Day


def test_the_live_schedule_pulls_what_is_open_in_one_run(day: Day) -> None:
    asked = day.schedule("live")
    assert not isinstance(asked, str)
    assert set(asked[0].run_config["ops"]["pull"]["config"]["symbols"]) == {"DAX", "NDX", "DJI", "EUR/USD", "XAG/USD"}
    assert day.pull(asked)
    assert (day.simulator.counts.calls, day.simulator.counts.credits) == (1, 5)
    assert day.ask("SELECT purpose, credits FROM vendor_credits") == [("live", 5)]
    assert day.ask("SELECT timeframe::text, count(*) FROM ohlc JOIN market_symbols ON id = symbol_id "
                   "WHERE symbol = 'NDX' AND timeframe <= '15m' GROUP BY timeframe ORDER BY ohlc.timeframe") == [
        ("1m", 30), ("5m", 6), ("15m", 2),
    ]  # fmt: skip
    assert day.ask("SELECT count(*) FROM current_prices WHERE at = '2026-11-20 15:00+00'") == [(5,)]
    shown = day.instance.get_materialized_partitions(dg.AssetKey("ohlc_5m"))
    assert "2026-11-20|NDX" in shown
    # The pull's materializations don't outdate the check: it reports it.
    keys = [dg.AssetCheckKey(dg.AssetKey(f"ohlc_{timeframe}"), "fresh") for timeframe in ("1m", "5m", "15m")]
    checks = day.instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    assert {key: (record.status.value, record.run_id) for key, record in checks.items()} == {
        key: ("SUCCEEDED", day.instance.get_runs(limit=1)[0].run_id) for key in keys
    }
    reason = day.schedule("live")
    assert isinstance(reason, str)
    assert "NDX: pulled at 15:00 UTC, every 3 minutes" in reason
    assert day.simulator.counts.credits == 5


def test_no_minute_is_lost_when_ticks_are_late(day: Day) -> None:
    assert day.pull(day.schedule("live"))
    assert day.pull(day.at(OPEN + timedelta(minutes=47)).schedule("live"))
    [(minutes,)] = day.ask("SELECT count(*) FROM ohlc JOIN market_symbols ON id = symbol_id "
                           "WHERE symbol = 'DAX' AND timeframe = '1m'")  # fmt: skip
    assert minutes == (15 - 8) * 60 + 47


def test_one_failing_symbol_does_not_affect_the_others(day: Day) -> None:
    day.simulator.set_faults("gated@NDX")
    assert day.pull(day.schedule("live")), "a run fails only where no pull succeeded"
    assert day.ask("SELECT count(DISTINCT symbol_id) FROM ohlc") == [(4,)]
    assert day.ask("SELECT symbol FROM session_coverage JOIN market_symbols ON id = symbol_id "
                   "WHERE timeframe = '1m' AND status = 'failed'") == [("NDX",)]  # fmt: skip
    asked = day.at(OPEN + timedelta(minutes=4)).schedule("live")
    assert not isinstance(asked, str)
    assert set(asked[0].run_config["ops"]["pull"]["config"]["symbols"]) == {"DAX", "DJI", "EUR/USD", "XAG/USD"}, (
        "what is refused is asked for less and less"
    )


def test_a_pull_without_any_result_fails(day: Day) -> None:
    day.simulator.set_faults("gated")
    assert not day.pull(day.schedule("live"))


def test_a_closed_market_costs_nothing_and_says_when_it_opens(day: Day) -> None:
    reason = day.at(datetime(2026, 11, 21, 12, tzinfo=UTC)).schedule("live")
    assert isinstance(reason, str)
    assert "DAX: closed, opens Mon 2026-11-23 08:00 UTC" in reason
    assert day.simulator.counts.calls == 0


def test_a_session_is_fetched_completely_after_its_close_then_its_levels(day: Day) -> None:
    assert day.pull(day.schedule("live"))
    candles = day.at(CLOSED).sensor("session_close")
    assert day.carry_out(candles) == [None] * len(candles)
    levels = day.sensor("session_close")
    assert day.carry_out(levels) == [None] * len(levels)
    assert day.ask("SELECT count(*) FROM session_coverage WHERE NOT (final AND status = 'complete')") == [(0,)]
    assert day.ask("SELECT count(*) FROM levels_daily WHERE trade_date = '2026-11-23'") == [(5,)]
    assert day.ask("SELECT count(*) FROM vendor_credits WHERE purpose = 'backfill'") == [(0,)]
    assert day.sensor("session_close") == "nothing to fetch; next: DAX at Mon 16:32 UTC"
    assert day.schedule("daily_close") == "nothing is missing"
    assert day.schedule("pivots") == "nothing is missing"


def test_only_levels_whose_day_was_revised_are_computed_again(day: Day) -> None:
    with Database.open(day.settings) as database:
        for name in ("NDX", "DJI", "EUR/USD", "XAG/USD"):
            set_active(database.engine, name, active=False)
    for _ in range(2):
        day.carry_out(day.at(CLOSED).sensor("session_close"))
    [before] = day.ask("SELECT y_high, computed_at FROM levels_daily WHERE trade_date = '2026-11-23'")
    with Database.open(day.settings) as database, database.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE ohlc SET high = high + 1 WHERE timeframe = '1d' AND ts = '2026-11-20 08:00+00'"
        )
    day.at(CLOSED + timedelta(minutes=5))
    assert day.carry_out(day.sensor("session_close")) == [None]
    [after] = day.ask("SELECT y_high, computed_at FROM levels_daily WHERE trade_date = '2026-11-23'")
    assert after[0] == float(str(before[0])) + 1
    assert isinstance(day.sensor("session_close"), str)
    assert day.ask("SELECT count(*) FROM levels_daily WHERE computed_at > '2026-11-20 22:06+00'") == [(1,)]


def test_the_deadlines_fetch_what_no_sensor_did(day: Day) -> None:
    candles = day.at(datetime(2026, 11, 20, 19, 59, tzinfo=UTC)).schedule("daily_close")
    assert day.carry_out(candles) == [None] * len(candles)
    levels = day.at(datetime(2026, 11, 21, 6, 55, tzinfo=UTC)).schedule("pivots")
    assert day.carry_out(levels) == [None] * len(levels)
    assert day.ask("SELECT count(*) FROM levels_daily WHERE trade_date = '2026-11-23'") == [(1,)], "the DAX's"


def test_a_failed_session_is_healed_by_itself_and_finally_exhausted(day: Day) -> None:
    day.simulator.set_faults("gated@NDX")
    first = day.at(CLOSED).sensor("session_close")
    assert [error is not None for error in day.carry_out(first)].count(True) == 1
    assert isinstance(day.sensor("self_healing"), str), "not at once"
    now, attempts = CLOSED, 1
    while attempts < 8:
        now += timedelta(days=1)
        asked = day.at(now).sensor("self_healing")
        assert not isinstance(asked, str)
        assert {request.tags[ASSET_PARTITION_RANGE_START_TAG][11:] for request in asked} == {"NDX"}
        assert all(day.carry_out(asked))
        attempts += 1
    assert isinstance(day.at(now + timedelta(days=2)).sensor("self_healing"), str)
    assert day.ask("SELECT DISTINCT attempts FROM session_coverage WHERE status = 'failed'") == [(8,)]


def test_a_healed_session_gets_its_levels(day: Day) -> None:
    day.simulator.set_faults("gated@NDX")
    day.carry_out(day.at(CLOSED).sensor("session_close"))
    day.simulator.set_faults()
    assert day.carry_out(day.at(CLOSED + timedelta(minutes=6)).sensor("self_healing")) == [None]
    levels = day.sensor("session_close")
    assert day.carry_out(levels) == [None] * len(levels)
    assert day.ask("SELECT count(*) FROM levels_daily WHERE trade_date = '2026-11-23'") == [(5,)]


def test_symbols_and_partitions_follow_each_other(day: Day) -> None:
    def changes() -> tuple[set[str], set[str]]:
        sensor = day.find_sensor("symbols")
        with dg.build_sensor_context(instance=day.instance) as context:
            data = sensor.evaluate_tick(context)
        new, gone = set[str](), set[str]()
        for request in data.dynamic_partitions_requests or []:
            target = new if isinstance(request, dg.AddDynamicPartitionsRequest) else gone
            target.update(request.partition_keys)
            if target is new:
                day.instance.add_dynamic_partitions(str(SYMBOLS.name), list(request.partition_keys))
            else:
                for key in request.partition_keys:
                    day.instance.delete_dynamic_partition(str(SYMBOLS.name), key)
        return new, gone

    assert changes() == (set(), set())
    with Database.open(day.settings) as database:
        set_active(database.engine, "DJI", active=False)
        with database.engine.begin() as connection:
            row = {"symbol": "SPX", "instrument": "index", "calendar": "XNYS", "timezone": "America/New_York"}
            connection.execute(market_symbols.insert(), {**row, "currency": "USD", "tick_size": 0.25})
    assert changes() == ({"SPX"}, {"DJI"})
    day.instance.add_dynamic_partitions(str(SYMBOLS.name), ["GBP/USD", "nonsense"])
    assert changes() == (set(), {"nonsense"})
    with Database.open(day.settings) as database:
        known = {symbol.name: symbol for symbol in read_symbols(database.engine, only_active=False)}
        assert known["GBP/USD"].calendar == "FX"
        assert not known["DJI"].active
        set_active(database.engine, "DJI", active=True)
    assert changes() == ({"DJI"}, set())


def test_a_market_that_trades_on_weekends_waits_for_the_setting(day: Day) -> None:
    def add() -> None:
        with Database.open(day.settings) as database, database.engine.begin() as connection:
            row = {"symbol": "BTC/USD", "instrument": "crypto", "calendar": "24/7", "timezone": "UTC"}
            connection.execute(
                market_symbols.insert(), {**row, "currency": "USD", "tick_size": 0.01, "gap_tolerance": 15}
            )

    add()
    asked = day.schedule("live")
    assert not isinstance(asked, str)
    assert "BTC/USD" not in asked[0].run_config["ops"]["pull"]["config"]["symbols"]
    day.settings = day.settings.model_copy(update={"weekends": True})
    asked = day.at(datetime(2026, 11, 21, 12, tzinfo=UTC)).schedule("live")
    assert not isinstance(asked, str)
    assert asked[0].run_config["ops"]["pull"]["config"]["symbols"] == ["BTC/USD"]
    assert day.pull(asked)
    requests = day.at(datetime(2026, 11, 22, 0, 3, tzinfo=UTC)).sensor("session_close")
    assert "2026-11-21|BTC/USD" in {request.tags[ASSET_PARTITION_RANGE_END_TAG] for request in requests}
