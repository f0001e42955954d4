"""The clocks that local times are read from."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tradematrix_pipelines.markets.zones import WallClock, parse_wall_clock

BERLIN, NEW_YORK, UTC = (ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "UTC"))


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("Europe/Berlin", WallClock(BERLIN)),
        ("UTC", WallClock(UTC)),
        ("UTC+2", WallClock(UTC, 2)),
        ("UTC-14", WallClock(UTC, -14)),
        ("UTC+14", WallClock(UTC, 14)),
        ("America/New_York+7", WallClock(NEW_YORK, 7)),
        ("Etc/GMT+5", WallClock(ZoneInfo("Etc/GMT+5"))),
    ],
)
def test_a_person_names_a_zone_and_hours_ahead_of_it(text: str, clock: WallClock) -> None:
    assert parse_wall_clock(text) == clock
    assert str(clock) == text
    assert parse_wall_clock(str(clock)) == clock


@pytest.mark.parametrize(
    "text", ["", "Europe", "Mars/Olympus", "UTC+15", "UTC-15", "Mars+1", "UTC+123", "+2", "UTC+٢", "../UTC"]
)
def test_what_is_no_zone_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="is no zone: write one like Europe/Berlin, UTC or America/New_York") as raised:
        parse_wall_clock(text)
    assert str(raised.value).startswith(f"has {text!r}, which")


@pytest.mark.parametrize(
    ("clock", "local", "skipped"),
    [
        (WallClock(BERLIN), "2026-03-29T02:30", True),
        (WallClock(BERLIN), "2026-03-29T03:00", False),
        (WallClock(BERLIN), "2026-03-29T01:59", False),
        (WallClock(BERLIN), "2026-10-25T02:30", False),  # shown twice
        (WallClock(NEW_YORK, 7), "2026-03-08T09:30", True),
        (WallClock(NEW_YORK, 7), "2026-03-08T02:30", False),
        (WallClock(UTC, 2), "2026-03-29T02:30", False),
    ],
)
def test_a_clock_skips_what_it_never_shows(clock: WallClock, local: str, skipped: bool) -> None:
    assert clock.skips(datetime.fromisoformat(local)) is skipped
