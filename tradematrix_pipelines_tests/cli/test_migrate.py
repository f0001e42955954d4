"""``tradematrix migrate`` as a job of its own, beside services that change no schema."""

from collections.abc import Callable

import pytest
from click.testing import Result
from sqlalchemy import text

from tradematrix_pipelines.storage.database import Database


def test_only_migrate_changes_the_schema_where_nothing_else_may(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEMATRIX_AUTO_MIGRATE", "false")
    for command in (("symbols", "list"), ("retry",), ("levels",)):
        refused = run(*command)
        assert refused.exit_code == 1, refused.output
        assert "where it is missing, `tradematrix migrate` creates it" in refused.output
    migrated = run("migrate")
    assert (migrated.exit_code, migrated.output.startswith("applied 0001")) == (0, True), migrated.output
    assert "EUR/USD" in run("symbols", "list").output
    assert run("migrate").output == "up to date\n"


def test_a_schema_that_is_behind_is_left_as_it_is(
    run: Callable[..., Result], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0014'"))
    monkeypatch.setenv("TRADEMATRIX_AUTO_MIGRATE", "0")
    refused = run("symbols", "list")
    assert refused.exit_code == 1
    assert "has an older schema (0014)" in refused.output
    assert "run `tradematrix migrate`" in refused.output
