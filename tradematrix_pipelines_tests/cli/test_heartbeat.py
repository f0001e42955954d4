"""What takes long says so every few seconds, also where its output is no terminal."""

import time

import pytest

from tradematrix_pipelines.cli import heartbeat
from tradematrix_pipelines.cli.heartbeat import waiting_for


def test_a_line_comes_at_once_and_then_every_few_seconds_until_the_block_ends(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert heartbeat.EVERY < 5
    monkeypatch.setattr(heartbeat, "EVERY", 0.05)
    with waiting_for("opening the database"):
        assert capsys.readouterr().err == "opening the database …\n"
        time.sleep(0.3)
    written = capsys.readouterr()
    assert (written.out, written.err.count("opening the database … 0 s\n") >= 2) == ("", True)
    time.sleep(0.15)
    assert capsys.readouterr().err == "", "it has ended"


def test_an_error_inside_ends_it_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "EVERY", 0.05)
    with pytest.raises(ZeroDivisionError), waiting_for("dividing"):
        1 / 0  # noqa: B018 - it is to fail
    capsys.readouterr()
    time.sleep(0.15)
    assert capsys.readouterr().err == ""
