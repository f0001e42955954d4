"""The processes write their logs as configured."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tradematrix_pipelines.defs.internals.run_tags import range_tags
from tradematrix_pipelines.defs.jobs import INGEST_CANDLES
from tradematrix_pipelines.settings import Settings, child_environment, load_settings
from tradematrix_pipelines_tests.stack import environment, json_logs, ui, wait_for

SPEAKING = """
import logging
from tradematrix_pipelines.log_output import write_logs
from tradematrix_pipelines.settings import load_settings
write_logs(load_settings())
write_logs(load_settings())
logger = logging.getLogger("tradematrix_pipelines.somewhere")
logger.info("of %s", "interest")
try:
    1 / 0
except ZeroDivisionError:
    logger.exception("bad")
"""
SPEAKING_OF_NOBODY = """
import logging
from tradematrix_pipelines.log_output import write_logs
from tradematrix_pipelines.settings import load_settings
write_logs(load_settings())
other = logging.getLogger("other")
other.addHandler(logging.StreamHandler())
logging.warning("waits")
other.warning("{}")
"""


def written(settings: Settings, program: str = SPEAKING) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program], env=child_environment(settings), capture_output=True, text=True, check=True
    )
    return done.stderr.splitlines()


def test_text_says_when_what_and_who(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = written(settings)
    assert lines[0].endswith(" INFO tradematrix_pipelines.somewhere: of interest")
    assert lines[-1] == "ZeroDivisionError: division by zero"
    monkeypatch.setenv("TRADEMATRIX_LOG_LEVEL", "critical")
    assert written(load_settings()) == []


def test_json_is_an_object_a_line(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEMATRIX_LOG_FORMAT", "json")
    info, error = [json.loads(line) for line in written(load_settings())]
    assert (info["level"], info["logger"], info["message"]) == (
        "info",
        "tradematrix_pipelines.somewhere",
        "of interest",
    )
    assert (error["message"], error["exception"].splitlines()[-1]) == ("bad", "ZeroDivisionError: division by zero")


def test_what_a_library_says_without_a_logger_is_written_alike_and_repeats_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEMATRIX_LOG_FORMAT", "json")
    lines = [json.loads(line) for line in written(load_settings(), SPEAKING_OF_NOBODY)]
    assert [line.get("message") for line in lines] == ["waits", None]


@pytest.mark.system
def test_up_and_its_runs_write_json_at_that_level() -> None:
    """``resilience.test_backfills`` looks at the level that is the default."""
    with TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        home.mkdir()
        own = {"TRADEMATRIX_LOG_FORMAT": "json", "TRADEMATRIX_LOG_LEVEL": "debug"}
        env = environment(home, TRADEMATRIX_CLOCK="2026-11-20T23:00:00Z", **own)
        with ui(env, home) as web:
            web.run(INGEST_CANDLES, tags=range_tags("DAX", date(2026, 11, 20), date(2026, 11, 20)))
            wait_for("the run's end", lambda: web.runs(statuses=["SUCCESS"]), seconds=90)
        # Dagster's events of a run are of the level "debug".
        assert any("Started execution of run" in str(entry) for entry in json_logs(home))
