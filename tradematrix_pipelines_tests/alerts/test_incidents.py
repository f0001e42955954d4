"""Which incidents open and close, and how they are worded."""

from datetime import UTC, datetime, timedelta

import pytest

from tradematrix_pipelines.alerts.detectors import Incident, IncidentKind
from tradematrix_pipelines.alerts.incidents import RecordedIncident, changes
from tradematrix_pipelines.alerts.messages import TouchedLevel, compose

STALE, CREDITS = IncidentKind.STALE_MARKET, IncidentKind.CREDITS_LOW
AT = datetime(2026, 11, 20, 19, 59, tzinfo=UTC)


def incident(key: str, kind: IncidentKind = STALE) -> Incident:
    return Incident(key=key, kind=kind, message=f"{key} is bad")


@pytest.mark.parametrize(
    ("current", "open_", "kinds", "opened", "closed"),
    [
        pytest.param("", "", {STALE}, "", "", id="all is well"),
        pytest.param("ab", "", {STALE}, "ab", "", id="new ones open"),
        pytest.param("ab", "ab", {STALE}, "", "", id="known ones stay"),
        pytest.param("", "ab", {STALE}, "", "ab", id="ones no longer detected close"),
        pytest.param("bc", "ab", {STALE}, "c", "a", id="all at once"),
        pytest.param("", "ab", {CREDITS}, "", "", id="judging another kind closes nothing"),
        pytest.param("", "ab", set(), "", "", id="without judging nothing closes"),
        pytest.param("c", "ab", set(), "c", "", id="detected ones open all the same"),
        pytest.param("aba", "", {STALE}, "ab", "", id="detected twice opens once"),
    ],
)
def test_changes(current: str, open_: str, kinds: set[IncidentKind], opened: str, closed: str) -> None:
    new, over = changes([incident(key) for key in current], [incident(key) for key in open_], kinds=kinds)
    assert ("".join(i.key for i in new), "".join(i.key for i in over)) == (opened, closed)


def recorded(key: str, *, notified: bool = False, minutes: int | None = None) -> RecordedIncident:
    return RecordedIncident(
        id=1,
        key=key,
        kind=STALE,
        message=f"{key}: no minute\nsince 19:40",
        opened_at=AT,
        opening_notified_at=AT if notified else None,
        closed_at=None if minutes is None else AT + timedelta(minutes=minutes),
    )


TOUCH = TouchedLevel(
    symbol="EUR/USD", level="classic r1", level_price=1.16234567, price=1.1624, tick_size=0.0001, at=AT
)


@pytest.mark.parametrize(
    ("incidents", "touches", "title", "lines"),
    [
        (
            [recorded("DAX")],
            [],
            "stale market",
            ["stale market: DAX: no minute since 19:40 (since 2026-11-20 19:59 UTC)"],
        ),
        (
            [recorded("DAX", notified=True, minutes=9)],
            [],
            "over: stale market",
            ["over: stale market: DAX: no minute since 19:40 (2026-11-20 19:59 to 2026-11-20 20:08 UTC)"],
        ),
        (
            [recorded("DAX", minutes=9), recorded("NDX"), recorded("DJI")],
            [],
            "2 incidents, over: stale market",
            [
                "stale market: NDX: no minute since 19:40 (since 2026-11-20 19:59 UTC)",
                "stale market: DJI: no minute since 19:40 (since 2026-11-20 19:59 UTC)",
                "was and is over: stale market: DAX: no minute since 19:40 (2026-11-20 19:59 to 2026-11-20 20:08 UTC)",
            ],
        ),
        (
            [],
            [TOUCH],
            "EUR/USD at classic r1",
            ["EUR/USD touched classic r1 1.16235, price 1.16240 (2026-11-20 19:59 UTC)"],
        ),
    ],
)
def test_a_message_is_one_title_and_a_line_each(
    incidents: list[RecordedIncident], touches: list[TouchedLevel], title: str, lines: list[str]
) -> None:
    message = compose(incidents, touches)
    assert (message.title, message.body.splitlines()) == (f"TradeMatrix: {title}", lines)


def test_a_message_that_no_service_would_take_is_cut_and_says_so() -> None:
    message = compose([recorded("DAX " * 200)] * 90, [TOUCH] * 3)
    *lines, last = message.body.splitlines()
    assert message.title == "TradeMatrix: 90 incidents, 3 levels touched"
    assert len(message.title) + len(message.body) < 1000
    assert all(line.endswith("… (since 2026-11-20 19:59 UTC)") for line in lines)
    assert last == f"… and {93 - len(lines)} more: tradematrix alerts list --all"
