"""What the how-tos about Python and files, and the README, show of reading works as it is written there."""

import re
import shlex
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

import tradematrix_pipelines as tm
from tradematrix_pipelines.cli.main import main

pytestmark = pytest.mark.usefixtures("market")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "read-from-python.md").read_text()
FILES = (ROOT / "docs" / "how-to" / "read-files.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder, with what the page's command exports."""
    monkeypatch.chdir(tmp_path)
    [line] = [line for block in blocks(FILES, "console") for line in block.splitlines() if " export " in line]
    result = CliRunner().invoke(main, shlex.split(line)[1:])
    assert result.exit_code == 0, result.output


def test_the_pages_python_runs(exported: None) -> None:
    names: dict[str, Any] = {}
    reading, joining, looping = blocks(PAGE, "python")
    [files] = blocks(FILES, "python")
    exec(reading, names)
    assert len(names["candles"]) == 2 * 17 + 2 * 48
    assert len(names["highs"]) == 4
    assert len(names["levels"]) == 1
    assert len(names["symbols"]) == 5
    assert set(names["coverage"]["status"]) == {"complete"}
    exec(joining, names)
    assert len(names["days"]) == 9
    assert 0 < len(names["above"]) < 9
    exec(looping, names)
    assert list(names["opens"]) == ["2026-11-19", "2026-11-20"]
    exec(files, names)
    assert len(names["days"]) == 20
    assert names["days"]["high"].max() == tm.candles(["DAX", "EUR/USD"], "1d")["high"].max()


def test_the_pages_query_runs_in_duckdb(exported: None) -> None:
    [query] = blocks(FILES, "sql")
    highs = tm.candles(["DAX", "EUR/USD"], "1d").groupby("symbol", observed=True)["high"].max()
    assert duckdb.sql(query).fetchall() == [("DAX", 10, highs["DAX"]), ("EUR/USD", 10, highs["EUR/USD"])]


def test_duckdb_takes_an_arrow_table() -> None:
    hours = tm.candles("DAX", "1h", "2026-11-20", as_="arrow")
    assert hours.num_rows == 9
    assert duckdb.sql("SELECT count(*), min(symbol) FROM hours").fetchall() == [(9, "DAX")]


def test_the_readmes_python_runs() -> None:
    [block] = blocks((ROOT / "README.md").read_text(), "python")
    names: dict[str, Any] = {}
    exec(block, names)
    assert len(names["candles"]) == 5 * 3 + 5 * 6
    assert len(names["levels"]) == 1


def test_the_pages_types_are_those_of_the_frame() -> None:
    rows = re.findall(r"^\| (`[^|]*) \| `([^|]*)` \| `[^|]*` \| ", PAGE, re.MULTILINE)
    documented = {name: dtype for names, dtype in rows for name in re.findall(r"`(\w+)`", names)}
    frame = tm.candles("DAX", "1h", "2026-11-20")
    assert {str(name): str(dtype) for name, dtype in frame.dtypes.items()} == documented
