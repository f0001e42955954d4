"""The schema ``legacy``: views with the tables of the old system, for readers that change nothing but their search path.

They are left out where the user may not create them, as the views ``api.*`` are.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_COLUMN = """
ALTER TABLE market_symbols ADD COLUMN legacy_id UUID DEFAULT gen_random_uuid() NOT NULL;
ALTER TABLE market_symbols ADD CONSTRAINT market_symbols_legacy_id_key UNIQUE (legacy_id);
COMMENT ON COLUMN market_symbols.legacy_id IS 'its id in the schema legacy: that of the old system, where candles were imported from it';
"""

SCHEMA = """
DO $$ BEGIN
    IF to_regnamespace('legacy') IS NULL THEN
        CREATE SCHEMA legacy;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no schema legacy: %', SQLERRM;
END $$
"""

# Timeframes are text, as they were: a parameter may be typed. They come from a list, so that a reader's condition on
# one picks a value of the enum, and the index serves it. What a row shows is computed in sub-selects: only so does
# PostgreSQL sort first, and compute it for the newest rows alone, which is what most readers ask for.
VIEWS = """
DO $$ BEGIN
IF to_regnamespace('legacy') IS NULL OR NOT has_schema_privilege('legacy', 'CREATE') THEN
    RETURN;
END IF;
CREATE VIEW legacy.market_symbols AS
    SELECT s.legacy_id AS id, s.vendor, s.symbol, s.alias, s.tick_size::numeric AS tick_size, s.timezone, s.active,
        s.created_at, s.created_at AS updated_at
    FROM market_symbols AS s;
CREATE VIEW legacy.ohlc AS
    SELECT (SELECT md5(concat_ws('|', c.own_id, c.timeframe, extract(epoch FROM c.own_ts)))::uuid) AS id, c.ts,
        c.legacy_id AS symbol_id, c.timeframe, (SELECT c.open::numeric) AS open, (SELECT c.high::numeric) AS high,
        (SELECT c.low::numeric) AS low, (SELECT c.close::numeric) AS close, coalesce(c.volume, 0)::bigint AS volume,
        coalesce(c.stored_at, c.own_ts) AS created_at
    FROM (
        SELECT o.symbol_id AS own_id, o.ts AS own_ts, o.ts, s.legacy_id, t.name AS timeframe, o.open, o.high, o.low,
            o.close, o.volume, o.stored_at
        FROM market_symbols AS s
        CROSS JOIN (SELECT value, value::text AS name FROM unnest(enum_range(NULL::ohlc_timeframe)) AS value) AS t
        JOIN ohlc AS o ON o.symbol_id = s.id AND o.timeframe = t.value
        WHERE t.value <> '1d'
        UNION ALL
        SELECT o.symbol_id, o.ts, d.trade_date::timestamp AT TIME ZONE 'UTC', s.legacy_id, '1d', o.open, o.high, o.low,
            o.close, o.volume, o.stored_at
        FROM market_symbols AS s
        JOIN session_coverage AS d ON d.symbol_id = s.id AND d.timeframe = '1d'
        JOIN ohlc AS o ON o.symbol_id = d.symbol_id AND o.timeframe = '1d' AND o.ts = d.opens_at
    ) AS c;
CREATE VIEW legacy.levels_daily AS
    SELECT md5(concat_ws('|', l.symbol_id, l.y_trade_date))::uuid AS id, l.y_trade_date AS trade_date,
        s.legacy_id AS symbol_id, l.pivot::numeric AS pivot, l.r1::numeric AS r1, l.r2::numeric AS r2,
        l.s1::numeric AS s1, l.s2::numeric AS s2, l.y_high::numeric AS y_high, l.y_low::numeric AS y_low,
        l.y_close::numeric AS y_close, l.computed_at AS created_at, l.computed_at AS updated_at
    FROM levels_daily AS l JOIN market_symbols AS s ON s.id = l.symbol_id;
CREATE VIEW legacy.current_prices AS
    SELECT md5(concat_ws('|', p.symbol_id, 'price'))::uuid AS id, s.legacy_id AS symbol_id, p.price::numeric AS price,
        m.open::numeric AS open, p.session_high::numeric AS high, p.session_low::numeric AS low,
        l.y_close::numeric AS previous_close, p.change::numeric AS change, p.change_percent::numeric AS change_percent,
        coalesce(m.volume, 0)::bigint AS volume, s.exchange, s.currency,
        coalesce(now() >= c.opens_at AND now() < c.closes_at, false) AS is_market_open, p.at AS price_timestamp,
        p.updated_at, p.updated_at AS created_at
    FROM current_prices AS p
    JOIN market_symbols AS s ON s.id = p.symbol_id
    LEFT JOIN levels_daily AS l ON l.symbol_id = p.symbol_id AND l.trade_date = p.trade_date
    LEFT JOIN session_coverage AS c
        ON c.symbol_id = p.symbol_id AND c.timeframe = '1m' AND c.trade_date = p.trade_date
    LEFT JOIN LATERAL (
        SELECT (array_agg(o.open ORDER BY o.ts))[1] AS open, sum(o.volume) AS volume FROM ohlc AS o
        WHERE o.symbol_id = p.symbol_id AND o.timeframe = '1m' AND o.ts >= c.opens_at AND o.ts < c.closes_at
    ) AS m ON true;
CREATE VIEW legacy.current_prices_with_symbols AS
    SELECT p.id, p.symbol_id, s.symbol, s.alias AS symbol_name, p.price, p.open, p.high, p.low, p.previous_close,
        p.change, p.change_percent, p.volume, p.exchange, p.currency, p.is_market_open, p.price_timestamp, p.updated_at
    FROM legacy.current_prices AS p JOIN market_symbols AS s ON s.legacy_id = p.symbol_id WHERE s.active;
COMMENT ON SCHEMA legacy IS 'the old system''s tables, for its readers: SET search_path = legacy';
COMMENT ON COLUMN legacy.ohlc.ts IS 'bar open, UTC; of a daily candle midnight UTC of its trade date';
COMMENT ON COLUMN legacy.ohlc.volume IS '0 where there is none';
COMMENT ON COLUMN legacy.levels_daily.trade_date IS 'the day that the levels come from';
END $$
"""
GRANTS = """
DO $$ BEGIN
    IF to_regrole('tradematrix_reader') IS NOT NULL AND to_regclass('legacy.ohlc') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA legacy TO tradematrix_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA legacy TO tradematrix_reader;
    END IF;
END $$
"""


def upgrade() -> None:
    """Add them as far as the user may."""
    op.execute(_COLUMN)
    for statement in (SCHEMA, VIEWS, GRANTS):
        op.get_bind().exec_driver_sql(statement.replace("%", "%%"))


def downgrade() -> None:
    """Drop them."""
    op.execute("""
        DROP VIEW IF EXISTS legacy.current_prices_with_symbols, legacy.current_prices, legacy.levels_daily,
            legacy.ohlc, legacy.market_symbols;
        DROP SCHEMA IF EXISTS legacy;
        ALTER TABLE market_symbols DROP COLUMN legacy_id;
    """)
