"""Settings: what the environment says, and what is said of a value that can't be."""

from datetime import date
from pathlib import Path

import pytest

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.settings import child_environment, load_settings


def test_nothing_set_is_the_embedded_simulated_default() -> None:
    found = load_settings({})
    assert (found.database_url, found.vendor_name, found.weekends) == (None, "simulator", False)
    assert found.home == Path.cwd() / ".tradematrix"
    assert found.dagster_home == found.home / "dagster"
    assert found.history_start == date(2020, 2, 10)


def test_a_key_means_twelve_data_unless_a_vendor_is_named() -> None:
    assert load_settings({"TWELVE_DATA_API_KEY": "k"}).vendor_name == "twelve_data"
    assert load_settings({"TWELVE_DATA_API_KEY": "k", "TRADEMATRIX_VENDOR": "files"}).vendor_name == "files"


def test_blank_is_unset() -> None:
    found = load_settings({"TWELVE_DATA_API_KEY": " ", "TRADEMATRIX_DATABASE_URL": "", "TRADEMATRIX_WEEKENDS": ""})
    assert (found.twelve_data_key, found.database_url, found.weekends) == (None, None, False)


@pytest.mark.parametrize(("text", "automation"), [("", True), ("1", True), ("yes", True), ("0", False), ("off", False)])
def test_the_trading_day_runs_by_itself_unless_told_otherwise(text: str, automation: bool) -> None:
    assert load_settings({"TRADEMATRIX_AUTOMATION": text}).automation is automation


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TRADEMATRIX_HISTORY_START", "2013", "write it as 2020-02-10"),
        ("TRADEMATRIX_WEEKENDS", "maybe", "write 1 or 0"),
        ("TRADEMATRIX_CLOCK", "noon", "TRADEMATRIX_CLOCK='noon'"),
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


def test_alert_urls_are_apart_by_white_space_and_may_hold_commas() -> None:
    found = load_settings({"TRADEMATRIX_ALERT_URLS": " slack://a/b/c/#x,#y\n\tmailto://u:p@h  json://h "})
    assert found.alert_urls == ("slack://a/b/c/#x,#y", "mailto://u:p@h", "json://h")
    assert load_settings({}).alert_urls == ()


def test_children_get_absolute_folders_and_the_same_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(
        {"TRADEMATRIX_HOME": "home", "TRADEMATRIX_FILES_DIR": "files", "TRADEMATRIX_CLOCK": "2026-03-23T00:00:00Z*60"}
    )
    monkeypatch.chdir("/")
    assert load_settings(child_environment(settings)) == settings
