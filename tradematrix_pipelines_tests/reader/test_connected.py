"""Connections that are kept for several calls."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
from sqlalchemy import text

import tradematrix_pipelines as tm
from tradematrix_pipelines.errors import TradeMatrixError, UsageError
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database

_CONNECTIONS = text(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend'"
)
_END = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


@pytest.fixture
def watching(market: Settings) -> Iterator[Database]:
    """The database by a connection of its own, the only one outside of calls."""
    with Database.connect(market) as database:
        yield database


def connections(database: Database) -> set[int]:
    with database.engine.connect() as connection:
        return set(connection.execute(_CONNECTIONS).scalars())


def day() -> pd.DataFrame:
    return tm.candles("DAX", "1m", "2026-11-19", "2026-11-19")


def test_calls_share_connections_that_end_with_the_block(watching: Database) -> None:
    alone = day()
    assert connections(watching) == set()
    with tm.connected():
        pd.testing.assert_frame_equal(day(), alone)
        kept = connections(watching)
        assert kept
        assert len(tm.symbols()) == 5
        assert len(tm.levels("DAX")) == 10
        pd.testing.assert_frame_equal(day(), alone)
        assert connections(watching) == kept
    assert connections(watching) == set()
    pd.testing.assert_frame_equal(day(), alone)


def test_another_database_is_another_connection(market: Settings, watching: Database) -> None:
    del watching
    assert market.database_url is not None
    own = market.database_url.get_secret_value()
    with tm.connected():
        assert len(tm.symbols(url=own)) == 5
        with pytest.raises(TradeMatrixError, match="nowhere"):
            tm.symbols(url=own.rpartition("/")[0] + "/nowhere")
        assert len(day()) == 510
    with tm.connected(own):
        assert len(tm.symbols()) == 5
        assert len(tm.symbols(url=own)) == 5


def test_a_lost_connection_fails_one_call_at_most(watching: Database) -> None:
    with tm.connected():
        before = day()
        with watching.engine.connect() as connection:
            connection.execute(_END)
        with pytest.raises(TradeMatrixError, match=r"connection was lost|the server went down"):
            day()
        pd.testing.assert_frame_equal(day(), before)


def test_another_thread_opens_its_own(watching: Database) -> None:
    with tm.connected(), ThreadPoolExecutor(1) as thread:
        day()
        kept = connections(watching)
        assert len(thread.submit(day).result()) == 510
        assert connections(watching) == kept


def test_errors_of_the_block_pass_unchanged(watching: Database) -> None:
    with pytest.raises(UsageError, match="none of pandas"), tm.connected():
        tm.candles("DAX", "1m", as_="frame")  # type: ignore[call-overload]  # that is the point
    with pytest.raises(ZeroDivisionError), tm.connected():
        raise ZeroDivisionError
    assert connections(watching) == set()
