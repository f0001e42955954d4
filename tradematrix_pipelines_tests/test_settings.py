"""Settings: how the environment is read, and the errors for invalid values."""

import inspect
import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from dagster._core.secrets.env_file import get_env_var_dict

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.settings import child_environment, load_settings

REPOSITORY = Path(__file__).parents[1]


def test_nothing_set_is_the_embedded_simulated_default() -> None:
    settings = load_settings({})
    assert (settings.database_url, settings.vendor_name, settings.weekends) == (None, "simulator", False)
    assert settings.home == Path.cwd() / ".tradematrix"
    assert settings.dagster_home == settings.home / "dagster"
    assert settings.history_start == date(2020, 2, 10)


def test_a_key_means_twelve_data_unless_a_vendor_is_named() -> None:
    assert load_settings({"TWELVE_DATA_API_KEY": "k"}).vendor_name == "twelve_data"
    assert load_settings({"TWELVE_DATA_API_KEY": "k", "TRADEMATRIX_VENDOR": "files"}).vendor_name == "files"


def test_blank_is_unset() -> None:
    settings = load_settings({"TWELVE_DATA_API_KEY": " ", "TRADEMATRIX_DATABASE_URL": "", "TRADEMATRIX_WEEKENDS": ""})
    assert (settings.twelve_data_key, settings.database_url, settings.weekends) == (None, None, False)


@pytest.mark.parametrize(("text", "automation"), [("", True), ("1", True), ("yes", True), ("0", False), ("off", False)])
def test_the_trading_day_runs_by_itself_unless_turned_off(text: str, automation: bool) -> None:
    assert load_settings({"TRADEMATRIX_AUTOMATION": text}).automation is automation


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TRADEMATRIX_HISTORY_START", "2013", "write it as 2020-02-10"),
        ("TRADEMATRIX_WEEKENDS", "maybe", "write 1 or 0"),
        ("TRADEMATRIX_CLOCK", "noon", "TRADEMATRIX_CLOCK='noon'"),
        ("TRADEMATRIX_LOG_LEVEL", "loud", "debug, info, warning, error, critical"),
        ("TRADEMATRIX_LOG_FORMAT", "xml", "text, json"),
    ],
)
def test_a_value_of_the_wrong_form_names_its_variable_and_the_right_form(name: str, value: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        load_settings({name: value})


def test_secrets_are_not_shown() -> None:
    secret = {
        "TWELVE_DATA_API_KEY": "hush",
        "TRADEMATRIX_DATABASE_URL": "postgresql://u:hush@h/d",
        "TRADEMATRIX_ALERT_URLS": "slack://hush",
    }
    assert "hush" not in repr(load_settings(secret))


def test_alert_urls_are_separated_by_white_space_and_may_contain_commas() -> None:
    settings = load_settings({"TRADEMATRIX_ALERT_URLS": " slack://a/b/c/#x,#y\n\tmailto://u:p@h  json://h "})
    assert settings.alert_urls == ("slack://a/b/c/#x,#y", "mailto://u:p@h", "json://h")
    assert load_settings({}).alert_urls == ()


def test_children_get_absolute_folders_and_the_same_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(
        {"TRADEMATRIX_HOME": "home", "TRADEMATRIX_FILES_DIR": "files", "TRADEMATRIX_CLOCK": "2026-03-23T00:00:00Z*60"}
    )
    monkeypatch.chdir("/")
    assert load_settings(child_environment(settings)) == settings


def test_an_env_file_of_the_current_folder_counts_where_the_environment_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What Dagster's own reader makes of the same file is what is expected.
    content = (
        'TRADEMATRIX_HISTORY_START=2021-02-03  # a comment\nexport TRADEMATRIX_VENDOR="files"\n'
        "TRADEMATRIX_HOME='with $HOME and \"quotes\"'\nTRADEMATRIX_FILES_DIR=${TRADEMATRIX_VENDOR}/dir\n"
        "TRADEMATRIX_CLOCK\n"
        "TWELVE_DATA_PLAN=grow\n"
    )
    (tmp_path / ".env").write_text(content)
    code = (
        "import json, os; from tradematrix_pipelines.settings import read_env_file; before = dict(os.environ);"
        "read_env_file(); print(json.dumps({k: v for k, v in os.environ.items() if k not in before}))"
    )
    monkeypatch.setenv("TWELVE_DATA_PLAN", "pro")
    for name in ("TRADEMATRIX_VENDOR", "TRADEMATRIX_HOME", "TRADEMATRIX_FILES_DIR"):
        monkeypatch.delenv(name, raising=False)
    output = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True)
    expected = get_env_var_dict(str(tmp_path))
    assert expected.pop("TWELVE_DATA_PLAN") == "grow"
    assert json.loads(output) == expected
    assert expected["TRADEMATRIX_FILES_DIR"] == "files/dir"


def test_the_command_and_its_children_read_the_same_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"TRADEMATRIX_HOME={tmp_path / 'elsewhere'}\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRADEMATRIX_")}
    command = [sys.executable, "-c", "from tradematrix_pipelines.cli.main import main; main()", "status", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["home"] == str(tmp_path / "elsewhere")
    (tmp_path / ".env").write_bytes(b"TRADEMATRIX_HOME=\xff\xfe\n")
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert str(tmp_path / ".env") in done.stderr


def variables() -> set[str]:
    """Every variable that settings.py reads, by its text."""
    source = Path(inspect.getfile(load_settings)).read_text()
    return set(re.findall(r'"((?:TRADEMATRIX|TWELVE_DATA)_[A-Z_]+)"', source))


def test_every_setting_is_in_the_readme_and_in_the_example_file() -> None:
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", (REPOSITORY / "README.md").read_text(), re.MULTILINE))
    example = set(re.findall(r"^#([A-Z_]+)=", (REPOSITORY / ".env.example").read_text(), re.MULTILINE))
    assert len(variables()) > 15
    assert table == variables()
    # Dagster has variables of its own.
    assert {name for name in example if not name.startswith("DAGSTER_")} == variables()
