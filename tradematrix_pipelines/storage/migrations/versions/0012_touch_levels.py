"""Which levels of a symbol are watched for touches."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE market_symbols ADD COLUMN touch_levels TEXT[]")
    op.execute(
        "COMMENT ON COLUMN market_symbols.touch_levels IS "
        "'levels that are watched for touches, by name; null = the usual ones'"
    )


def downgrade() -> None:
    """Remove it."""
    op.execute("ALTER TABLE market_symbols DROP COLUMN touch_levels")
