"""Splits that a person has confirmed or denied."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE splits (
    symbol_id INTEGER NOT NULL,
    trade_date DATE NOT NULL,
    ratio DOUBLE PRECISION,
    reason TEXT,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    undone_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT splits_pkey PRIMARY KEY (symbol_id, trade_date),
    CONSTRAINT splits_symbol_id_fkey FOREIGN KEY(symbol_id) REFERENCES market_symbols (id),
    CONSTRAINT splits_ratio_check CHECK (ratio > 0 AND ratio < 'Infinity'::float8)
);
COMMENT ON COLUMN splits.trade_date IS 'the first session in the new units';
COMMENT ON COLUMN splits.ratio IS 'new units for an old one; null: a person says that there was no split';
COMMENT ON COLUMN splits.undone_at IS 'null while it is in force';
"""


def upgrade() -> None:
    """Add the table."""
    op.execute(_TABLE)


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE splits")
