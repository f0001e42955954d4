"""Which changes of published levels are incidents, and how these read."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from tradematrix_pipelines.alerts.changed_levels import LevelChange, RevisedCandle, find_changed_levels
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe

MONDAY, FRIDAY = date(2026, 11, 23), date(2026, 11, 20)
SATURDAY = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
CANDLE = RevisedCandle(
    timeframe=Timeframe.M1, ts=datetime(2026, 11, 20, 14, 35, tzinfo=UTC), before="files", after="files", others=0
)
CHANGE = LevelChange(
    symbol="EUR/USD",
    trade_date=MONDAY,
    changed_at=SATURDAY,
    old={"y_high": 1.16, "y_low": 1.15},
    new={"y_high": 1.161, "y_low": 1.15},
    old_source=FRIDAY,
    new_source=FRIDAY,
    candle=CANDLE,
)


def messages(change: LevelChange, now: datetime = SATURDAY) -> list[str]:
    return [incident.message for incident in find_changed_levels([change], DEFAULT_SYMBOLS, now)]


@pytest.mark.parametrize(
    ("old", "new", "opens"),
    [
        ({"y_high": 1.16}, {"y_high": 1.16}, False),
        ({"y_high": 1.16}, {"y_high": 1.16009}, False),  # EUR/USD's tick is 0.0001
        ({"y_high": 1.16}, {"y_high": 1.1601}, True),
        ({"y_high": 1.16}, {"y_high": 1.1599}, True),
        ({"y_high": 1.16}, {"y_high": None}, True),
        ({"atr_14": 0.01}, {"atr_14": 0.02}, False),  # no price
        ({"prev_week_high": None}, {"prev_week_high": 1.16}, False),  # nobody acted on none
        ({"y_high": 1.16, "classic r1": 1.2}, {"y_high": 1.16, "classic r1": 1.3}, True),
    ],
)
def test_a_change_by_a_tick_or_more_is_an_incident(
    old: Mapping[str, float | None], new: Mapping[str, float | None], opens: bool
) -> None:
    assert bool(messages(replace(CHANGE, old=old, new=new))) == opens


@pytest.mark.parametrize(
    ("trade_date", "now", "opens"),
    [
        (MONDAY, SATURDAY, True),
        (MONDAY, datetime(2026, 11, 23, 21, 59, tzinfo=UTC), True),  # running
        (MONDAY, datetime(2026, 11, 23, 22, 0, tzinfo=UTC), False),  # over
        (FRIDAY, SATURDAY, False),
        (date(2026, 11, 21), SATURDAY, False),  # no session
    ],
)
def test_only_while_somebody_may_act_on_it(trade_date: date, now: datetime, opens: bool) -> None:
    assert bool(messages(replace(CHANGE, trade_date=trade_date), now)) == opens


def test_a_change_after_the_close_is_none_whatever_the_clock_says_now() -> None:
    assert messages(replace(CHANGE, changed_at=datetime(2026, 11, 23, 22, 0, tzinfo=UTC))) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            CHANGE,
            "EUR/USD 2026-11-23: y_high 1.16000 → 1.16100: candle 1m 2026-11-20 14:35 UTC was revised by files",
        ),
        (
            replace(CHANGE, new={"y_low": 1.14}, candle=replace(CANDLE, after="yahoo", others=7)),
            (
                "EUR/USD 2026-11-23: y_high 1.16000 → none and 1 more: "
                "candle 1m 2026-11-20 14:35 UTC is from yahoo instead of files (and 7 more)"
            ),
        ),
        (
            replace(CHANGE, candle=replace(CANDLE, after=None)),
            "EUR/USD 2026-11-23: y_high 1.16000 → 1.16100: candle 1m 2026-11-20 14:35 UTC was withdrawn by files",
        ),
        (
            replace(CHANGE, old_source=date(2026, 11, 19)),
            "EUR/USD 2026-11-23: y_high 1.16000 → 1.16100: they come from 2026-11-20 instead of 2026-11-19",
        ),
        (
            replace(CHANGE, candle=None),
            "EUR/USD 2026-11-23: y_high 1.16000 → 1.16100: computed anew, no candle of 2026-11-20 was revised",
        ),
    ],
)
def test_the_message_says_what_changed_and_why(change: LevelChange, message: str) -> None:
    assert messages(change) == [message]


def test_each_change_is_an_incident_of_its_own() -> None:
    later = replace(CHANGE, changed_at=SATURDAY.replace(hour=9))
    incidents = find_changed_levels([CHANGE, later], DEFAULT_SYMBOLS, SATURDAY.replace(hour=10))
    assert [incident.key for incident in incidents] == [
        "level_changed|EUR/USD|2026-11-23|2026-11-21T08:00:00Z",
        "level_changed|EUR/USD|2026-11-23|2026-11-21T09:00:00Z",
    ]
