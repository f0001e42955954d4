"""What README and docs say of the code is what the code does, as far as that can be held.

Here: tables of names, and what is made from the code. Not here: running what the pages show (``docs``).
"""

import re
import sys
from pathlib import Path
from shutil import which

import yaml

from docs.generate import generated
from tradematrix_pipelines.alerts.detectors import IncidentKind
from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.levels.book.kinds import KINDS
from tradematrix_pipelines.levels.book.windows import WINDOWS, Window
from tradematrix_pipelines.levels.outcomes import Result
from tradematrix_pipelines.quality.thresholds import table as thresholds
from tradematrix_pipelines.settings import VARIABLES
from tradematrix_pipelines.storage.tables import metadata

REPOSITORY = Path(__file__).parents[1]


def table(file: str, head: str) -> list[str]:
    """Return the first cells of a table, as they are written."""
    rows = (REPOSITORY / file).read_text().partition(f"| {head} |")[2].splitlines()[2:]
    return [row.split(" | ")[0].removeprefix("| ") for row in rows[: rows.index("")]]


def test_the_table_of_commands_has_each_of_them() -> None:
    documented = [
        word
        for cell in table("docs/reference/commands.md", "command")
        for word in re.findall(r"`([a-z]+(?:-[a-z]+)*)[^`]*`", cell)
    ]
    assert sorted(documented) == sorted(main.list_commands(None))  # type: ignore[arg-type]  # it needs no context


def test_what_is_made_from_the_code_is_up_to_date() -> None:
    files = generated()
    assert {path.name for path in files} == {
        ".env.example",
        "assets.md",
        "automation.md",
        "commands.md",
        "http.md",
        "performance.md",
        "python.md",
        "quality.md",
        "settings.md",
        "tables.md",
    }
    for path, text in files.items():
        assert path.read_text() == text, f"{path.name} is not what the code makes of it: run `make docs`"


def test_every_make_target_that_is_named_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    for path in ("README.md", "CONTRIBUTING.md", ".pre-commit-config.yaml", ".github/PULL_REQUEST_TEMPLATE.md"):
        named = set(re.findall(r"(?:`|entry: |^)make ([a-z-]+)", (REPOSITORY / path).read_text(), re.MULTILINE))
        assert named, path
        assert named <= targets, path


def test_hooks_are_tools_of_the_project() -> None:
    config = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())
    assert {repository["repo"] for repository in config["repos"]} == {"local"}
    for hook in config["repos"][0]["hooks"]:
        program = hook["entry"].split()[0]
        here = which(program.removeprefix(".venv/bin/"), path=Path(sys.executable).parent)
        assert program == "make" or (program.startswith(".venv/bin/") and here), hook["id"]


def test_each_setting_is_explained_once() -> None:
    rows = table("docs/reference/settings.md", "variable")
    assert len(rows) > 15
    assert rows == [f"`{variable.name}`" for variable in VARIABLES.values()]


def test_each_promise_is_held_by_tests_that_there_are() -> None:
    page = (REPOSITORY / "docs" / "explanation" / "promises.md").read_text()
    promises = re.findall(r"^\| \*\*(.+?)\*\* .*\| ([^|]*) \|$", page, re.MULTILINE)
    assert len(promises) == page.count("\n| **") > 10
    for promise, held_by in promises:
        assert _tests_named_in(held_by), promise


def test_each_outage_is_run_by_a_test_that_there_is_and_costs_nothing() -> None:
    rows = (REPOSITORY / "docs" / "reference" / "outages.md").read_text().partition("| outage |")[2].splitlines()[2:]
    outages = [row.strip("| ").split(" | ") for row in rows[: rows.index("")]]
    assert len(outages) > 9
    for outage, lost, doubled, _, person, run_by in outages:
        assert (lost, doubled) == ("0", "0"), outage
        assert person, outage
        assert _tests_named_in(run_by), outage


def _tests_named_in(cell: str) -> list[str]:
    """Return the tests that a cell names, and see that they are there."""
    named = re.findall(r"`([a-z_/]+\.py)::(test_\w+)`", cell)
    for file, test in named:
        text = (REPOSITORY / "tradematrix_pipelines_tests" / file).read_text()
        assert f"\ndef {test}(" in text, f"{file}::{test}"
    return [test for _, test in named]


def test_the_table_of_thresholds_has_each_of_them() -> None:
    assert table("docs/explanation/quality.md", "threshold") == [f"`{row.name}`" for row in thresholds()]


def test_each_table_says_what_a_row_is() -> None:
    assert table("docs/reference/tables.md", "table") == [f"`{name}`" for name in sorted(metadata.tables)]


def test_the_kinds_of_levels_are_all_explained() -> None:
    assert table("docs/reference/levels.md", "kind") == [f"`{kind}`" for kind in KINDS]
    assert table("docs/reference/levels.md", "result") == [f"`{result}`" for result in Result]


def test_the_windows_are_those_that_there_are() -> None:
    documented = (
        (REPOSITORY / "docs" / "reference" / "levels.md").read_text().partition("| window |")[2].splitlines()[2:]
    )
    rows = [row.strip("| ").split(" | ") for row in documented[: documented.index("")]]
    assert rows == [
        [
            f"`{window.name}`",
            f"{_start(window)} to {window.ends}",
            ", ".join(f"`{name}`" for name in window.calendars),
        ]
        for window in WINDOWS
    ]


def test_the_kinds_of_incidents_are_all_explained() -> None:
    assert table("docs/reference/incidents.md", "kind") == [f"`{kind}`" for kind in IncidentKind]


def _start(window: Window) -> str:
    return "the session's open" if window.starts is None else f"{window.starts.at:%H:%M}"
