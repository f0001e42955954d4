"""The views that other programs may rely on, and a role that may read them and nothing else.

Both are left out where the user may not create them: ``tradematrix doctor`` says what is missing and who can make it.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SCHEMA = """
DO $$ BEGIN
    IF to_regnamespace('api') IS NULL THEN
        CREATE SCHEMA api;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no schema api: %', SQLERRM;
END $$
"""
VIEWS = """
DO $$ BEGIN
IF to_regnamespace('api') IS NULL OR NOT has_schema_privilege('api', 'CREATE') THEN
    RETURN;
END IF;
CREATE VIEW api.candles AS
    SELECT s.symbol, o.timeframe, o.ts, o.open, o.high, o.low, o.close, o.volume, o.source, o.stored_at
    FROM ohlc AS o JOIN market_symbols AS s ON s.id = o.symbol_id;
CREATE VIEW api.sessions AS
    SELECT s.symbol, c.timeframe, c.trade_date, c.opens_at, c.closes_at, c.status, c.final, c.verdict, c.doubt,
        c.expected, c.received, c.rejected, c.longest_gap, c.source, c.checked_at
    FROM session_coverage AS c JOIN market_symbols AS s ON s.id = c.symbol_id;
CREATE VIEW api.daily_levels AS
    SELECT s.symbol, l.trade_date, l.y_trade_date, l.y_open, l.y_high, l.y_low, l.y_close, l.prev_week_high,
        l.prev_week_low, l.atr_14, l.verdict, l.computed_at
    FROM levels_daily AS l JOIN market_symbols AS s ON s.id = l.symbol_id;
CREATE VIEW api.pivot_points AS
    SELECT s.symbol, p.trade_date, p.method, p.pp, p.r1, p.r2, p.r3, p.r4, p.r5, p.s1, p.s2, p.s3, p.s4, p.s5,
        p.verdict, p.computed_at
    FROM pivot_levels AS p JOIN market_symbols AS s ON s.id = p.symbol_id;
COMMENT ON SCHEMA api IS 'what other programs may rely on: names and columns that stay';
COMMENT ON COLUMN api.candles.ts IS 'bar open';
COMMENT ON COLUMN api.sessions.longest_gap IS 'minutes';
COMMENT ON COLUMN api.daily_levels.trade_date IS 'the session to trade with these levels';
COMMENT ON COLUMN api.pivot_points.trade_date IS 'the session to trade with these levels';
END $$
"""
# A role is the server's: another database's migration may have created it, also in this moment.
ROLE = """
DO $$ BEGIN
    IF to_regrole('tradematrix_reader') IS NULL THEN
        CREATE ROLE tradematrix_reader NOLOGIN;
    END IF;
EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
    RAISE NOTICE 'role tradematrix_reader: %', SQLERRM;
END $$
"""
# The default privileges cover the views of later migrations.
GRANTS = """
DO $$ BEGIN
    IF to_regrole('tradematrix_reader') IS NOT NULL AND to_regclass('api.candles') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA api TO tradematrix_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA api TO tradematrix_reader;
        ALTER DEFAULT PRIVILEGES IN SCHEMA api GRANT SELECT ON TABLES TO tradematrix_reader;
    END IF;
END $$
"""


def upgrade() -> None:
    """Create them as far as the user may."""
    for statement in (SCHEMA, VIEWS, ROLE, GRANTS):
        op.execute(statement)


def downgrade() -> None:
    """Drop the views; the role stays, because other databases of the server may use it."""
    op.execute("DROP VIEW IF EXISTS api.candles, api.sessions, api.daily_levels, api.pivot_points")
    op.execute("DROP SCHEMA IF EXISTS api")
