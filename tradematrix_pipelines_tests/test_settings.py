"""Settings: how the environment is read, and the errors for invalid values."""

import json
import os
import re
import subprocess
import sys
import traceback
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import pytest
from dagster._core.secrets.env_file import get_env_var_dict
from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import (
    SECRETS,
    VARIABLES,
    child_environment,
    load_settings,
    read_settings,
    settings_in_force,
    unknown_variables,
)

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
        ("TRADEMATRIX_HOME", "~nobody-of-that-name/x", "write the whole path"),
        ("TRADEMATRIX_FILES_ZONE", "Berlin", "write one like Europe/Berlin"),
        ("TRADEMATRIX_FILES_ZONE", "UTC,DAX=Europe", "which is no zone"),
        ("TRADEMATRIX_FILES_ZONE", "UTC+15", "which is no zone"),
        ("TRADEMATRIX_FILES_STAMPS", "end", "open, close"),
        ("TRADEMATRIX_FILES_DATES", "year", "day, month"),
        ("TRADEMATRIX_CODE_SERVER", "code-server", "write it as host:4000"),
        ("TRADEMATRIX_CODE_SERVER", "grpc://code-server:4000", "write it as host:4000"),
        ("TRADEMATRIX_CODE_LOCATION", "a location", "letters, digits"),
        ("TRADEMATRIX_LAUNCHER", "redis", "processes, celery"),
        ("DAGSTER_EVENT_BATCH_SIZE", "-1", "write one like 1000"),
        ("DAGSTER_EVENT_BATCH_SIZE", "many", "write one like 1000"),
    ],
)
def test_a_value_of_the_wrong_form_names_its_variable_and_the_right_form(name: str, value: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings({name: value})
    message = str(caught.value)
    assert message.startswith(f"{name}={value!r} ")
    assert (says in message, message.count("\n")) == (True, 0)


def test_a_secret_of_the_wrong_form_is_not_repeated() -> None:
    bad = {"TWELVE_DATA_API_KEY": "hush\u00e4"}
    with pytest.raises(UsageError) as caught:
        load_settings(bad)
    assert str(caught.value).startswith("TWELVE_DATA_API_KEY has characters that no key has: copy it again")
    assert "hush" not in "".join(traceback.format_exception(caught.value)) + str(caught.value.__context__)


def test_secrets_are_not_shown() -> None:
    secret = {
        "TWELVE_DATA_API_KEY": "hush",
        "TRADEMATRIX_DATABASE_URL": "postgresql://u:hush@h/d",
        "TRADEMATRIX_DAGSTER_DATABASE_URL": "postgresql://u:hush@h/e",
        "TRADEMATRIX_ALERT_URLS": "slack://hush json://hush",
    }
    settings = load_settings(secret)
    for text in (repr(settings), str(settings), f"{settings}", settings.model_dump_json(exclude={"clock"})):
        assert "hush" not in text
    assert settings.database_url == SecretStr("postgresql://u:hush@h/d")
    assert settings.twelve_data_key is not None
    assert settings.twelve_data_key.get_secret_value() == "hush"


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "urls"
    path.write_text("slack://hush\njson://hush\n")
    settings = load_settings({"TRADEMATRIX_ALERT_URLS_FILE": str(path)})
    assert [url.get_secret_value() for url in settings.alert_urls] == ["slack://hush", "json://hush"]
    assert {f"{name}_FILE" for name in SECRETS} == {
        "TWELVE_DATA_API_KEY_FILE",
        *(f"TRADEMATRIX_{name}_FILE" for name in ("DATABASE_URL", "DAGSTER_DATABASE_URL", "ALERT_URLS", "BOARD_TOKEN")),
        "TRADEMATRIX_CELERY_BROKER_FILE",
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "can't be read (No such file or directory)"), (b" \n", "is empty"), (b"hush\xff", "it is no text")],
    ids=["absent", "empty", "no text"],
)
def test_the_file_of_a_secret_that_cant_be_used_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"^TWELVE_DATA_API_KEY_FILE='") as caught:
        load_settings({"TWELVE_DATA_API_KEY_FILE": str(path)})
    assert says in str(caught.value)
    assert "hush" not in "".join(traceback.format_exception(caught.value))


def test_a_secret_of_the_wrong_form_in_a_file_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hush\u00e4")
    with pytest.raises(UsageError, match="characters that no key has") as caught:
        load_settings({"TWELVE_DATA_API_KEY_FILE": str(tmp_path / "key")})
    assert "hush" not in str(caught.value)


def test_a_secret_has_one_source(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="TWELVE_DATA_API_KEY and TWELVE_DATA_API_KEY_FILE are both set: unset one"):
        load_settings({"TWELVE_DATA_API_KEY": "a", "TWELVE_DATA_API_KEY_FILE": str(tmp_path)})


def test_children_find_the_file_of_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("k")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWELVE_DATA_API_KEY_FILE", "key")
    monkeypatch.delenv("TWELVE_DATA_API_KEY", raising=False)
    settings = load_settings()
    children = child_environment(settings)
    monkeypatch.chdir("/")
    assert load_settings(children).twelve_data_key == SecretStr("k")
    assert {s.origin for s in settings_in_force(settings) if s.variable.name == "TWELVE_DATA_API_KEY"} == {"file"}


@pytest.mark.parametrize(
    ("environ", "required"),
    [
        ({}, False),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, True),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "TRADEMATRIX_REQUIRE_DATABASE": "0"}, False),
        ({"TRADEMATRIX_REQUIRE_DATABASE": "1"}, True),
    ],
)
def test_a_pod_takes_no_server_of_its_own(environ: dict[str, str], required: bool) -> None:
    assert load_settings(environ).require_database is required


def test_settings_cant_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings({}).weekends = True  # type: ignore[misc]  # that is the test


def test_alert_urls_are_separated_by_white_space_and_may_contain_commas() -> None:
    settings = load_settings({"TRADEMATRIX_ALERT_URLS": " slack://a/b/c/#x,#y\n\tmailto://u:p@h  json://h "})
    urls = [url.get_secret_value() for url in settings.alert_urls]
    assert urls == ["slack://a/b/c/#x,#y", "mailto://u:p@h", "json://h"]
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


def test_a_program_that_reads_has_the_env_file_and_keeps_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("TRADEMATRIX_VENDOR=files\nTWELVE_DATA_PLAN=grow\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRADEMATRIX_VENDOR", raising=False)
    monkeypatch.setenv("TWELVE_DATA_PLAN", "pro")
    settings = read_settings()
    assert (settings.vendor, settings.twelve_data_plan) == ("files", "pro")
    assert "TRADEMATRIX_VENDOR" not in os.environ


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


def test_the_names_of_the_variables_stay() -> None:
    assert {variable.name for variable in VARIABLES.values()} == {
        *("TWELVE_DATA_API_KEY", "TWELVE_DATA_PLAN", "DAGSTER_HOME", "DAGSTER_EVENT_BATCH_SIZE"),
        *(
            f"TRADEMATRIX_{name}"
            for name in (
                *("BOARD_TOKEN", "BOARD_HOSTS", "BOARD_URL", "TRACES_URL"),
                *(
                    "REQUIRE_DATABASE",
                    "AUTO_MIGRATE",
                    "CODE_SERVER",
                    "CODE_LOCATION",
                    "UI_HOSTS",
                    "LAUNCHER",
                    "CELERY_BROKER",
                ),
                *("DATABASE_URL", "DAGSTER_DATABASE_URL", "HOME", "VENDOR", "FALLBACK_VENDORS", "TWELVE_DATA_URL"),
                *("FILES_DIR", "HISTORY_START", "WEEKENDS", "AUTOMATION", "ALERT_URLS", "CLOCK"),
                *("LOG_LEVEL", "LOG_FORMAT", "VERIFY_CREDITS", "PIVOT_METHOD", "KEEP", "KEEP_RUNS"),
                *("FILES_ZONE", "FILES_STAMPS", "FILES_DATES"),
            )
        ),
    }


def test_every_setting_has_a_meaning_of_one_line_and_a_default() -> None:
    for variable in VARIABLES.values():
        assert variable.meaning, variable.name
        assert variable.default not in {"", "``"}, variable.name
        assert not set("|\n") & set(variable.meaning + variable.default + variable.example), variable.name


def test_the_example_file_can_be_used_as_it_is_with_every_line_turned_on() -> None:
    text = re.sub(r"^#(?=[A-Z_]+=)", "", (REPOSITORY / ".env.example").read_text(), flags=re.MULTILINE)
    values = {name: value or "" for name, value in dotenv_values(stream=StringIO(text)).items()}
    assert values.keys() == {variable.name for variable in VARIABLES.values()}
    settings = load_settings(values)
    assert [url.get_secret_value().partition(":")[0] for url in settings.alert_urls] == ["mailtos", "tgram"]
    changed = {name for name in VARIABLES if getattr(settings, name) != getattr(load_settings({}), name)}
    # A key has no example; the size of a batch is best left as it is.
    assert set(VARIABLES) - changed == {"twelve_data_key", "event_batch_size"}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TRADEMATRIX_VENDER", "TRADEMATRIX_VENDOR"),
        ("TRADEMATRIX_ALERT_URL", "TRADEMATRIX_ALERT_URLS"),
        ("TRADEMATRIX_LOGLEVEL", "TRADEMATRIX_LOG_LEVEL"),
        ("TRADEMATRIX_TWELVE_DATA_API_KEY", "TWELVE_DATA_API_KEY"),
        ("TWELVEDATA_API_KEY", "TWELVE_DATA_API_KEY"),
        ("TWELVE_DATA_KEY", "TWELVE_DATA_API_KEY"),
        ("tradematrix_home", "TRADEMATRIX_HOME"),
        ("TRADEMATRIX_BOARD_TOKENS_FILE", "TRADEMATRIX_BOARD_TOKEN_FILE"),
        ("TRADEMATRIX_KITCHEN", None),
    ],
)
def test_a_variable_that_is_no_setting_is_named_with_the_one_it_resembles(name: str, meant: str | None) -> None:
    others = {"TRADEMATRIX_HOME": "x", "TRADEMATRIX_TEST_DATA": "x", "DAGSTER_CLOUD": "x", "VENDER": "x"}
    assert unknown_variables({**others, name: "any", "TRADEMATRIX_BLANK": " "}) == {name: meant}
    load_settings({name: "any"})


def test_a_setting_in_force_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable.name, raising=False)
    monkeypatch.setenv("TRADEMATRIX_WEEKENDS", "yes")
    monkeypatch.setenv("TRADEMATRIX_FALLBACK_VENDORS", "files, yahoo")
    monkeypatch.setenv("TRADEMATRIX_ALERT_URLS", "slack://hush json://hush")
    monkeypatch.setenv("TRADEMATRIX_TWELVE_DATA_URL", "http://user:hush@proxy:8080/path")
    monkeypatch.setenv("TRADEMATRIX_HISTORY_START", " ")
    in_force = settings_in_force(load_settings(), from_file={"TRADEMATRIX_FALLBACK_VENDORS", "TRADEMATRIX_HOME"})
    shown = {setting.variable.name: (setting.value, setting.origin) for setting in in_force}
    assert shown["TRADEMATRIX_WEEKENDS"] == ("1", "environment")
    assert shown["TRADEMATRIX_FALLBACK_VENDORS"] == ("files,yahoo", ".env")
    assert shown["TRADEMATRIX_ALERT_URLS"] == ("*** ***", "environment")
    assert shown["TRADEMATRIX_TWELVE_DATA_URL"] == ("http://***@proxy:8080/path", "environment")
    assert shown["TRADEMATRIX_HISTORY_START"] == ("2020-02-10", "default")
    assert shown["TRADEMATRIX_DATABASE_URL"] == (None, "default")
    assert shown["TRADEMATRIX_VENDOR"] == ("simulator", "default")
    assert shown["TRADEMATRIX_CLOCK"] == (None, "default")


def test_how_long_candles_are_kept() -> None:
    settings = load_settings({"TRADEMATRIX_KEEP": "1m = 90d, 5m=1y"})
    assert settings.keep == ((Timeframe.M1, timedelta(days=90)), (Timeframe.M5, timedelta(days=365)))
    assert load_settings({}).keep == ()
    with pytest.raises(UsageError, match=r"TRADEMATRIX_KEEP='2m=90d' has '2m', which is none of 1m, 5m, 15m, 1h, 1d"):
        load_settings({"TRADEMATRIX_KEEP": "2m=90d"})
    with pytest.raises(UsageError, match=r"has 'long', which is no span of time: write it as 20d, 6w, 3m or 1y"):
        load_settings({"TRADEMATRIX_KEEP": "1m=long"})
