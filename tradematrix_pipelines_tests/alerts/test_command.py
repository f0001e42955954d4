"""``tradematrix alerts`` as a user types it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from tradematrix_pipelines.alerts.detectors import Incident, IncidentKind
from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.incidents import record
from tradematrix_pipelines.storage.symbols import find_symbols
from tradematrix_pipelines_tests.alerts.receiver import SECRETS, Receiver

NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)  # where a test's clock stands


@pytest.fixture
def run(settings: Settings) -> Callable[..., Result]:
    """Run ``tradematrix`` with these arguments, in an installation of the test's own."""
    del settings
    return lambda *arguments: CliRunner().invoke(main, list(arguments))


def test_a_test_message_reaches_every_service(
    run: Callable[..., Result], receiver: Receiver, second: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEMATRIX_ALERT_URLS", f" {receiver.url}\n{second.url}?+X-Note=a,b ")
    result = run("alerts", "test")
    assert (result.exit_code, result.output) == (0, "2 services took the test message: json, json\n")
    assert receiver.titles == second.titles == ["TradeMatrix: test"]


def test_a_refused_test_message_fails_in_one_line_without_secrets(
    run: Callable[..., Result], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEMATRIX_ALERT_URLS", receiver.url)
    receiver.status = 401
    result = run("alerts", "test")
    assert result.exit_code == 1
    assert result.output.startswith("Error: 1 of 1 alert services refused: json (HTTP 401)")
    assert len(result.output.splitlines()) == 1
    assert [secret for secret in SECRETS if secret in result.output] == []


@pytest.mark.parametrize(
    ("urls", "says"),
    [("", "set TRADEMATRIX_ALERT_URLS"), ("json://hush-user:hush-password@:x slack://hush-path", "URL 1 of 2 (json)")],
)
def test_no_url_or_a_wrong_one_is_bad_usage(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, urls: str, says: str
) -> None:
    monkeypatch.setenv("TRADEMATRIX_ALERT_URLS", urls)
    result = run("alerts", "test")
    assert result.exit_code == 2
    assert says in result.output
    assert [secret for secret in SECRETS if secret in result.output] == []


def test_list_shows_open_incidents_and_with_all_the_closed_ones_of_30_days(
    run: Callable[..., Result], database: Database
) -> None:
    assert run("alerts", "list").output == "no incidents\n"
    kinds = [IncidentKind.CREDITS_LOW]
    for days, keys in [(40, "a"), (31, ""), (30, "b"), (29, ""), (1, "c")]:
        current = [Incident(key=key, kind=kinds[0], message="79 credits left") for key in keys]
        record(database.engine, current, kinds=kinds, now=NOW - timedelta(days=days))

    def listed(*options: str) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = json.loads(run("alerts", "list", *options, "--json").output)
        return rows

    assert listed() == [
        {
            "kind": "credits_low",
            "key": "c",
            "opened_at": "2026-11-19T23:00:00+00:00",
            "closed_at": None,
            "notified": False,
            "detail": "79 credits left",
        }
    ]
    assert [row["key"] for row in listed("--all")] == ["b", "c"]
    assert "79 credits left" in run("alerts", "list").output


def test_touch_alerts_are_turned_on_and_off(
    run: Callable[..., Result], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = run("alerts", "touches", "EUR/USD", "--on")
    expected = "touch alerts of EUR/USD are on; nobody is notified until TRADEMATRIX_ALERT_URLS is set\n"
    assert (on.exit_code, on.output) == (0, expected)
    assert [symbol.touch_alerts for symbol in find_symbols(database.engine, ["EUR/USD", "DAX"])] == [True, False]
    assert run("alerts", "touches", "EUR/USD", "--off").output == "touch alerts of EUR/USD are off\n"
    assert [symbol.touch_alerts for symbol in find_symbols(database.engine, ["EUR/USD"])] == [False]
    assert [run("alerts", "touches", *arguments).exit_code for arguments in (["EUR/USD"], ["SPX", "--on"])] == [2, 2]
