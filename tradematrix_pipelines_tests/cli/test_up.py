"""``tradematrix up`` as a whole: one per home, and no process is left however it ends. With daemon and UI."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil  # type: ignore[import-untyped]  # psutil ships no types
import pytest

from tradematrix_pipelines_tests.stack import (
    Ui,
    environment,
    free_port,
    left_behind,
    running,
    tradematrix,
    ui,
    vendor,
    wait_for,
    wait_until_nothing_is_left,
)

pytestmark = pytest.mark.system

CLOCK = "2026-11-20T23:00:00Z"
ENDS = [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL]
"""Signals that end a command, besides Ctrl-C, which all other tests use; `stop` sends ``up`` the first."""


@pytest.fixture
def home() -> Iterator[Path]:
    with TemporaryDirectory(prefix="tradematrix-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "home"
        path.mkdir()
        yield path


@pytest.fixture
def env(home: Path) -> dict[str, str]:
    return environment(home, TRADEMATRIX_CLOCK=CLOCK)


def said(env: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command, whatever its exit code."""
    command = [sys.executable, "-c", "from tradematrix_pipelines.cli.main import main; main()", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def state(env: dict[str, str]) -> dict[str, object]:
    status: dict[str, object] = json.loads(said(env, "status", "--json").stdout)
    return status


def server_pid(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().split()[0])


def test_one_up_per_home_which_can_be_shown_and_stopped(home: Path, env: dict[str, str]) -> None:
    assert (said(env, "status").returncode, state(env)["running"]) == (1, False)
    nothing = said(env, "stop")
    assert (nothing.returncode, "nothing to stop" in nothing.stdout) == (0, True)
    board_port = free_port()
    with ExitStack() as stack, ui(env, home, board_port=board_port) as web:
        status = state(env)
        foreign = httpx.get(f"{web.url}/server_info", headers={"Host": "evil.example"}, timeout=30)
        assert (foreign.status_code, "TRADEMATRIX_UI_HOSTS" in foreign.text) == (400, True)
        logs = [home / "logs", *(home / "logs").iterdir()]
        assert [path.name for path in logs if path.stat().st_mode & 0o077] == []
        services = status["services"]
        assert isinstance(services, list)
        assert (status["running"], status["pid"], status["url"]) == (True, web.process.pid, web.url)
        assert status["database"] == {"embedded": True, "pid": server_pid(home)}
        assert [(service["name"], service["restarts"]) for service in services] == [
            ("webserver", 0),
            ("daemon", 0),
            ("board", 0),
        ]
        said_status = said(env, "status").stdout
        assert web.url in said_status
        assert status["board_url"] in said_status
        assert f"board on {status['board_url']}\n" in (home / "up.log").read_text()
        board = check_board(status["board_url"], dagster_url=web.url)
        for second in (["up"], ["demo"]):
            refused = said(env, *second, "--port", str(free_port()))
            assert refused.returncode == 1
            assert refused.stderr == (
                f"Error: already running, pid {web.process.pid}, {web.url}: end it with `tradematrix stop`, "
                "or set TRADEMATRIX_HOME to another folder\n"
            )
        [webserver, _, served] = services
        os.kill(webserver["pid"], signal.SIGKILL)
        os.kill(served["pid"], signal.SIGKILL)
        again = wait_for("the next webserver", lambda: restarted(env), seconds=30)
        assert again["pid"] != webserver["pid"]
        # Its socket is held by `up`: nobody is refused while it is restarted.
        check_board(board, dagster_url=web.url)
        stream = httpx.stream("GET", f"{board}/events", timeout=30)
        events = stack.enter_context(stream)
        assert events.status_code == 200
        assert tradematrix(env, "stop") == f"stopped, pid {web.process.pid}\n"
        # Without waiting: all processes have ended when `stop` returns.
        assert but_its_watcher(left_behind(home)) == []
        assert web.process.wait(5) == 0
    wait_until_nothing_is_left(home, seconds=5)
    assert state(env)["running"] is False


def check_board(url: object, *, dagster_url: str) -> str:
    """Ask the board for its page and its status, and return its address."""
    assert isinstance(url, str)
    assert httpx.get(url, timeout=60).headers["content-type"].startswith("text/html")

    def status() -> dict[str, object] | None:
        answer = httpx.get(f"{url}/api/v1/status", timeout=60)
        # A busy machine takes long to load what answers need.
        assert answer.status_code in {200, 503}, answer.text
        return answer.json() if answer.status_code == 200 else None

    assert wait_for("the board's answer", status, seconds=60)["dagster_url"] == dagster_url
    return url


def but_its_watcher(left: list[str]) -> list[str]:
    """What is left, without the server's watcher, which notices within a second that there is nothing to watch."""
    return [command for command in left if command != "watch" and "postgres.watcher" not in command]


def restarted(env: dict[str, str]) -> dict[str, object] | None:
    services = state(env)["services"]
    assert isinstance(services, list)
    webserver: dict[str, object] = services[0]
    return webserver if webserver["restarts"] == 1 else None


def end_by(web: Ui, home: Path, number: signal.Signals) -> None:
    """End ``up`` by a signal, and check that nothing is left."""
    web.process.send_signal(number)
    web.process.wait(60)
    if number is not signal.SIGKILL:
        assert web.process.returncode == 0, (home / "up.log").read_text()
        # Without interference: `up` ends its processes itself.
        assert but_its_watcher(left_behind(home)) == []
    wait_until_nothing_is_left(home)


def test_nothing_is_left_of_a_killed_one_and_the_next_waits_for_it(home: Path, env: dict[str, str]) -> None:
    port = free_port()
    with ui(env, home, port=port) as first:
        first.process.kill()
        first.process.wait()
        with ui(env, home, port=port) as second:
            # Until then the first one's web UI may have answered.
            wait_for("the second", lambda: state(env)["pid"] == second.process.pid, seconds=60)
            assert state(env)["running"] is True
            daemons = [command for command in left_behind(home) if "defs.internals.daemon run" in command]
            assert len(daemons) == 1, daemons
            end_by(second, home, signal.SIGKILL)


def test_up_goes_on_where_postgres_is_late_and_ends_with_its_terminal(home: Path, env: dict[str, str]) -> None:
    with ui(env, home) as web:
        conf, server = home / "postgres" / "postgresql.auto.conf", psutil.Process(server_pid(home))
        good = conf.read_text()
        conf.write_text("wal_level = sideways\n")
        server.kill()
        log = home / "up.log"
        wait_for("a failed start", lambda: "trying again in 2 s" in log.read_text(), seconds=60)
        assert web.process.poll() is None
        conf.write_text(good)
        wait_for("the server", lambda: state(env)["database"] != {"embedded": True, "pid": None}, seconds=60)
        time.sleep(2)
        assert web.process.poll() is None, log.read_text()
        assert web.runs() == []
        end_by(web, home, signal.SIGHUP)


def test_nothing_is_left_when_a_command_is_ended_by_a_signal(home: Path) -> None:
    with vendor(home, "--fault", "slow=8", clock=CLOCK) as simulator:
        env = environment(
            home,
            TRADEMATRIX_CLOCK=CLOCK,
            TRADEMATRIX_TWELVE_DATA_URL=simulator.url,
            TWELVE_DATA_API_KEY="any",
            TWELVE_DATA_PLAN="unlimited",
        )
        for number in ENDS:
            log, before = home / f"{number.name}.log", simulator.counts["calls"]
            with running(env, "backfill", "DAX", "--from", "2026-11-20", log=log) as backfill:
                wait_for("its call", lambda before=before: simulator.counts["calls"] > before, seconds=60)
                backfill.send_signal(number)
                assert backfill.wait(30) == (-signal.SIGKILL if number is signal.SIGKILL else 1)
            if number is not signal.SIGKILL:
                assert log.read_text().splitlines()[-1] == "Aborted!"
    wait_until_nothing_is_left(home)
