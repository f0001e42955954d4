"""The asset ``verification``, its schedule, and the check ``verified``: real Postgres, Dagster, HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from tradematrix_pipelines.defs.internals.runs import run_sessions
from tradematrix_pipelines.defs.jobs import INGEST_CANDLES
from tradematrix_pipelines.defs.partition_checks import VERIFIED
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines_tests.defs.day import CLOSED, Day

BAD = "2026-11-20|DAX"
SATURDAY = datetime(2026, 11, 21, 10, tzinfo=UTC)


@pytest.fixture
def stored(day: Day) -> Day:
    """Two sessions of the DAX, which has revised its Friday since."""
    day.at(CLOSED)
    fetch(day, refresh=False)
    day.simulator.set_faults("revised=0.001@GDAXI")
    return day.at(SATURDAY)


def fetch(day: Day, *, refresh: bool) -> None:
    done = run_sessions(
        day.instance, day.defs, INGEST_CANDLES, symbol="DAX", assets=[dg.AssetKey("ohlc_1m"), dg.AssetKey("ohlc_5m")],
        first=datetime(2026, 11, 19).date(), last=datetime(2026, 11, 20).date(),  # noqa: DTZ001 - dates
        run_config={"ops": {"ohlc": {"config": {"refresh": refresh}}}}, tags={},
    )  # fmt: skip
    assert done.error is None


def verify(day: Day, date: str) -> dict[str, Any]:
    job = day.defs.resolve_job_def("verify_sessions")
    config = {"ops": {"verification": {"config": {"date": date}}}}
    result = job.execute_in_process(instance=day.instance, run_config=config)
    assert result.success
    [event] = result.asset_materializations_for_node("verification")
    assert event.partition == date
    return {name: value.value for name, value in event.metadata.items()}


def checks(day: Day, cursor: str | None) -> tuple[dict[tuple[str, str], bool], str | None]:
    """Return whether each check ``verified`` that the sensor reports passed, by asset and partition."""
    with dg.build_sensor_context(instance=day.instance, cursor=cursor) as context:
        data = day.find_sensor("quality").evaluate_tick(context)
    events = [event for event in data.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    verified = [event for event in events if event.check_name == VERIFIED]
    return {(e.asset_key.to_user_string(), str(e.partition)): e.passed for e in verified}, data.cursor


def test_a_sample_is_verified_each_day_and_drift_is_its_metadata(stored: Day) -> None:
    before = stored.ask("SELECT * FROM ohlc ORDER BY ts, timeframe")
    _, cursor = checks(stored, None)
    metadata = verify(stored, "2026-11-20")
    assert (metadata["sessions"], metadata["different"], metadata["exact"]) == (1, 1, 0), "only those before its date"
    metadata = verify(stored, "2026-11-23")
    assert metadata["different"] == 2
    assert stored.ask("SELECT * FROM ohlc ORDER BY ts, timeframe") == before, "nothing is changed"
    [drift] = metadata["drift"].records
    assert (drift.data["symbol"], drift.data["sessions"], drift.data["different_percent"]) == ("DAX", 2, 100.0)
    assert drift.data["largest_difference"] > 10
    assert "DAX 1m 2026-11-20 at twelve_data: different, by up to" in metadata["differences"]
    failing, cursor = checks(stored, cursor)
    assert {failing[f"ohlc_{timeframe}", BAD] for timeframe in ("1m", "5m")} == {False}
    fetch(stored.at(SATURDAY + timedelta(hours=1)), refresh=True)
    passing, cursor = checks(stored, cursor)
    assert {passing[f"ohlc_{timeframe}", BAD] for timeframe in ("1m", "5m")} == {True}, "another is stored now"
    assert checks(stored, cursor)[0] == {}


def test_a_session_of_long_ago_is_reported_when_it_was_verified(stored: Day) -> None:
    stored.at(SATURDAY + timedelta(days=90))
    _, cursor = checks(stored, None)
    verify(stored, "2026-11-23")
    failing, cursor = checks(stored, cursor)
    assert failing["ohlc_1m", BAD] is False
    assert checks(stored, cursor)[0] == {}


def test_the_schedule_asks_while_the_allowance_lasts(stored: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stored.schedule("verification_daily") == "2026-11-21 is no trade date"
    [request] = stored.at(SATURDAY + timedelta(days=2)).schedule("verification_daily")
    assert isinstance(request, dg.RunRequest)
    assert request.run_config == {"ops": {"verification": {"config": {"date": "2026-11-23"}}}}
    monkeypatch.setenv("TRADEMATRIX_VERIFY_CREDITS", "0")
    stored.settings = load_settings().model_copy(update={"clock": stored.clock})
    assert str(stored.schedule("verification_daily")).startswith("the day's allowance is spent, or none")
