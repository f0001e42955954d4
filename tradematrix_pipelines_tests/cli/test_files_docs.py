"""What the pages about files show is read as they say, and what they type works."""

import re
import shlex
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tradematrix_pipelines.candles.frame import PRICES
from tradematrix_pipelines.markets.zones import parse_wall_clock
from tradematrix_pipelines.vendors.files.dialects import read_dialect
from tradematrix_pipelines.vendors.files.options import Reading
from tradematrix_pipelines.vendors.files.responses import read_rows
from tradematrix_pipelines_tests.cli.test_files import Run
from tradematrix_pipelines_tests.vendors.exports import EXPORTS, minutes, write

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference" / "files.md").read_text()
TYPED = (DOCS / "how-to" / "use-own-files.md").read_text()
EXAMPLES = re.findall(r"^([^\n:,(]+[^\n(,: ])[^\n]*:\n\n```csv\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)


def test_there_is_an_example_of_each_format() -> None:
    assert {name for name, _ in EXAMPLES} == {*EXPORTS, "columns by name"}


@pytest.mark.parametrize(("name", "text"), EXAMPLES)
def test_the_pages_examples_are_read(tmp_path: Path, name: str, text: str) -> None:
    path = write(tmp_path / "EUR-USD_1m.csv", text)
    assert read_dialect(path).name == name
    reading = Reading(length=timedelta(minutes=1), clock=parse_wall_clock("America/New_York+7"))
    rows = read_rows(path, reading)
    assert rows["ts"].tolist() == [datetime(2026, 11, 20, 6, minute, tzinfo=UTC) for minute in (0, 1)]
    assert rows[["open", "high", "low", "close"]].to_numpy().tolist() == [
        [1.1521, 1.1524, 1.152, 1.1523],
        [1.1523, 1.1525, 1.1522, 1.1522],
    ]


@pytest.mark.usefixtures("settings")
def test_the_pages_commands_work_in_their_order(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    export, _ = EXPORTS["MetaTrader 4"]
    candles = minutes("FX", date(2026, 11, 9), date(2026, 11, 20), start=1_000.0)
    candles[PRICES] = (candles[PRICES] / 1_000).round(4)
    write(tmp_path / "prices" / "EURUSD1.csv", export(candles))
    [block] = re.findall(r"```console\n(.*?)```", TYPED, re.DOTALL)
    for line in block.splitlines():
        program, *arguments = shlex.split(line.removeprefix("$ "))
        if program == "mv":
            Path(arguments[1]).rename(arguments[2])
        elif program == "export":
            for name, _, value in (pair.partition("=") for pair in arguments):
                monkeypatch.setenv(name, value)
        else:
            result = run(*arguments)
            assert result.exit_code == 0, result.output
