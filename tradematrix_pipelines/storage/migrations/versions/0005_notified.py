"""People are notified, and what is asked for no more is exhausted: columns and kinds take the words of the field."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_RENAMED = (
    ("incidents", "opening_told_at", "opening_notified_at"),
    ("incidents", "closing_told_at", "closing_notified_at"),
    ("level_touches", "told_at", "notified_at"),
)


def upgrade() -> None:
    """Rename them; every row stays."""
    for table, old, new in _RENAMED:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    op.execute("COMMENT ON COLUMN level_touches.notified_at IS 'null until somebody was notified'")
    op.execute(
        "UPDATE incidents SET kind = 'session_exhausted', key = 'session_exhausted' || substr(key, 13) "
        "WHERE kind = 'session_open'"
    )


def downgrade() -> None:
    """Give them back their names."""
    for table, old, new in _RENAMED:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {new} TO {old}")
    op.execute("COMMENT ON COLUMN level_touches.told_at IS 'null until somebody was told'")
    op.execute(
        "UPDATE incidents SET kind = 'session_open', key = 'session_open' || substr(key, 18) "
        "WHERE kind = 'session_exhausted'"
    )
