"""What levels are called: short, and by whoever asks for one."""

import pytest

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.levels.names import short_name
from tradematrix_pipelines.levels.pivots import Method
from tradematrix_pipelines.levels.watched import WATCHED_DAILY, level_name


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("y_high", "Y high"),
        ("prev_week_low", "W low"),
        ("atr_14", "ATR-14"),
        ("r1", "R1"),
        ("classic pp", "PP"),
        ("camarilla r3", "R3"),
        ("opening_range high_30", "HIGH 30"),
    ],
)
def test_short_names(name: str, short: str) -> None:
    assert short_name(name) == short


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("PP", "fibonacci pp"),
        ("camarilla R3", "camarilla r3"),
        ("y_high", "y_high"),
        ("high", "y_high"),
        ("LOW", "y_low"),
        (" classic   s1 ", "classic s1"),
    ],
)
def test_a_person_names_a_level_to_watch(text: str, name: str) -> None:
    assert level_name(text, method=Method("fibonacci")) == name


@pytest.mark.parametrize("text", ["", "r9", "classic", "classic high", "demark r1 r1", "y_open", "spiral r1"])
def test_a_level_that_is_not_watched_is_refused_with_those_that_are(text: str) -> None:
    with pytest.raises(UsageError, match="there is no level") as raised:
        level_name(text, method=Method("classic"))
    message = str(raised.value)
    assert message.startswith(f"there is no level {text!r} to watch: there are {', '.join(WATCHED_DAILY)}, pp, ")
    assert message.endswith(f", and those of {', '.join(Method)}, as in 'camarilla r3'")
