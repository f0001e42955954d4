"""The past is kept: when each candle got its values, every version of coverage, every published set of levels."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_NOW = """
CREATE FUNCTION tradematrix_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('tradematrix.now', true), '')::timestamptz, now())
$$;
COMMENT ON FUNCTION tradematrix_now IS 'the time that the transaction was given by its writer, else when it began';
"""

# What is there so far: replaced values began when those before them ended; where that is not known, null.
_CANDLES = """
ALTER TABLE ohlc ADD COLUMN stored_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE ohlc ALTER COLUMN stored_at SET DEFAULT tradematrix_now();
COMMENT ON COLUMN ohlc.stored_at IS 'when it got these values; null: before that was kept';
ALTER TABLE ohlc_revisions ADD COLUMN stored_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE ohlc_revisions ALTER COLUMN revised_at SET DEFAULT tradematrix_now();
COMMENT ON COLUMN ohlc_revisions.stored_at IS 'when the candle had got these values; null: before that was kept';
UPDATE ohlc_revisions AS r SET stored_at = earlier.revised_at
FROM (SELECT id, lag(revised_at) OVER (PARTITION BY symbol_id, timeframe, ts ORDER BY id) AS revised_at
      FROM ohlc_revisions) AS earlier
WHERE earlier.id = r.id AND earlier.revised_at IS NOT NULL;
UPDATE ohlc AS t SET stored_at = r.revised_at
FROM (SELECT symbol_id, timeframe, ts, max(revised_at) AS revised_at
      FROM ohlc_revisions GROUP BY symbol_id, timeframe, ts) AS r
WHERE (t.symbol_id, t.timeframe, t.ts) = (r.symbol_id, r.timeframe, r.ts);
"""

# Before the update, because the new values get their stamp here, too. It is never before that of the old ones: where the
# clock was set back, the values of each instant are still one.
_REVISIONS = """
DROP TRIGGER ohlc_keep_revision ON ohlc;
CREATE OR REPLACE FUNCTION keep_ohlc_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.stored_at := greatest(tradematrix_now(), OLD.stored_at);
    INSERT INTO ohlc_revisions
        (ts, open, high, low, close, volume, symbol_id, timeframe, source, stored_at, revised_at)
    VALUES (OLD.ts, OLD.open, OLD.high, OLD.low, OLD.close, OLD.volume, OLD.symbol_id, OLD.timeframe, OLD.source,
            OLD.stored_at, NEW.stored_at);
    RETURN NEW;
END
$$;
CREATE TRIGGER ohlc_keep_revision BEFORE UPDATE ON ohlc FOR EACH ROW
    WHEN ((OLD.open, OLD.high, OLD.low, OLD.close, OLD.volume)
          IS DISTINCT FROM (NEW.open, NEW.high, NEW.low, NEW.close, NEW.volume))
    EXECUTE FUNCTION keep_ohlc_revision();
"""
_REVISIONS_BEFORE = """
DROP TRIGGER ohlc_keep_revision ON ohlc;
CREATE OR REPLACE FUNCTION keep_ohlc_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ohlc_revisions (ts, open, high, low, close, volume, symbol_id, timeframe, source)
    VALUES (OLD.ts, OLD.open, OLD.high, OLD.low, OLD.close, OLD.volume, OLD.symbol_id, OLD.timeframe, OLD.source);
    RETURN NULL;
END
$$;
CREATE TRIGGER ohlc_keep_revision AFTER UPDATE ON ohlc FOR EACH ROW
    WHEN ((OLD.open, OLD.high, OLD.low, OLD.close, OLD.volume)
          IS DISTINCT FROM (NEW.open, NEW.high, NEW.low, NEW.close, NEW.volume))
    EXECUTE FUNCTION keep_ohlc_revision();
"""

_LEVELS = """
CREATE TABLE levels_history (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    symbol_id INTEGER NOT NULL,
    trade_date DATE NOT NULL,
    kind TEXT NOT NULL,
    levels JSONB NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE NOT NULL,
    replaced_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT levels_history_pkey PRIMARY KEY (id),
    CONSTRAINT levels_history_symbol_id_fkey FOREIGN KEY(symbol_id) REFERENCES market_symbols (id)
);
CREATE INDEX levels_history_symbol_id_trade_date_idx ON levels_history (symbol_id, trade_date);
COMMENT ON COLUMN levels_history.kind IS 'daily, or a pivot method';
COMMENT ON COLUMN levels_history.levels IS 'the row of levels_daily or pivot_levels, without its key and computed_at';
COMMENT ON COLUMN levels_history.replaced_at IS 'null: these are the present ones';
INSERT INTO levels_history (symbol_id, trade_date, kind, levels, published_at)
SELECT symbol_id, trade_date, 'daily', to_jsonb(l) - '{symbol_id,trade_date,computed_at}'::text[], computed_at
FROM levels_daily AS l ORDER BY computed_at, trade_date, symbol_id;
INSERT INTO levels_history (symbol_id, trade_date, kind, levels, published_at)
SELECT symbol_id, trade_date, method, to_jsonb(l) - '{symbol_id,trade_date,method,computed_at}'::text[], computed_at
FROM pivot_levels AS l ORDER BY computed_at, trade_date, symbol_id, method;
"""

# The whole row is kept as JSON: a column that is added later is kept from then on. Shortest digits that read back as
# the same number, whatever the session is set to.
_LEVELS_TRIGGER = """
CREATE FUNCTION keep_levels() RETURNS trigger LANGUAGE plpgsql SET extra_float_digits = 1 AS $$
DECLARE
    stored jsonb := coalesce(to_jsonb(NEW), to_jsonb(OLD));
    kept_kind text := coalesce(stored ->> 'method', 'daily');
    changed_at timestamptz;
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - 'computed_at' = to_jsonb(NEW) - 'computed_at' THEN
        RETURN NULL;
    END IF;
    UPDATE levels_history SET replaced_at = greatest(tradematrix_now(), published_at)
    WHERE symbol_id = (stored ->> 'symbol_id')::integer AND trade_date = (stored ->> 'trade_date')::date
        AND kind = kept_kind AND replaced_at IS NULL
    RETURNING replaced_at INTO changed_at;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO levels_history (symbol_id, trade_date, kind, levels, published_at)
        VALUES (NEW.symbol_id, NEW.trade_date, kept_kind,
                stored - '{symbol_id,trade_date,method,computed_at}'::text[], coalesce(changed_at, tradematrix_now()));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER levels_daily_keep AFTER INSERT OR UPDATE OR DELETE ON levels_daily
    FOR EACH ROW EXECUTE FUNCTION keep_levels();
CREATE TRIGGER pivot_levels_keep AFTER INSERT OR UPDATE OR DELETE ON pivot_levels
    FOR EACH ROW EXECUTE FUNCTION keep_levels();
"""

_COVERAGE = """
CREATE TABLE session_coverage_history (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    symbol_id INTEGER NOT NULL,
    timeframe ohlc_timeframe NOT NULL,
    trade_date DATE NOT NULL,
    coverage JSONB NOT NULL,
    stored_at TIMESTAMP WITH TIME ZONE NOT NULL,
    replaced_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT session_coverage_history_pkey PRIMARY KEY (id),
    CONSTRAINT session_coverage_history_symbol_id_fkey FOREIGN KEY(symbol_id) REFERENCES market_symbols (id)
);
CREATE INDEX session_coverage_history_symbol_id_timeframe_trade_date_idx
    ON session_coverage_history (symbol_id, timeframe, trade_date);
COMMENT ON COLUMN session_coverage_history.coverage IS 'the row of session_coverage, without its key';
COMMENT ON COLUMN session_coverage_history.replaced_at IS 'null: this is the present one';
INSERT INTO session_coverage_history (symbol_id, timeframe, trade_date, coverage, stored_at)
SELECT symbol_id, timeframe, trade_date, to_jsonb(c) - '{symbol_id,timeframe,trade_date}'::text[], checked_at
FROM session_coverage AS c ORDER BY checked_at, symbol_id, timeframe, trade_date;
"""

# An attempt that changes nothing but their number and time adds no row.
_COVERAGE_TRIGGER = """
CREATE FUNCTION keep_session_coverage() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    stored session_coverage := coalesce(NEW, OLD);
    changed_at timestamptz;
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - '{attempts,checked_at}'::text[]
                          = to_jsonb(NEW) - '{attempts,checked_at}'::text[] THEN
        RETURN NULL;
    END IF;
    UPDATE session_coverage_history AS h SET replaced_at = greatest(tradematrix_now(), h.stored_at)
    WHERE h.symbol_id = stored.symbol_id AND h.timeframe = stored.timeframe AND h.trade_date = stored.trade_date
        AND h.replaced_at IS NULL
    RETURNING h.replaced_at INTO changed_at;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO session_coverage_history (symbol_id, timeframe, trade_date, coverage, stored_at)
        VALUES (NEW.symbol_id, NEW.timeframe, NEW.trade_date,
                to_jsonb(NEW) - '{symbol_id,timeframe,trade_date}'::text[], coalesce(changed_at, tradematrix_now()));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER session_coverage_keep AFTER INSERT OR UPDATE OR DELETE ON session_coverage
    FOR EACH ROW EXECUTE FUNCTION keep_session_coverage();
"""


def upgrade() -> None:
    """Add the histories: what is there is their first version."""
    for script in (_NOW, _CANDLES, _REVISIONS, _LEVELS, _LEVELS_TRIGGER, _COVERAGE, _COVERAGE_TRIGGER):
        op.execute(script)


def downgrade() -> None:
    """Drop them, replaced levels and coverage included; replaced candles stay."""
    op.execute(_REVISIONS_BEFORE)
    op.execute("""
        DROP TRIGGER levels_daily_keep ON levels_daily;
        DROP TRIGGER pivot_levels_keep ON pivot_levels;
        DROP TRIGGER session_coverage_keep ON session_coverage;
        DROP FUNCTION keep_levels, keep_session_coverage;
        DROP TABLE levels_history, session_coverage_history;
        ALTER TABLE ohlc DROP COLUMN stored_at;
        ALTER TABLE ohlc_revisions DROP COLUMN stored_at;
        ALTER TABLE ohlc_revisions ALTER COLUMN revised_at SET DEFAULT now();
        DROP FUNCTION tradematrix_now;
    """)
