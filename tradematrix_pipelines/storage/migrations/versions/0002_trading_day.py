"""What the trading day leaves behind: current prices, level touches, incidents."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SYMBOLS = """
ALTER TABLE market_symbols ADD COLUMN touch_alerts BOOLEAN DEFAULT false NOT NULL;
COMMENT ON COLUMN market_symbols.touch_alerts IS 'tell of levels that the price touches';
"""

_TABLES = """
CREATE TABLE current_prices (
    symbol_id INTEGER NOT NULL,
    trade_date DATE NOT NULL,
    price DOUBLE PRECISION NOT NULL,
    change DOUBLE PRECISION,
    change_percent DOUBLE PRECISION,
    session_high DOUBLE PRECISION NOT NULL,
    session_low DOUBLE PRECISION NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    source TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT current_prices_pkey PRIMARY KEY (symbol_id),
    CONSTRAINT current_prices_symbol_id_fkey FOREIGN KEY(symbol_id) REFERENCES market_symbols (id)
);
COMMENT ON COLUMN current_prices.trade_date IS 'the session that the price is of';
COMMENT ON COLUMN current_prices.price IS 'close of the newest stored minute';
COMMENT ON COLUMN current_prices.change IS 'price - y_close; null without levels for the session';
COMMENT ON COLUMN current_prices.at IS 'when that minute closed';
CREATE TABLE level_touches (
    trade_date DATE NOT NULL,
    symbol_id INTEGER NOT NULL,
    level TEXT NOT NULL,
    level_price DOUBLE PRECISION NOT NULL,
    price DOUBLE PRECISION NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    told_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT level_touches_pkey PRIMARY KEY (trade_date, symbol_id, level),
    CONSTRAINT level_touches_symbol_id_fkey FOREIGN KEY(symbol_id) REFERENCES market_symbols (id)
);
COMMENT ON COLUMN level_touches.level IS 'y_high, y_low, y_close, or method and level: classic r1';
COMMENT ON COLUMN level_touches.price IS 'close of the minute that touched it';
COMMENT ON COLUMN level_touches.at IS 'when that minute closed';
COMMENT ON COLUMN level_touches.told_at IS 'null until somebody was told';
CREATE TABLE incidents (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    opening_told_at TIMESTAMP WITH TIME ZONE,
    closed_at TIMESTAMP WITH TIME ZONE,
    closing_told_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT incidents_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX incidents_open_key ON incidents (key) WHERE closed_at IS NULL;
COMMENT ON COLUMN incidents.key IS 'what it is about; at most one of a key is open';
"""


def upgrade() -> None:
    """Add the tables."""
    op.execute(_SYMBOLS)
    op.execute(_TABLES)


def downgrade() -> None:
    """Drop them, data included."""
    op.execute("DROP TABLE incidents, level_touches, current_prices")
    op.execute("ALTER TABLE market_symbols DROP COLUMN touch_alerts")
