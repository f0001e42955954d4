"""Every table of the market database with its columns, from SQLAlchemy's metadata."""

from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql

from docs.generate.markdown import code, prose, table
from tradematrix_pipelines.storage.tables import metadata

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def tables() -> str:
    """Return the enums, and a section for each table, by name."""
    types = [column.type for one in metadata.tables.values() for column in one.columns]
    enums = {(f"`{enum.name}`", code(enum.enums)) for enum in types if isinstance(enum, postgresql.ENUM)}
    parts = [_section(one) for _, one in sorted(metadata.tables.items())]
    return "\n\n".join([*parts, "### Enums", table(("enum", "values"), sorted(enums)).strip()])


def _section(one: Table) -> str:
    key = f"Primary key: {code(column.name for column in one.primary_key)}."
    rows = [(f"`{column.name}`", _type(column), prose(column.comment or column.doc or "")) for column in one.columns]
    return f"### {one.name}\n\n{key}\n\n{table(('column', 'type', 'meaning'), rows).strip()}"


def _type(column: "Column[object]") -> str:
    compiled = column.type.compile(dialect=_DIALECT).lower().replace("timestamp with time zone", "timestamptz")
    return f"`{compiled}`, may be null" if column.nullable else f"`{compiled}`"
