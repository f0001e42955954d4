"""How tables print text that a terminal would interpret."""

import json
from datetime import UTC, datetime

import pytest

from tradematrix_pipelines.cli.output import show

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
