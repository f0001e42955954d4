"""Candles that a vendor no longer has are kept apart from those that it gave other values."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: what is there so far was replaced by other values."""
    op.execute("ALTER TABLE ohlc_revisions ADD COLUMN withdrawn BOOLEAN DEFAULT false NOT NULL")
    op.execute("COMMENT ON COLUMN ohlc_revisions.withdrawn IS 'the vendor no longer has the candle at all'")


def downgrade() -> None:
    """Drop it; the rows stay."""
    op.execute("ALTER TABLE ohlc_revisions DROP COLUMN withdrawn")
