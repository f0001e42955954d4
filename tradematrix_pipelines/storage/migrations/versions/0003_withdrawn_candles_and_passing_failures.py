"""Candles that a vendor no longer has, and failures that asking again within minutes may mend, are known as such."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: what is there so far was replaced by other values, and failed for who knows how long."""
    op.execute("ALTER TABLE ohlc_revisions ADD COLUMN withdrawn BOOLEAN DEFAULT false NOT NULL")
    op.execute("COMMENT ON COLUMN ohlc_revisions.withdrawn IS 'the vendor no longer has the candle at all'")
    op.execute("ALTER TABLE session_coverage ADD COLUMN transient BOOLEAN DEFAULT false NOT NULL")
    op.execute("COMMENT ON COLUMN session_coverage.transient IS 'asking again within minutes may help'")


def downgrade() -> None:
    """Drop them; the rows stay."""
    op.execute("ALTER TABLE ohlc_revisions DROP COLUMN withdrawn")
    op.execute("ALTER TABLE session_coverage DROP COLUMN transient")
