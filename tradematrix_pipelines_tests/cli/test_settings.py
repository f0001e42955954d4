"""``tradematrix settings``: what holds now, from where, and nothing secret."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click import unstyle
from click.testing import CliRunner, Result

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.settings import VARIABLES, load_settings

REPOSITORY = Path(__file__).parents[2]
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in an environment without any setting."""
    for name in [name for name in os.environ if name.startswith(("TRADEMATRIX_", "DAGSTER_", "TWELVE_DATA_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, ["settings", *arguments])


def test_every_setting_is_listed_with_its_value_origin_and_meaning(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEMATRIX_AUTOMATION", "off")
    result = run("--json")
    assert (result.exit_code, result.stderr) == (0, "")
    rows = {row["variable"]: row for row in json.loads(result.stdout)["settings"]}
    assert list(rows) == [variable.name for variable in VARIABLES.values()]
    assert rows["TRADEMATRIX_AUTOMATION"] == {
        "variable": "TRADEMATRIX_AUTOMATION",
        "value": "0",
        "from": "environment",
        "meaning": "0: no live pulls, closes, healing or alerts; backfills and commands only",
    }
    assert (rows["TRADEMATRIX_DATABASE_URL"]["value"], rows["TRADEMATRIX_DATABASE_URL"]["from"]) == (None, "default")
    assert "Apprise URLs (docs/how-to/alerts.md)" in rows["TRADEMATRIX_ALERT_URLS"]["meaning"]


def test_the_table_says_what_holds_where_nothing_is_set(run: Run) -> None:
    result = run()
    assert (result.exit_code, result.stderr) == (0, "")
    rows = {name: rest for name, *rest in (line.split("\t") for line in result.stdout.splitlines())}
    assert "an embedded server" in rows["TRADEMATRIX_DATABASE_URL"]
    assert rows["TRADEMATRIX_VENDOR"][0] == "simulator"
    assert ("`basic`" in result.stdout, "`tradematrix simulate`" in result.stdout) == (False, True)


def test_a_narrow_terminal_shows_values_and_meanings_whole(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    home = "/srv/a/folder/with/a/very/long/path/that/does/not/fit/into/one/line"
    for name, value in {"TRADEMATRIX_HOME": home, "FORCE_COLOR": "1", "COLUMNS": "90", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    lines = unstyle(run().stdout).splitlines()
    start = next(i for i, line in enumerate(lines) if line.endswith("TRADEMATRIX_HOME"))
    block = [" ".join(line.split()) for line in lines[start : start + 4]]
    assert block[1:] == [
        f"value {home}",
        "from environment",
        "meaning folder of embedded data, logs, Dagster's files",
    ]


@pytest.mark.parametrize("arguments", [(), ("--json",), ("--format", "env"), ("--format", "markdown")])
def test_no_secret_is_shown(run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    secret = ("TWELVE_DATA_API_KEY", "TRADEMATRIX_DATABASE_URL", "TRADEMATRIX_DAGSTER_DATABASE_URL")
    for name in (*secret, "TRADEMATRIX_ALERT_URLS"):
        monkeypatch.setenv(name, f"json://{name}-hush@host/name")
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert "hush" not in result.output
    if not arguments:
        assert result.stdout.count("***") == 4


def test_a_variable_of_the_env_file_is_shown_as_such(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TRADEMATRIX_LOG_LEVEL=debug\nTRADEMATRIX_LOG_FORMAT=json\n")
    # A process of its own: the file's variables become those of the process.
    code = "from tradematrix_pipelines.cli.main import main; main(['settings', '--json'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TRADEMATRIX_LOG_FORMAT": "text"},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = {row["variable"]: (row["value"], row["from"]) for row in json.loads(done.stdout)["settings"]}
    assert rows["TRADEMATRIX_LOG_LEVEL"] == ("debug", ".env")
    assert rows["TRADEMATRIX_LOG_FORMAT"] == ("text", "environment")
    assert rows["TRADEMATRIX_CLOCK"] == (None, "default")


def test_misspelt_variables_are_named_with_what_they_may_stand_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEMATRIX_VENDER", "yahoo")
    monkeypatch.setenv("TRADEMATRIX_KITCHEN", "yes")
    result = run()
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "TRADEMATRIX_KITCHEN is not a setting: it has no effect here",
        "TRADEMATRIX_VENDER is not a setting: did you mean TRADEMATRIX_VENDOR?",
    ]
    result = run("--json")
    assert json.loads(result.stdout)["unknown"] == {
        "TRADEMATRIX_KITCHEN": None,
        "TRADEMATRIX_VENDER": "TRADEMATRIX_VENDOR",
    }
    assert result.stderr == ""


def test_the_example_of_an_env_file_is_that_of_the_repository(run: Run) -> None:
    assert run("--format", "env").stdout == (REPOSITORY / ".env.example").read_text()


@pytest.mark.parametrize(
    ("variables", "arguments", "says"),
    [
        ({"TRADEMATRIX_WEEKENDS": "maybe"}, (), "TRADEMATRIX_WEEKENDS='maybe' is neither on nor off: write 1 or 0"),
        ({}, ("--json", "--format", "env"), "--json and --format exclude each other"),
        ({}, ("--format", "toml"), "'toml' is not one of 'env', 'markdown'"),
    ],
)
def test_bad_usage(
    run: Run, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], arguments: tuple[str, ...], says: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_loading_does_not_fail_on_a_misspelt_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEMATRIX_VENDER", "yahoo")
    assert load_settings().vendor_name == "simulator"
