"""``tradematrix board``: the board alone, in a process of its own, until Ctrl-C."""

import signal
from pathlib import Path

import httpx
import pytest

from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines_tests.stack import environment, free_port, running, wait_for

pytestmark = pytest.mark.system


def test_it_serves_what_is_stored_and_ends_in_order(settings: Settings, database: Database, tmp_path: Path) -> None:
    assert settings.database_url is not None
    env = environment(tmp_path / "home", TRADEMATRIX_DATABASE_URL=settings.database_url.get_secret_value())
    port, log = free_port(), tmp_path / "board.log"
    with running(env, "board", "--port", str(port), log=log) as board:
        url = f"http://127.0.0.1:{port}"
        wait_for("the board", lambda: f"board on {url} - Ctrl-C stops" in log.read_text(), seconds=60)
        symbols = httpx.get(f"{url}/api/v1/symbols", timeout=60).json()["symbols"]
        assert [symbol["symbol"] for symbol in symbols] == ["DAX", "NDX", "DJI", "EUR/USD", "XAG/USD"]
        assert httpx.get(f"{url}/api/v1/status", timeout=60).json()["dagster_url"] is None
        with running(env, "board", "--port", str(port), log=tmp_path / "second.log") as second:
            assert second.wait(60) == 1
        assert f"can't listen on 127.0.0.1:{port}" in (tmp_path / "second.log").read_text()
        board.send_signal(signal.SIGTERM)
        assert board.wait(30) == 0, log.read_text()
    other = ["board", "--port", str(free_port()), "--host", "0.0.0.0"]
    with running(env, *other, log=tmp_path / "open.log"):
        where = tmp_path / "home" / "board-token"
        wait_for("its line", lambda: "Ctrl-C stops" in (tmp_path / "open.log").read_text(), seconds=60)
        assert f"/?token=… with the token of {where}" in (tmp_path / "open.log").read_text()
        assert where.read_text() not in (tmp_path / "open.log").read_text()
