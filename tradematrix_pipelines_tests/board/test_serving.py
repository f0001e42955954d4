"""How the board serves: who may ask, what a dead or slow database does, events, its files, its own description."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from hypothesis import HealthCheck, given, settings, strategies

from tradematrix_pipelines.board.access import Access
from tradematrix_pipelines.board.app import make_app
from tradematrix_pipelines.board.events import Pace
from tradematrix_pipelines.board.server import running
from tradematrix_pipelines.board.tokens import required_token
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.limits import Limits
from tradematrix_pipelines_tests.board.served import Served

pytestmark = pytest.mark.system

# Several times the deadline of a request: the machine may be busy.
SOON = 15.0


@pytest.fixture(scope="module")
def limits() -> Limits:
    """So short that a test need not wait long."""
    return Limits(statement_seconds=1.0, wait_seconds=0.5, connections=3)


def test_any_request_is_answered_as_described_and_never_with_a_server_error(served: Served) -> None:
    # Imported here: it takes seconds, and only this test needs it.
    import schemathesis
    from schemathesis.specs.openapi import checks

    held = [
        schemathesis.checks.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
        checks.negative_data_rejection,
    ]
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) == 15
    for operation in operations:
        cases = strategies.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))
        asked = 0

        @settings(
            max_examples=30, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=cases)
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            case.call_and_validate(checks=held, timeout=30)

        ask()
        assert asked >= (2 if operation.query else 1), operation.label


def test_a_locked_table_is_a_503_in_time_and_all_is_well_again_after_it(served: Served) -> None:
    with served.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE levels_daily")
        begun = time.monotonic()
        answer = served.ask("levels", symbol="DAX")
        assert time.monotonic() - begun < SOON
        assert_unavailable(answer, "statement timeout")
        assert served.ask("symbols").status_code == 200
    assert served.ask("levels", symbol="DAX").status_code == 200


def test_a_locked_table_of_candles_is_a_503_too(served: Served) -> None:
    def ask() -> httpx.Response:
        return served.ask("candles", symbol="DAX", timeframe="1h", limit=5)

    assert ask().status_code == 200
    with served.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE ohlc")
        assert_unavailable(ask(), "statement timeout")
    assert ask().status_code == 200


def test_a_server_that_stops_answering_is_a_503_in_time(served: Served) -> None:
    with served.connect() as connection:
        postmaster = psutil.Process(connection.info.backend_pid).parent()
    assert postmaster is not None
    with stopped(postmaster):
        begun = time.monotonic()
        answers = asked_at_once(served, 12)
        assert {answer.status_code for answer in answers} == {503}
        assert time.monotonic() - begun < SOON
        ready = httpx.get(f"{served.url}/readyz", timeout=30)
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert [check["name"] for check in ready.json()["checks"] if not check["ok"]] == ["database", "schema"]
        assert httpx.get(f"{served.url}/healthz", timeout=5).json() == {"alive": True}
    recovered(served)


def test_a_server_that_ends_its_connections_and_takes_no_new_ones(served: Served) -> None:
    [row] = served.rows("SELECT current_database() AS name")
    name = row["name"]
    assert served.ask("candles", symbol="DAX", timeframe="1h", limit=5).status_code == 200
    with served.connect(dbname="postgres") as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        assert_unavailable(served.ask("candles", symbol="DAX", timeframe="1h"), "")
        assert_unavailable(served.ask("symbols"), "")
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        assert served.ask("symbols").status_code == 200
        assert served.ask("candles", symbol="DAX", timeframe="1h", limit=5).status_code == 200
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    # Connections that died while they were idle are replaced: nobody gets an error for them.
    assert {answer.status_code for answer in asked_at_once(served, 6)} == {200}
    assert served.ask("candles", symbol="DAX", timeframe="1h", limit=5).status_code == 200


def test_nothing_can_be_written(served: Served) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        answer = httpx.request(method, f"{served.url}/api/v1/symbols")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
        assert answer.json()["detail"] == "the board only reads: use GET"
    head = httpx.head(f"{served.url}/api/v1/symbols")
    assert (head.status_code, head.content) == (200, b"")
    assert httpx.head(f"{served.url}/events").status_code == 405


def test_only_its_own_names_are_answered(served: Served) -> None:
    port = served.url.rpartition(":")[2]
    for host in ("localhost", f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert httpx.get(f"{served.url}/healthz", headers={"Host": host}).status_code == 200, host
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "10.0.0.1", ""):
        answer = httpx.get(f"{served.url}/api/v1/symbols", headers={"Host": host})
        assert (answer.status_code, "TRADEMATRIX_BOARD_HOSTS" in answer.text) == (400, True), host


def test_every_answer_has_the_headers_that_a_browser_needs(served: Served) -> None:
    for path in (
        "/",
        "/docs",
        "/static/index.html",
        "/docs-files/start.js",
        "/api/v1/symbols",
        "/api/v1/x",
        "/nothing",
    ):
        answer = httpx.get(f"{served.url}{path}")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self';" in policy, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] in {"no-store", "no-cache"}
    symbols = httpx.get(f"{served.url}/api/v1/quotes", headers={"Accept-Encoding": "gzip"})
    assert symbols.headers["content-encoding"] == "gzip"


def test_the_pages_load_nothing_from_elsewhere(served: Served) -> None:
    page = httpx.get(f"{served.url}/docs").text
    assert "http:" not in page
    assert "https:" not in page
    for path in ("swagger-ui-bundle.js", "swagger-ui.css", "LICENSE"):
        assert httpx.get(f"{served.url}/docs-files/{path}").status_code == 200
    assert httpx.get(f"{served.url}/docs-files/../app.py").status_code == 404
    assert httpx.get(f"{served.url}/static/%2e%2e/app.py").status_code == 404
    assert "/api/v1/levels" in httpx.get(f"{served.url}/openapi.json").json()["paths"]


def test_a_token_is_required_where_others_can_ask(served: Served, tmp_path: Path) -> None:
    installed = served.settings.model_copy(update={"home": tmp_path})
    assert required_token(installed, "127.0.0.1") is None
    token = required_token(installed, "0.0.0.0")
    assert token is not None
    assert (Path(token.where).stat().st_mode & 0o777, len(token.value) > 40) == (0o600, True)
    assert required_token(installed, "192.0.2.1") == token
    access = Access(host="0.0.0.0", names=("desk.example",), token=token.value)
    with running(make_app(installed, access=access)) as url:
        refused = httpx.get(f"{url}/api/v1/symbols")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert token.value not in refused.text
        for path in ("/", "/docs", "/events", "/openapi.json", "/static/index.html", "/?token=wrong"):
            assert httpx.get(f"{url}{path}").status_code == 401, path
        for given in ("Bearer wrong", "Bearer", "Basic " + token.value, "Bearer \xe9"):
            assert httpx.get(f"{url}/", headers=[(b"Authorization", given.encode("latin-1"))]).status_code == 401, given
        assert httpx.get(f"{url}/api/v1/symbols", headers={"Authorization": f"Bearer {token.value}"}).status_code == 200
        assert httpx.get(f"{url}/healthz", headers={"Host": "10.1.2.3:3001"}).status_code == 200
        assert httpx.get(f"{url}/healthz", headers={"Host": "desk.example"}).status_code == 200
        assert httpx.get(f"{url}/healthz", headers={"Host": "evil.example"}).status_code == 400
        with httpx.Client() as browser:
            welcome = browser.get(f"{url}/?token={token.value}")
            assert (welcome.status_code, welcome.headers["location"]) == (303, "/")
            cookie = welcome.headers["set-cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=strict" in cookie
            assert token.value not in cookie
            assert browser.get(f"{url}/").status_code == 200
        assert httpx.get(f"{url}/", headers={"Cookie": f"tradematrix_board={token.value}"}).status_code == 401


def test_events_bring_what_has_changed_and_end_with_the_server(served: Served) -> None:
    server = running(make_app(served.settings, pace=Pace(look_seconds=0.1, heartbeat_seconds=0.3)))
    url = server.__enter__()
    with httpx.stream("GET", f"{url}/events", timeout=30) as response, served.connect() as connection:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in response.headers
        stream = response.iter_lines()
        assert next_event(stream)[0] == "hello"
        # The first look is what others are compared with.
        for _ in range(3):
            next(line for line in stream if line == ": still here")
        connection.execute("UPDATE current_prices SET price = 25_111.0625, updated_at = updated_at + interval '1 min'")
        name, quote = next_event(stream)
        assert (name, quote["symbol"], quote["price"]) == ("quote", "DAX", 25_111.0625)
        assert quote == served.get("quotes", symbol="DAX")["quotes"][0]
        connection.execute("UPDATE incidents SET closed_at = now() WHERE key = 'stale|DAX'")
        assert next_event(stream) == ("incident", {"open": 0})
        connection.execute("UPDATE incidents SET closed_at = NULL WHERE key = 'stale|DAX'")
        assert next_event(stream) == ("incident", {"open": 1})
        connection.execute(
            "UPDATE session_coverage SET checked_at = checked_at + interval '1 h' FROM market_symbols AS s "
            "WHERE s.id = symbol_id AND s.symbol = 'DAX'"
        )
        assert next_event(stream) == ("coverage", {"symbols": ["DAX"]})
        begun = time.monotonic()
        server.__exit__(None, None, None)
        assert time.monotonic() - begun < SOON
        assert [line for line in stream if line.startswith("event")] == []


def next_event(lines: Iterator[str]) -> tuple[str, Any]:
    """Return the name and the data of the next event."""
    name = next(line.removeprefix("event: ") for line in lines if line.startswith("event: "))
    return name, json.loads(next(lines).removeprefix("data: "))


def asked_at_once(served: Served, count: int) -> list[httpx.Response]:
    """Return the responses to as many requests at once."""
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(served.ask("symbols"))) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == count
    return answers


def assert_unavailable(answer: httpx.Response, says: str) -> None:
    """Check that a response says that the database can't be read now, and when to ask again."""
    assert (answer.status_code, answer.headers.get("retry-after")) == (503, "5"), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]


def recovered(served: Served) -> None:
    """Wait until the board answers again.

    Raises:
        AssertionError: it does not.
    """
    deadline = time.monotonic() + SOON
    while (answer := served.ask("symbols")).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)


@contextmanager
def stopped(postmaster: psutil.Process) -> Iterator[None]:
    """Let a server and its processes stand still while the block lasts."""
    postmaster.suspend()  # it makes no more of them
    processes = postmaster.children()
    try:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in (*processes, postmaster):
            with suppress(psutil.NoSuchProcess):
                process.resume()


def test_a_database_that_was_never_made_is_not_ready(tmp_path: Path) -> None:
    with running(make_app(Settings(home=tmp_path / "home"))) as url:
        answer = httpx.get(f"{url}/api/v1/symbols")
        assert_unavailable(answer, "tradematrix migrate")
        assert httpx.get(f"{url}/readyz").status_code == 503
