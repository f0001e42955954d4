"""What a doubtful or refused session leads to in a running installation: real Postgres, Dagster, HTTP."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from tradematrix_pipelines.defs.partition_checks import BELIEVABLE, COMPLETE, RECONCILES
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.judgements import accept_session, withdraw_acceptance
from tradematrix_pipelines.storage.symbols import find_symbols, set_active
from tradematrix_pipelines_tests.defs.day import CLOSED, Day

FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
THURSDAY_EVENING = datetime(2026, 11, 19, 22, 5, tzinfo=UTC)
PAIR = "SELECT {} JOIN market_symbols ON id = symbol_id WHERE symbol = 'EUR/USD'"


@pytest.fixture
def pair(day: Day) -> Day:
    """An installation with two symbols, up to date on Thursday evening."""
    with Database.open(day.settings) as database:
        for name in ("NDX", "DJI", "XAG/USD"):
            set_active(database.engine, name, active=False)
    catch_up(day.at(THURSDAY_EVENING))
    return day


def catch_up(day: Day) -> None:
    while not isinstance(asked := day.sensor("session_close"), str):
        day.carry_out(asked)


def heal(day: Day) -> int:
    asked = day.sensor("self_healing")
    if isinstance(asked, str):
        return 0
    day.carry_out(asked)
    return len(asked)


def levels(day: Day) -> dict[str, str]:
    """The verdicts of Monday's levels, by symbol."""
    rows = day.ask(
        "SELECT symbol, l.verdict::text FROM levels_daily l JOIN market_symbols ON id = symbol_id "
        "WHERE trade_date = '2026-11-23'"
    )
    return {str(symbol): str(verdict) for symbol, verdict in rows}


def verdicts(day: Day) -> set[tuple[object, ...]]:
    return set(day.ask(PAIR.format("c.verdict::text FROM session_coverage c") + " AND trade_date = '2026-11-20'"))


def test_no_level_follows_from_a_doubtful_session_until_a_person_accepts_it(pair: Day) -> None:
    pair.simulator.set_faults("spike=0.03@EUR/USD")
    catch_up(pair.at(CLOSED))
    assert verdicts(pair) == {("doubtful",)}, "the coarser series too"
    assert levels(pair) == {"DAX": "accepted"}
    calls = pair.simulator.counts.calls
    assert heal(pair.at(CLOSED + timedelta(minutes=6))) == 1
    assert pair.simulator.counts.calls == calls + 1, "it is asked for once more"
    assert heal(pair.at(CLOSED + timedelta(hours=9))) == 0, "and then no more"
    assert levels(pair) == {"DAX": "accepted"}
    with Database.open(pair.settings) as database:
        [symbol] = find_symbols(database.engine, ["EUR/USD"])
        accepted = accept_session(database.engine, symbol, FRIDAY, reason="SNB", now=database.clock.now())
        assert [str(timeframe) for timeframe in accepted] == ["1m"]
    assert verdicts(pair) == {("accepted",)}
    catch_up(pair)
    assert levels(pair) == {"DAX": "accepted", "EUR/USD": "accepted"}
    with Database.open(pair.settings) as database:
        assert withdraw_acceptance(database.engine, symbol, FRIDAY, now=database.clock.now())
    assert verdicts(pair) == {("doubtful",)}


def test_a_doubtful_session_that_the_vendor_corrects_is_accepted_by_itself(pair: Day) -> None:
    pair.simulator.set_faults("spike=0.03@EUR/USD")
    catch_up(pair.at(CLOSED))
    pair.simulator.set_faults()
    assert heal(pair.at(CLOSED + timedelta(minutes=6))) == 1
    catch_up(pair)
    assert verdicts(pair) == {("accepted",)}
    assert levels(pair) == {"DAX": "accepted", "EUR/USD": "accepted"}


def test_a_refused_session_is_in_quarantine_whole_and_healed_when_the_vendor_is_right_again(pair: Day) -> None:
    pair.simulator.set_faults("scale=4@GDAXI")
    catch_up(pair.at(CLOSED))
    quarantined = pair.ask(
        "SELECT timeframe::text, count(*) FROM rejected_candles WHERE reason = 'its whole session can''t be true' "
        "GROUP BY timeframe"
    )
    assert ("1m", 510) in quarantined
    of_day = (
        "FROM session_coverage JOIN market_symbols ON id = symbol_id WHERE symbol = 'DAX' AND trade_date = '2026-11-20'"
    )
    assert set(pair.ask(f"SELECT status::text, verdict::text {of_day} AND timeframe = '1m'")) == {("failed", "refused")}
    assert "DAX" not in levels(pair)
    pair.simulator.set_faults()
    assert heal(pair.at(CLOSED + timedelta(minutes=6))) == 1
    catch_up(pair)
    assert set(pair.ask(f"SELECT status::text, verdict::text {of_day}")) == {("complete", "accepted")}
    assert levels(pair) == {"DAX": "accepted", "EUR/USD": "accepted"}


def test_levels_of_a_doubtful_session_are_marked_where_they_are_allowed(pair: Day) -> None:
    pair.simulator.set_faults("spike=0.03@EUR/USD")
    catch_up(pair.at(CLOSED))
    job = pair.defs.resolve_job_def("compute_levels")
    done = job.execute_in_process(
        instance=pair.instance,
        partition_key="2026-11-23|EUR/USD",
        run_config={"ops": {step: {"config": {"allow_doubtful": True}} for step in ("levels", "level_book")}},
    )
    assert done.success
    assert levels(pair) == {"DAX": "accepted", "EUR/USD": "doubtful"}
    assert set(pair.ask(PAIR.format("p.verdict::text FROM pivot_levels p") + " AND trade_date = '2026-11-23'")) == {
        ("doubtful",)
    }


def reported(day: Day, cursor: str | None) -> tuple[dict[tuple[str, str, str], bool], str | None]:
    """Return whether each check that the sensor reports passed, by asset, check and partition."""
    with dg.build_sensor_context(instance=day.instance, cursor=cursor) as context:
        data = day.find_sensor("quality").evaluate_tick(context)
    evaluations = [event for event in data.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    for evaluation in evaluations:
        day.instance.report_runless_asset_event(evaluation)
    found = {(e.asset_key.to_user_string(), e.check_name, str(e.partition)): e.passed for e in evaluations}
    return found, data.cursor


def test_one_bad_session_is_red_its_neighbours_are_green(pair: Day) -> None:
    _, cursor = reported(pair, None)
    pair.simulator.set_faults("spike=0.03@EUR/USD")
    catch_up(pair.at(CLOSED))
    checks, cursor = reported(pair, cursor)
    bad = "2026-11-20|EUR/USD"
    assert {name for name, passed in checks.items() if not passed} == {
        (f"ohlc_{timeframe}", BELIEVABLE, bad) for timeframe in ("1m", "5m", "15m", "1h", "1d")
    }
    assert checks["ohlc_1m", BELIEVABLE, "2026-11-20|DAX"]
    assert checks["ohlc_1m", COMPLETE, bad]
    assert checks["ohlc_1m", RECONCILES, bad]
    again, cursor = reported(pair, cursor)
    assert again == {}, "nothing has changed"
    with Database.open(pair.settings) as database:
        [symbol] = find_symbols(database.engine, ["EUR/USD"])
        accept_session(database.engine, symbol, FRIDAY, reason="SNB", now=database.clock.now())
    checks, _ = reported(pair, cursor)
    assert checks == {(f"ohlc_{timeframe}", BELIEVABLE, bad): True for timeframe in ("1m", "5m", "15m", "1h", "1d")}
