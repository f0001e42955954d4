"""What Prometheus scrapes is what the tables hold; and a real one evaluates the dashboard and the alerts on it."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from tradematrix_pipelines.board.access import Access
from tradematrix_pipelines.board.app import make_app
from tradematrix_pipelines.board.server import running
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.limits import Limits
from tradematrix_pipelines.storage.measures import read_dagster
from tradematrix_pipelines_tests.stack import free_port, wait_for

pytestmark = pytest.mark.system

DEPLOY = Path(__file__).parents[2] / "deploy"
NOW = datetime(2026, 11, 20, 15, 0, 30, tzinfo=UTC)
"""A Friday afternoon: Xetra, New York, currencies and metals trade."""

STORED = """
    INSERT INTO ohlc (ts, open, high, low, close, symbol_id, timeframe, source)
    SELECT '2026-11-20 14:00Z'::timestamptz + n * interval '1 minute', 1, 1, 1, 1, s.id, '1m', 'simulator'
    FROM market_symbols AS s, generate_series(0, CASE symbol WHEN 'DAX' THEN 39 ELSE 58 END) AS n
    WHERE s.symbol IN ('DAX', 'NDX');
    INSERT INTO session_coverage (symbol_id, timeframe, trade_date, status, final, expected, received, rejected,
        outside, longest_gap, attempts, checked_at, opens_at, closes_at, verdict)
    SELECT s.id, '1m', day, status::coverage_status, true, 510, 510, 0, 0, 0, 1, '2026-11-20 08:00Z',
        day + time '08:00', day + time '16:30', verdict::session_verdict
    FROM market_symbols AS s, (VALUES (date '2026-11-19', 'complete', 'accepted'),
        ('2026-11-18', 'complete', 'accepted'),
        ('2026-11-17', 'complete', 'doubtful'), ('2026-11-16', 'partial', NULL), ('2026-09-01', 'complete', 'accepted'),
        ('2026-11-15', 'closed', NULL)) AS d (day, status, verdict)
    WHERE s.symbol = 'DAX';
    INSERT INTO incidents (key, kind, message, opened_at, closed_at)
    VALUES ('stale|DAX', 'stale_market', 'DAX has no bar', '2026-11-20 09:00Z', NULL),
        ('stale|NDX', 'stale_market', 'NDX has no bar', '2026-11-19 15:00Z', '2026-11-19 16:00Z');
    INSERT INTO vendor_credits (vendor, reserved_at, credits, purpose, settled)
    VALUES ('twelve_data', '2026-11-20 09:10Z', 3, 'live', true),
        ('twelve_data', '2026-11-20 09:11Z', 7, 'backfill', true),
        ('twelve_data', '2026-11-19 09:11Z', 99, 'live', true);
"""
DAGSTER = """
    INSERT INTO runs (run_id, pipeline_name, status, run_body, start_time, end_time, update_timestamp)
    VALUES ('a', 'pull_live', 'SUCCESS', '{}', 100, 104, LOCALTIMESTAMP), ('b', 'pull_live', 'SUCCESS', '{}', 200, 206,
        LOCALTIMESTAMP), ('c', 'pull_live', 'FAILURE', '{}', 300, 301, LOCALTIMESTAMP),
        ('d', 'pull_live', 'SUCCESS', '{}', 1, 2, LOCALTIMESTAMP - interval '2 days'),
        ('e', 'ingest_candles', 'STARTED', '{}', 1700000000, NULL, LOCALTIMESTAMP - interval '2 days');
    INSERT INTO daemon_heartbeats (daemon_type, daemon_id, timestamp, body)
    VALUES ('SENSOR', 'x', '2026-11-20 15:00:00', '{}');
"""


@pytest.fixture
def board(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a board in the middle of a session, with something of everything behind it."""
    with database.engine.begin() as connection:
        connection.execute(text(STORED.replace(":", "\\:")))
    url = database.databases.dagster.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(DAGSTER)
    monkeypatch.setenv("TRADEMATRIX_CLOCK", NOW.isoformat())
    monkeypatch.setenv("TWELVE_DATA_API_KEY", "hush")
    with running(make_app(load_settings())) as address:
        yield address


def scraped(url: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return each sample by its name and its labels' values, sorted."""
    answer = httpx.get(f"{url}/metrics", timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "hush" not in answer.text
    return {
        (sample.name.removeprefix("tradematrix_"), tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_each_metric_is_what_is_stored(board: str, database: Database) -> None:
    known = scraped(board)
    # 14:39 is DAX's newest minute and closed at 14:40; NDX's at 14:59. The clock stands at 15:00:30.
    assert known["staleness_seconds", ("DAX",)] == 20 * 60 + 30
    assert known["staleness_seconds", ("NDX",)] == 90
    assert (
        known["newest_candle_timestamp_seconds", ("1m", "DAX")]
        == datetime(2026, 11, 20, 14, 39, tzinfo=UTC).timestamp()
    )
    assert known["market_open", ("EUR/USD",)] == 1
    of = {labels: value for (name, labels), value in known.items() if name == "sessions"}
    assert of == {("accepted", "complete"): 2, ("complete", "doubtful"): 1, ("partial", "unjudged"): 1}
    assert known["open_incidents", ("stale_market",)] == 1
    assert known["credits_spent_today", ("live", "twelve_data")] == 3
    assert known["credits_left", ("day", "twelve_data")] == 790
    assert known["credits_limit", ("day", "twelve_data")] == 800
    assert known["backlog_tasks", ("due", "incomplete")] >= 1
    assert known["runs", ("pull_live", "success")] == 2
    assert known["runs", ("ingest_candles", "started")] == 1
    assert known["run_duration_seconds", ("0.5", "pull_live", "success")] == 5
    assert known["run_duration_seconds", ("1", "pull_live", "success")] == 6
    assert known["oldest_running_start_timestamp_seconds", ("ingest_candles",)] == 1700000000
    assert (
        known["daemon_heartbeat_timestamp_seconds", ("sensor",)] == datetime(2026, 11, 20, 15, tzinfo=UTC).timestamp()
    )
    with database.engine.connect() as connection:
        size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        table = connection.execute(text("SELECT pg_total_relation_size('ohlc')")).scalar_one()
    assert known["database_size_bytes", ("market",)] == pytest.approx(size, rel=0.2)
    assert known["table_size_bytes", ("market", "ohlc")] == table
    assert known["table_size_bytes", ("dagster", "event_logs")] > 0


def test_without_dagsters_database_the_rest_is_there(board: str, database: Database) -> None:
    elsewhere = database.databases.dagster.set(database="nowhere")
    assert read_dagster(elsewhere, Limits()) is None
    url = database.databases.dagster.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE runs RENAME TO runs_away")
    known = scraped(board)
    assert known["dagster_readable", ()] == 0
    assert known["staleness_seconds", ("NDX",)] == 90


def test_the_metrics_alone_take_the_boards_token(settings: Settings, database: Database) -> None:
    app = make_app(settings, access=Access(token="a-token"), metrics_only=True)
    with running(app) as url:
        assert httpx.get(f"{url}/metrics").status_code == 401
        token = {"Authorization": "Bearer a-token"}
        assert "tradematrix_info" in httpx.get(f"{url}/metrics", headers=token, timeout=30).text
        assert [httpx.get(f"{url}{path}", headers=token).status_code for path in ("/healthz", "/readyz")] == [200, 200]
        assert [httpx.get(f"{url}{path}", headers=token).status_code for path in ("/", "/api/v1/status")] == [404, 404]


def tool(name: str) -> str:
    """Return a tool's path; without it the test skips, except in CI, which installs it."""
    path = shutil.which(name)
    if path is None and "CI" in os.environ:
        pytest.fail(f"{name} is not there: .ci/run installs it")
    if path is None:
        pytest.skip(f"{name} is not there: apt-get install prometheus")
    return path


def test_the_alerts_are_valid_and_fire_when_they_should() -> None:
    shown = (DEPLOY.parent / "docs" / "how-to" / "watch.md").read_text()
    commands = re.findall(r"^promtool (.+)$", shown, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        line = [tool("promtool"), *command.split()]
        done = subprocess.run(line, cwd=DEPLOY.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    rules = (DEPLOY / "prometheus" / "alerts.yml").read_text()
    tested = (DEPLOY / "prometheus" / "alerts_test.yml").read_text()
    for alert in re.findall(r"alert: (\w+)", rules):
        assert re.search(rf"alertname: {alert}\n +exp_alerts:\n", tested), f"no test fires {alert}"


def test_prometheus_evaluates_every_query_of_the_dashboard_and_the_alerts(board: str, tmp_path: Path) -> None:
    port = free_port()
    example = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    config = example.replace("127.0.0.1:3001", board.removeprefix("http://")).replace("30s", "10s")
    (tmp_path / "prometheus.yml").write_text(config)
    shutil.copy(DEPLOY / "prometheus" / "alerts.yml", tmp_path)
    command = [
        tool("prometheus"),
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    log = tmp_path / "log"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as prometheus:
        try:

            def ask(query: str) -> list[dict[str, Any]]:
                answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": query}, timeout=10)
                answer.raise_for_status()
                assert answer.json()["status"] == "success", (query, answer.text)
                result: list[dict[str, Any]] = answer.json()["data"]["result"]
                return result

            def is_scraped() -> bool:
                try:
                    return bool(ask("tradematrix_info"))
                # Nobody listens yet, or Prometheus answers 503 while it replays its log.
                except httpx.HTTPError:
                    assert prometheus.poll() is None, log.read_text()
                    return False

            wait_for("a scrape", is_scraped, seconds=60)
            dashboard = json.loads((DEPLOY / "grafana" / "tradematrix.json").read_text())
            queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
            assert len(queries) >= 15
            for query in queries:
                # A scrape that a busy machine does not answer in time takes the series away until the next one.
                wait_for(query, lambda query=query: ask(query.replace("$instance", ".*")), seconds=60)
            for query in re.findall(r"expr: (?:>-\n +)?(.+(?:\n +/ .+)?)", (tmp_path / "alerts.yml").read_text()):
                ask(query)
            late = wait_for("late symbols", lambda: ask("tradematrix_staleness_seconds > 1200"), seconds=60)
            stale = {row["metric"]["symbol"] for row in late}
            assert ("DAX" in stale, "NDX" in stale) == (True, False)
        finally:
            prometheus.terminate()
