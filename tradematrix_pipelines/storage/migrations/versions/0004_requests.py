"""What the trading day has requested, and an index for what waits for the day's credits."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE run_requests (
    symbol_id INTEGER NOT NULL,
    asset TEXT NOT NULL,
    trade_date DATE NOT NULL,
    requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT run_requests_pkey PRIMARY KEY (symbol_id, trade_date, asset),
    CONSTRAINT run_requests_symbol_id_fkey FOREIGN KEY(symbol_id) REFERENCES market_symbols (id)
);
COMMENT ON COLUMN run_requests.asset IS 'a candle asset, or levels';
COMMENT ON COLUMN run_requests.requested_at IS 'when a run for it was last requested';
"""
# Nearly every row has none: the index is a few pages, whatever the table grows to.
_INDEX = """
CREATE INDEX session_coverage_retry_at_idx ON session_coverage (retry_at) WHERE retry_at IS NOT NULL;
"""


def upgrade() -> None:
    """Add the table and the index."""
    op.execute(_TABLE)
    op.execute(_INDEX)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP INDEX session_coverage_retry_at_idx")
    op.execute("DROP TABLE run_requests")
