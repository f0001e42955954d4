"""What vendors say of stored sessions when they are asked for again."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE verifications (
    symbol_id INTEGER NOT NULL,
    timeframe ohlc_timeframe NOT NULL,
    trade_date DATE NOT NULL,
    vendor TEXT NOT NULL,
    own BOOLEAN NOT NULL,
    outcome TEXT NOT NULL,
    bars INTEGER NOT NULL,
    largest DOUBLE PRECISION,
    at TIMESTAMP WITH TIME ZONE,
    what TEXT,
    reason TEXT,
    verified_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT verifications_pkey PRIMARY KEY (symbol_id, timeframe, trade_date, vendor),
    CONSTRAINT verifications_symbol_id_fkey FOREIGN KEY(symbol_id) REFERENCES market_symbols (id)
);
COMMENT ON COLUMN verifications.vendor IS 'who was asked';
COMMENT ON COLUMN verifications.own IS 'the session is stored from this vendor';
COMMENT ON COLUMN verifications.outcome IS 'exact, within tolerance, different or unavailable';
COMMENT ON COLUMN verifications.bars IS 'bars compared';
COMMENT ON COLUMN verifications.largest IS 'largest difference, in price units';
COMMENT ON COLUMN verifications.at IS 'open of the bar with it; null = the whole session';
COMMENT ON COLUMN verifications.what IS 'open, high, low or close; absent: only one has the bar';
COMMENT ON COLUMN verifications.reason IS 'why nothing was compared';
"""


def upgrade() -> None:
    """Add the table."""
    op.execute(_TABLE)


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE verifications")
