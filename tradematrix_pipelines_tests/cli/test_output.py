"""How tables print text that a terminal would interpret."""

import json
from datetime import UTC, datetime

import pytest

from tradematrix_pipelines.cli.output import show


def test_a_pipes_columns_are_those_of_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows may have their values in another order: levels are sorted by price, a symbol each."""
    show([{"symbol": "A", "r1": "2", "pp": "1"}, {"symbol": "B", "pp": "3", "r1": "4"}], as_json=False)
    assert capsys.readouterr().out.splitlines() == ["symbol\tr1\tpp", "A\t2\t1", "B\t4\t3"]


TEXTS = [
    "see [/docs] for it",
    "[bold]loud[/bold]",
    ":smile: [link=x]y",
    "a\x1b[2J\x1b]0;owned\x07b",
    "nul\x00and\x9b31m",
]


@pytest.mark.parametrize("text", TEXTS)
def test_external_text_is_printed_verbatim_and_moves_no_cursor(capsys: pytest.CaptureFixture[str], text: str) -> None:
    show([{"symbol": "DAX", "reason": text}], as_json=False, title="T")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x00" not in out
    assert "\x9b" not in out
    if text.isprintable():
        assert text in out


@pytest.mark.parametrize("text", TEXTS)
def test_json_contains_it_unchanged(capsys: pytest.CaptureFixture[str], text: str) -> None:
    show([{"reason": text, "at": datetime(2026, 11, 20, tzinfo=UTC)}], as_json=True)
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out)[0]["reason"] == text
