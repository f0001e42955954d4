"""What the how-to about Dagster has to be typed in the project's folder works as it is written there."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database

ROOT = Path(__file__).parents[2]
COMMANDS = [
    line
    for line in (ROOT / "docs" / "how-to" / "use-dagster.md").read_text().splitlines()
    if line.startswith(("dg ", "dagster asset ", "tradematrix migrate"))
]


def test_dagsters_own_command_brings_in_a_range(settings: Settings) -> None:
    assert [command.split()[0] for command in COMMANDS] == ["tradematrix", "dg"]
    programs = Path(sys.executable).parent
    if not (programs / "dg").exists():
        pytest.skip("dagster-dg-cli is not installed")
    for command in COMMANDS:
        program, *arguments = shlex.split(command)
        done = subprocess.run(
            [programs / program, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=180, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    with Database.connect(settings) as database, database.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT symbol, timeframe::text, trade_date::text FROM session_coverage "
            "JOIN market_symbols ON id = symbol_id WHERE status = 'complete' ORDER BY trade_date"
        ).all()
    assert [tuple(row) for row in rows] == [("EUR/USD", "1m", "2026-11-19"), ("EUR/USD", "1m", "2026-11-20")]
