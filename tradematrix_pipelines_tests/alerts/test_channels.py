"""What the alerter sends, and its errors about services that refuse: without their addresses and secrets."""

import logging
import socket
import time

import pytest
from pydantic import SecretStr

from tradematrix_pipelines.alerts import channels
from tradematrix_pipelines.alerts.channels import Alerter, AlertError
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines_tests.alerts.receiver import SECRETS, Receiver


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_every_service_gets_the_message_as_it_is(receiver: Receiver, second: Receiver) -> None:
    alerter = Alerter([SecretStr(receiver.url), SecretStr(second.url)])
    alerter.send("TradeMatrix: a <title>", "first: <b> & *c*\nsecond :smile: \\t")
    assert (alerter.configured, alerter.schemes) == (True, ("json", "json"))
    for service in (receiver, second):
        [message] = service.messages
        assert (message["title"], message["message"]) == (
            "TradeMatrix: a <title>",
            "first: <b> & *c*\nsecond :smile: \\t",
        )


def test_a_service_that_shows_html_gets_the_text_escaped(receiver: Receiver) -> None:
    Alerter([SecretStr(receiver.url + "?format=html")]).send("TradeMatrix: test", "a < b & c")
    [message] = receiver.messages
    assert "a &lt; b &amp; c" in message["message"].replace("&nbsp;", " ")


def test_without_a_service_nothing_happens() -> None:
    alerter = Alerter([])
    alerter.send("title", "body")
    assert not alerter.configured


def test_a_refusal_names_how_many_which_and_why(receiver: Receiver, second: Receiver) -> None:
    second.status = 403
    nowhere = f"json://127.0.0.1:{closed_port()}"
    with pytest.raises(AlertError) as caught:
        Alerter([SecretStr(receiver.url), SecretStr(second.url), SecretStr(nowhere)]).send("title", "body")
    assert str(caught.value).startswith("2 of 3 alert services refused: json (HTTP 403), json (not reached); ")
    assert (caught.value.taken, receiver.titles) == (1, ["title"])


def test_a_service_that_does_not_answer_times_out(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "_TIMEOUT", 0.3)
    receiver.seconds = 1.5
    started = time.monotonic()
    with pytest.raises(AlertError, match=r"1 of 1 alert services refused: json \(no answer in time\)"):
        Alerter([SecretStr(receiver.url + "?rto=60")]).send("title", "body")
    assert time.monotonic() - started < 1.3


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("slack://hush-password", "slack"),
        ("mailto://hush-password", "mailto"),
        ("hooks://hush-password@127.0.0.1", "hooks"),
        ("hush-user:hush-password@127.0.0.1", "without a scheme"),
        ("hush-password", "without a scheme"),
    ],
)
def test_a_url_that_apprise_cant_use_is_named_by_place_and_scheme(
    url: str, named: str, receiver: Receiver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.NOTSET), pytest.raises(UsageError) as caught:
        Alerter([SecretStr(receiver.url), SecretStr(url)])
    assert f"URL 2 of 2 ({named}) is not one that Apprise can use" in str(caught.value)
    texts = [str(caught.value), caplog.text, *capfd.readouterr()]
    assert [(text, secret) for text in texts for secret in SECRETS if secret in text] == []


@pytest.mark.parametrize("status", [200, 401, 500, "unreachable"])
def test_no_secret_in_logs_output_or_errors(
    status: int | str, receiver: Receiver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    url = receiver.url
    if isinstance(status, int):
        receiver.status = status
    else:
        url = url.replace(str(receiver.port), str(closed_port()))
    errors = []
    with caplog.at_level(logging.NOTSET):
        logging.getLogger("anything").debug("captured")
        alerter = Alerter([SecretStr(url)])
        try:
            alerter.send("title", "body")
        except AlertError as error:
            errors.append(repr(error) + str(error))
    assert len(errors) == (status != 200)
    assert "captured" in caplog.text
    texts = [*errors, caplog.text, *capfd.readouterr(), repr(alerter)]
    assert [(text, secret) for text in texts for secret in SECRETS if secret in text] == []
