"""A session whose candles were pruned stays known: when they were deleted is a column beside its status."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# An attempt that changes nothing but their number and time adds no row. Nor does pruning, which changes nothing of what
# was known: it marks the versions that there are (``storage.pruning``).
_KEEP = """
CREATE OR REPLACE FUNCTION keep_session_coverage() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    stored session_coverage := coalesce(NEW, OLD);
    changed_at timestamptz;
BEGIN
    IF TG_OP = 'UPDATE' AND {same} THEN
        RETURN NULL;
    END IF;
    UPDATE session_coverage_history AS h SET replaced_at = greatest(tradematrix_now(), h.stored_at)
    WHERE h.symbol_id = stored.symbol_id AND h.timeframe = stored.timeframe AND h.trade_date = stored.trade_date
        AND h.replaced_at IS NULL
    RETURNING h.replaced_at INTO changed_at;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO session_coverage_history (symbol_id, timeframe, trade_date, coverage, stored_at)
        VALUES (NEW.symbol_id, NEW.timeframe, NEW.trade_date,
                to_jsonb(NEW) - '{{symbol_id,timeframe,trade_date}}'::text[], coalesce(changed_at, tradematrix_now()));
    END IF;
    RETURN NULL;
END
$$
"""
_SAME_BEFORE = """to_jsonb(OLD) - '{attempts,checked_at}'::text[]
                          = to_jsonb(NEW) - '{attempts,checked_at}'::text[]"""
_SAME = """to_jsonb(OLD) - '{attempts,checked_at,pruned_at}'::text[]
                          = to_jsonb(NEW) - '{attempts,checked_at,pruned_at}'::text[]
            AND (NEW.pruned_at IS NOT NULL OR OLD.pruned_at IS NULL)"""

_SESSIONS = """
DO $$ BEGIN
IF to_regclass('api.sessions') IS NOT NULL AND has_schema_privilege('api', 'CREATE') THEN
    {statements}
END IF;
END $$
"""
_VIEW = """
    CREATE {replacing} VIEW api.sessions AS
        SELECT s.symbol, c.timeframe, c.trade_date, c.opens_at, c.closes_at, c.status, c.final, c.verdict, c.doubt,
            c.expected, c.received, c.rejected, c.longest_gap, c.source, c.checked_at{column}
        FROM session_coverage AS c JOIN market_symbols AS s ON s.id = c.symbol_id;
    COMMENT ON COLUMN api.sessions.longest_gap IS 'minutes';
"""
_COMMENT = """
    COMMENT ON COLUMN api.sessions.pruned_at IS 'when its candles were deleted for their age; null: they were not';
"""


def upgrade() -> None:
    """Add the column, to the view of sessions too."""
    op.execute("""
        ALTER TABLE session_coverage ADD COLUMN pruned_at TIMESTAMP WITH TIME ZONE;
        COMMENT ON COLUMN session_coverage.pruned_at IS
            'when its candles were deleted for their age; null: they were not';
    """)
    op.execute(_KEEP.format(same=_SAME))
    op.execute(_SESSIONS.format(statements=_VIEW.format(replacing="OR REPLACE", column=", c.pruned_at") + _COMMENT))


def downgrade() -> None:
    """Drop it. Pruned sessions become missing ones: older code would take them for complete."""
    op.execute(_KEEP.format(same=_SAME_BEFORE))
    op.execute("""
        UPDATE session_coverage SET status = 'missing', received = 0, verdict = NULL, doubt = NULL
        WHERE pruned_at IS NOT NULL AND status <> 'closed'
    """)
    view = (
        "DROP VIEW api.sessions;"
        + _VIEW.format(replacing="", column="")
        + """
    IF to_regrole('tradematrix_reader') IS NOT NULL THEN
        GRANT SELECT ON api.sessions TO tradematrix_reader;
    END IF;
    """
    )
    op.execute(_SESSIONS.format(statements=view))
    op.execute("ALTER TABLE session_coverage DROP COLUMN pruned_at")
