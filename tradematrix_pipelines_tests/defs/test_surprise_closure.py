"""An exchange closes on a day's notice: one incident, few credits, and levels as soon as the calendar is corrected."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tradematrix_pipelines.alerts.detectors import Incident, IncidentKind
from tradematrix_pipelines.defs.alerting import find_incidents
from tradematrix_pipelines.markets.corrections import Correction
from tradematrix_pipelines.storage.corrections import correct
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import set_active
from tradematrix_pipelines_tests.defs.day import CLOSED, Day

FRIDAY = date(2026, 11, 20)
THURSDAY_EVENING = CLOSED - timedelta(days=1)


@pytest.fixture
def new_york(day: Day) -> Day:
    """NDX and DJI alone, all stored up to Thursday, when New York stays closed on Friday."""
    with Database.open(day.settings) as database:
        for name in ("DAX", "EUR/USD", "XAG/USD"):
            set_active(database.engine, name, active=False)
    catch_up(day.at(THURSDAY_EVENING))
    day.simulator.set_faults("closed=2026-11-20@NDX,DJI")
    return day.at(CLOSED)


def catch_up(day: Day) -> None:
    while not isinstance(asked := day.sensor("session_close"), str):
        day.carry_out(asked)


def incidents(day: Day, *, now: datetime) -> list[Incident]:
    with Database.open(day.settings) as database:
        return find_incidents(database, day.settings, day.instance, now=now)[0]


def test_one_incident_names_the_command_and_healing_pauses(new_york: Day) -> None:
    before = new_york.simulator.counts.credits
    catch_up(new_york)
    for hours in range(3 * 24):
        new_york.at(CLOSED + timedelta(hours=hours / 2))
        healing = new_york.sensor("self_healing")
        if not isinstance(healing, str):
            new_york.carry_out(healing)
    assert new_york.simulator.counts.credits - before <= 20
    [incident] = incidents(new_york, now=datetime(2026, 11, 21, 7, 0, tzinfo=UTC))
    assert incident.kind is IncidentKind.SURPRISE_CLOSURE
    assert "`tradematrix calendar close XNYS 2026-11-20 --reason …`" in incident.message
    assert "no vendor has a bar of NDX, DJI on 2026-11-20" in incident.message
    assert new_york.schedule("pivots") == "nothing is missing", "a deadline spends nothing on it either"


def test_levels_come_at_the_next_tick_after_the_correction(new_york: Day) -> None:
    catch_up(new_york)
    closed = Correction(trade_date=FRIDAY)
    with Database.open(new_york.settings) as database:
        correct(database.engine, "XNYS", closed, reason="a funeral", now=CLOSED + timedelta(minutes=1))
    before = new_york.simulator.counts.credits
    catch_up(new_york.at(CLOSED + timedelta(minutes=2)))
    levels = "SELECT y_trade_date::text, count(*) FROM levels_daily WHERE trade_date = '2026-11-23' GROUP BY 1"
    assert new_york.ask(levels) == [("2026-11-19", 2)]
    assert new_york.simulator.counts.credits == before
    assert incidents(new_york, now=CLOSED + timedelta(minutes=3)) == []


def test_bars_that_come_late_end_the_pause(new_york: Day) -> None:
    catch_up(new_york)
    new_york.simulator.set_faults()
    now = CLOSED + timedelta(minutes=6)
    asks = new_york.at(now).sensor("self_healing")
    assert not isinstance(asks, str)
    assert len(asks) == 1, "one symbol's minutes stand for all"
    new_york.carry_out(asks)
    rest = new_york.at(now + timedelta(minutes=1)).sensor("self_healing")
    assert new_york.carry_out(rest) == [None] * len(rest)
    assert incidents(new_york, now=now) == []
    assert new_york.ask("SELECT count(*) FROM session_coverage WHERE status <> 'complete'") == [(0,)]
