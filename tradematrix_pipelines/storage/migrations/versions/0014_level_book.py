"""The level book: every level with when it could be known, its replaced versions, and a view for readers."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_COLUMNS = """
    trade_date DATE NOT NULL,
    symbol_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    price DOUBLE PRECISION NOT NULL,
    unit TEXT NOT NULL,
    known_at TIMESTAMP WITH TIME ZONE NOT NULL,
    timeframe ohlc_timeframe NOT NULL,
    first_date DATE NOT NULL,
    last_date DATE NOT NULL,
    verdict session_verdict DEFAULT 'accepted' NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE DEFAULT tradematrix_now() NOT NULL,
"""
_TABLES = f"""
ALTER TABLE market_symbols ADD COLUMN level_kinds TEXT[];
COMMENT ON COLUMN market_symbols.level_kinds IS 'kinds of levels in its book; null = those of its market';
CREATE TABLE levels ({_COLUMNS}
    CONSTRAINT levels_pkey PRIMARY KEY (symbol_id, trade_date, kind, name),
    CONSTRAINT levels_symbol_id_fkey FOREIGN KEY(symbol_id) REFERENCES market_symbols (id)
);
CREATE TABLE level_revisions (
    id BIGINT GENERATED ALWAYS AS IDENTITY, {_COLUMNS}
    replaced_at TIMESTAMP WITH TIME ZONE DEFAULT tradematrix_now() NOT NULL,
    CONSTRAINT level_revisions_pkey PRIMARY KEY (id),
    CONSTRAINT level_revisions_symbol_id_fkey FOREIGN KEY(symbol_id) REFERENCES market_symbols (id)
);
CREATE INDEX level_revisions_symbol_id_trade_date_idx ON level_revisions (symbol_id, trade_date);
COMMENT ON COLUMN level_revisions.replaced_at IS 'when these values were replaced';
"""
_COMMENTS = """
COMMENT ON COLUMN {table}.trade_date IS 'the session to trade with the level';
COMMENT ON COLUMN {table}.kind IS 'family of levels, e.g. previous_week';
COMMENT ON COLUMN {table}.name IS 'e.g. high';
COMMENT ON COLUMN {table}.unit IS 'price; distance of two prices; ratio';
COMMENT ON COLUMN {table}.known_at IS 'when the last candle that it comes from closed';
COMMENT ON COLUMN {table}.timeframe IS 'of the candles that it comes from';
COMMENT ON COLUMN {table}.first_date IS 'trade date of the first session that it comes from';
COMMENT ON COLUMN {table}.last_date IS 'of the last one';
COMMENT ON COLUMN {table}.verdict IS 'doubtful where a session that they come from is, and they were published all the same';
COMMENT ON COLUMN {table}.published_at IS 'when it got these values';
"""

# A deleted level is kept by its writer: a symbol that is removed takes its levels and their history along.
_TRIGGER = """
CREATE FUNCTION keep_level_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.published_at := greatest(tradematrix_now(), OLD.published_at);
    INSERT INTO level_revisions (trade_date, symbol_id, kind, name, price, unit, known_at, timeframe, first_date,
                                 last_date, verdict, published_at, replaced_at)
    VALUES (OLD.trade_date, OLD.symbol_id, OLD.kind, OLD.name, OLD.price, OLD.unit, OLD.known_at, OLD.timeframe,
            OLD.first_date, OLD.last_date, OLD.verdict, OLD.published_at, NEW.published_at);
    RETURN NEW;
END
$$;
CREATE TRIGGER levels_keep_revision BEFORE UPDATE ON levels FOR EACH ROW EXECUTE FUNCTION keep_level_revision();
"""
VIEWS = """
DO $$ BEGIN
IF to_regnamespace('api') IS NULL OR NOT has_schema_privilege('api', 'CREATE') THEN
    RETURN;
END IF;
CREATE VIEW api.levels AS
SELECT s.symbol, l.trade_date, l.kind, l.name, l.price, l.unit, l.known_at, l.verdict
FROM levels AS l JOIN market_symbols AS s ON s.id = l.symbol_id;
COMMENT ON VIEW api.levels IS 'the level book: every level with when it could be known';
END $$
"""


def upgrade() -> None:
    """Add them."""
    op.execute(_TABLES)
    for table in ("levels", "level_revisions"):
        op.execute(_COMMENTS.format(table=table))
    op.execute(_TRIGGER)
    op.execute(VIEWS)


def downgrade() -> None:
    """Drop them."""
    op.execute("""
        DROP VIEW IF EXISTS api.levels;
        DROP TABLE levels, level_revisions;
        DROP FUNCTION keep_level_revision;
        ALTER TABLE market_symbols DROP COLUMN level_kinds;
    """)
