"""Whether the board can answer: each thing that it needs, by name.

Here: the checks, in words that tell nothing of where the database is. Not here: the addresses that report them.
"""

import logging

from tradematrix_pipelines.board.shapes import Check, Readiness
from tradematrix_pipelines.board.source import Source, Unavailable
from tradematrix_pipelines.storage.schema import SchemaMismatch, schema_state

_logger = logging.getLogger(__name__)


def find_readiness(source: Source) -> Readiness:
    """Return the result of the checks ``database`` and ``schema``."""
    try:
        state = source.read(lambda database: schema_state(database.engine))
    except Unavailable as error:
        _logger.warning("not ready: %s", error)
        mismatch = isinstance(error.__cause__, SchemaMismatch)
        return _readiness(database=mismatch, schema=False, revision=None)
    return _readiness(database=True, schema=state.up_to_date, revision=state.current)


def not_in_time() -> Readiness:
    """Return the result where the database does not answer at all."""
    return _readiness(database=False, schema=False, revision=None)


def _readiness(*, database: bool, schema: bool, revision: str | None) -> Readiness:
    answers = "it answers" if database else "it does not answer"
    migrated = f"revision {revision}" if schema else "not at this code's revision: run `tradematrix migrate`"
    unknown = "not known while the database does not answer"
    checks = [
        Check(name="database", ok=database, detail=answers),
        Check(name="schema", ok=schema, detail=migrated if database else unknown),
    ]
    return Readiness(ready=database and schema, checks=checks)
