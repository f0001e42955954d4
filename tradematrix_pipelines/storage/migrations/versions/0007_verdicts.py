"""Whether a session can be believed: verdicts, the findings behind them, and what a person has accepted."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_KEY = """
    symbol_id INTEGER NOT NULL,
    timeframe ohlc_timeframe NOT NULL,
    trade_date DATE NOT NULL"""

_UP = f"""
CREATE TYPE session_verdict AS ENUM ('accepted', 'doubtful', 'refused');

ALTER TABLE market_symbols ADD COLUMN thresholds JSONB DEFAULT '{{}}'::jsonb NOT NULL;
COMMENT ON COLUMN market_symbols.thresholds IS 'thresholds of the judgement that differ for it, by name';

ALTER TABLE session_coverage ADD COLUMN verdict session_verdict;
ALTER TABLE session_coverage ADD COLUMN doubt TEXT;
COMMENT ON COLUMN session_coverage.verdict IS 'whether it can be believed; null where it was not judged';
COMMENT ON COLUMN session_coverage.doubt IS 'the most severe finding, where it was not believed at once';

CREATE TABLE session_summaries ({_KEY},
    verdict session_verdict NOT NULL,
    cold BOOLEAN NOT NULL,
    summary JSONB NOT NULL,
    judged_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT session_summaries_pkey PRIMARY KEY (symbol_id, timeframe, trade_date),
    CONSTRAINT session_summaries_symbol_id_fkey FOREIGN KEY(symbol_id) REFERENCES market_symbols (id)
);
COMMENT ON COLUMN session_summaries.cold IS 'judged with too few sessions before it to know what is usual';
COMMENT ON COLUMN session_summaries.summary IS 'what later sessions are judged by';

CREATE TABLE session_findings ({_KEY},
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    value FLOAT8 NOT NULL,
    threshold FLOAT8 NOT NULL,
    message TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE,
    until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT session_findings_pkey PRIMARY KEY (symbol_id, timeframe, trade_date, position),
    CONSTRAINT session_findings_symbol_id_fkey FOREIGN KEY(symbol_id) REFERENCES market_symbols (id)
);
COMMENT ON COLUMN session_findings.position IS 'in the order of the detectors';
COMMENT ON COLUMN session_findings.severity IS 'note, doubt or refusal';
COMMENT ON COLUMN session_findings.message IS 'one sentence, with the numbers';
COMMENT ON COLUMN session_findings.at IS 'open of the bar it is about; null = the whole session';

CREATE TABLE session_acceptances ({_KEY},
    open FLOAT8 NOT NULL,
    high FLOAT8 NOT NULL,
    low FLOAT8 NOT NULL,
    close FLOAT8 NOT NULL,
    reason TEXT NOT NULL,
    accepted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT session_acceptances_pkey PRIMARY KEY (symbol_id, timeframe, trade_date),
    CONSTRAINT session_acceptances_symbol_id_fkey FOREIGN KEY(symbol_id) REFERENCES market_symbols (id)
);
"""
# Of a kind that is judged no more: sessions that their official day contradicts are doubtful.
_INCIDENTS = """
UPDATE incidents SET closed_at = now(), opening_notified_at = coalesce(opening_notified_at, now()),
    closing_notified_at = now()
WHERE kind = 'vendor_disagreement' AND closed_at IS NULL
"""
_LEVELS = """
ALTER TABLE {table} ADD COLUMN verdict session_verdict DEFAULT 'accepted' NOT NULL;
COMMENT ON COLUMN {table}.verdict IS
    'doubtful where a session that they come from is, and they were published all the same';
"""
_TABLES = ("levels_daily", "pivot_levels")


def upgrade() -> None:
    """Add the tables and columns: sessions that are stored so far are not judged yet."""
    op.execute(_UP)
    op.execute(_INCIDENTS)
    for table in _TABLES:
        op.execute(_LEVELS.format(table=table))


def downgrade() -> None:
    """Drop them."""
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} DROP COLUMN verdict")
    op.execute("DROP TABLE session_acceptances, session_findings, session_summaries")
    op.execute("ALTER TABLE session_coverage DROP COLUMN verdict, DROP COLUMN doubt")
    op.execute("ALTER TABLE market_symbols DROP COLUMN thresholds")
    op.execute("DROP TYPE session_verdict")
