"""The schema of the market database and its migrations.

Alembic owns the schema. Here: bringing a database to the newest revision, and comparing it with that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from tradematrix_pipelines.errors import TradeMatrixError

# Any fixed number serves: two processes that start at once must not both migrate.
_LOCK_KEY = 0x7472_6164_656D_6174
_API = "0012"


class SchemaMismatch(TradeMatrixError):
    """The database's schema is not the one that this code works on."""


class SchemaTooNew(SchemaMismatch):
    """The database was migrated by a newer version of this package."""


class SchemaBehind(SchemaMismatch):
    """The database has no schema yet, or an older one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SchemaState:
    """The schema of a database: its revision (``None`` = empty) and the newest one that this code knows."""

    current: str | None
    head: str

    @property
    def up_to_date(self) -> bool:
        """Whether the database is at the newest revision."""
        return self.current == self.head


def migrate(engine: Engine, *, then: Callable[[Connection], None] | None = None) -> list[str]:
    """Bring the database to the newest revision and return the revisions applied, oldest first.

    Safe to call at every start and from several processes at once.

    Args:
        then: called in the transaction of the new revisions: others see both or neither.

    Raises:
        SchemaTooNew: the database is ahead of this code.
    """
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        state = _state(connection)
        if state.up_to_date:
            return []
        config = _config(connection)
        command.upgrade(config, "head")
        if then is not None:
            then(connection)
        scripts = _scripts().iterate_revisions(state.head, state.current or "base")
        return [script.revision for script in scripts][::-1]


def make_missing_views(engine: Engine) -> bool:
    """Create the views ``api.*`` where the user might not when the schema was migrated; return whether it did."""
    with engine.begin() as connection:
        if connection.execute(text("SELECT to_regclass('api.candles')")).scalar_one() is not None:
            return False
        module = _scripts().get_revision(_API).module
        for statement in (module.SCHEMA, module.VIEWS, module.ROLE, module.GRANTS):
            connection.exec_driver_sql(statement.replace("%", "%%"))
        return connection.execute(text("SELECT to_regclass('api.candles')")).scalar_one() is not None


def schema_state(engine: Engine) -> SchemaState:
    """Return the state of the database's schema.

    Raises:
        SchemaTooNew: the database is ahead of this code.
    """
    with engine.connect() as connection:
        return _state(connection)


def check_schema(engine: Engine) -> None:
    """Check that the database is at the newest revision.

    Raises:
        SchemaMismatch: it does not; the message says what to do.
    """
    state = schema_state(engine)
    if not state.up_to_date:
        have = "has no schema yet" if state.current is None else f"has an older schema ({state.current})"
        raise SchemaBehind(
            f"the database {have}, this code works on {state.head}: run `tradematrix migrate`; "
            "every command and every run does so at its start"
        )


def _state(connection: Connection) -> SchemaState:
    scripts = _scripts()
    current = MigrationContext.configure(connection).get_current_revision()
    head = scripts.get_current_head()
    if head is None:
        msg = "the package holds no migrations: it is not installed completely"
        raise TradeMatrixError(msg)
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise SchemaTooNew(
            f"the database's schema ({current}) is newer than this code ({head}): "
            "update tradematrix-pipelines, or point TRADEMATRIX_DATABASE_URL at another database"
        )
    return SchemaState(current=current, head=head)


@cache
def _scripts() -> ScriptDirectory:
    """Return the migrations, which are loaded once."""
    return ScriptDirectory.from_config(_bare_config())


def _config(connection: Connection) -> Config:
    config = _bare_config()
    config.attributes["connection"] = connection
    return config


def _bare_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    return config
