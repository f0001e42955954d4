"""Where each vendor's series begin: what lies before is not asked for."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE history_starts (
    symbol_id INTEGER NOT NULL,
    vendor TEXT NOT NULL,
    timeframe ohlc_timeframe NOT NULL,
    vendor_symbol TEXT NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT history_starts_pkey PRIMARY KEY (symbol_id, vendor, timeframe),
    CONSTRAINT history_starts_symbol_id_fkey FOREIGN KEY(symbol_id) REFERENCES market_symbols (id)
);
COMMENT ON COLUMN history_starts.vendor_symbol IS 'the name it was asked for by; under another one it may be another instrument';
COMMENT ON COLUMN history_starts.starts_at IS 'open of the first bar; of a daily one midnight UTC of its date';
"""


def upgrade() -> None:
    """Add the table."""
    op.execute(_TABLE)


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE history_starts")
