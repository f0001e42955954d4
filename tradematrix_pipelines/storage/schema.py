"""The schema of the market database and its migrations.

Alembic owns the schema. Here: bringing a database to the newest revision, and comparing it with that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from tradematrix_pipelines.errors import TradeMatrixError

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).with_name("migrations")

# Any fixed number serves: two processes that start at once must not both migrate.
_LOCK_KEY = 0x7472_6164_656D_6174
_WITH_VIEWS = ("0013", "0014", "0015")
_WITH_LEGACY_VIEWS = "0016"
_FIRST_TABLES = ("market_symbols", "ohlc", "levels_daily", "current_prices")
_FOREIGN = text("""
    SELECT relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
    WHERE nspname = current_schema() AND relkind IN ('r', 'p', 'v', 'm', 'f') AND relname = ANY(:names)
    ORDER BY relname
""")


class SchemaMismatch(TradeMatrixError):
    """The database's schema is not the one that this code works on."""


class SchemaTooNew(SchemaMismatch):
    """The database was migrated by a newer version of this package."""


class SchemaBehind(SchemaMismatch):
    """The database has no schema yet, or an older one."""


class ForeignTables(SchemaMismatch):
    """The database has tables of another system with the names of ours."""


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
        ForeignTables: the database has another system's tables.
    """
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        state = _state(connection)
        if state.up_to_date:
            return []
        if state.current is None:
            _check_no_foreign_tables(connection)
        _upgrade(connection)
        if then is not None:
            then(connection)
        return [revision for revision in revisions() if state.current is None or revision > state.current]


@cache
def revisions() -> tuple[str, ...]:
    """Return the revisions that this code knows, oldest first: the numbers that the files of migrations begin with.

    Raises:
        TradeMatrixError: there are none.
    """
    known = sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))
    if not known:
        msg = "the package holds no migrations: it is not installed completely"
        raise TradeMatrixError(msg)
    return tuple(known)


def make_missing_views(engine: Engine) -> bool:
    """Create the views ``api.*`` and ``legacy.*`` where the user might not when the schema was migrated.

    Returns:
        Whether it did.
    """
    first, *later = (_migration(revision) for revision in _WITH_VIEWS)
    views = [module.VIEWS for module in (first, *later)]
    legacy = _migration(_WITH_LEGACY_VIEWS)
    with engine.begin() as connection:
        made = [
            _make_views(connection, "api.candles", (first.SCHEMA, *views, first.ROLE, first.GRANTS)),
            _make_views(connection, "legacy.ohlc", (legacy.SCHEMA, legacy.VIEWS, legacy.GRANTS)),
        ]
    return any(made)


def grant_views(engine: Engine) -> None:
    """Let the role that may read the views read them, as far as the user may: a restored database has no grants."""
    api, legacy = _migration(_WITH_VIEWS[0]), _migration(_WITH_LEGACY_VIEWS)
    with engine.begin() as connection:
        for statement in (api.ROLE, api.GRANTS, legacy.GRANTS):
            connection.exec_driver_sql(statement.replace("%", "%%"))


def _make_views(connection: Connection, known: str, statements: Sequence[str]) -> bool:
    """Run the statements where the view ``known`` is not there; return whether it is there then."""
    there = text("SELECT to_regclass(:known) IS NOT NULL")
    if connection.execute(there, {"known": known}).scalar_one():
        return False
    for statement in statements:
        connection.exec_driver_sql(statement.replace("%", "%%"))
    return bool(connection.execute(there, {"known": known}).scalar_one())


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
            "every command and every run does so at its start, unless TRADEMATRIX_AUTO_MIGRATE=0"
        )


def _state(connection: Connection) -> SchemaState:
    head, current = revisions()[-1], None
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar_one() is not None:
        current = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if current is not None and current not in revisions():
        raise SchemaTooNew(
            f"the database's schema ({current}) is newer than this code ({head}): "
            "update tradematrix-pipelines, or point TRADEMATRIX_DATABASE_URL at another database"
        )
    return SchemaState(current=current, head=head)


def _check_no_foreign_tables(connection: Connection) -> None:
    names = connection.execute(_FOREIGN, {"names": list(_FIRST_TABLES)}).scalars().all()
    if names:
        raise ForeignTables(
            f"database {connection.engine.url.database!r} has tables of another system ({', '.join(names)}): point "
            "TRADEMATRIX_DATABASE_URL at a new database, then bring these over: `tradematrix import --from URL`"
        )


def alembic_config(connection: Connection) -> "Config":
    """Return the configuration with which Alembic works on the market database, over this connection."""
    # Imported here: every command asks for the state of the schema, few change it, and Alembic takes long to import.
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _migration(revision: str) -> ModuleType:
    """Return the module of a migration."""
    [path] = (_MIGRATIONS / "versions").glob(f"{revision}_*.py")
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        msg = f"the migration {path.name} can't be read: the package is not installed completely"
        raise TradeMatrixError(msg)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - see above

    command.upgrade(alembic_config(connection), "head")
