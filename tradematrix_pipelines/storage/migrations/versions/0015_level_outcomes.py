"""What levels did in each session, and a view of how often, with Wilson's intervals."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE level_outcomes (
    trade_date DATE NOT NULL,
    symbol_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    result TEXT NOT NULL,
    CONSTRAINT level_outcomes_pkey PRIMARY KEY (symbol_id, trade_date, kind, name),
    CONSTRAINT level_outcomes_symbol_id_fkey FOREIGN KEY(symbol_id) REFERENCES market_symbols (id)
);
COMMENT ON COLUMN level_outcomes.trade_date IS 'the session in which it happened';
COMMENT ON COLUMN level_outcomes.kind IS 'of the level, as in levels';
COMMENT ON COLUMN level_outcomes.result IS 'untouched, held, broken or undecided; of gaps filled or unfilled';
"""

# The halves are those of the sessions that an event is counted among. z = 1.96: 95 %.
VIEWS = """
DO $$ BEGIN
IF to_regnamespace('api') IS NULL OR NOT has_schema_privilege('api', 'CREATE') THEN
    RETURN;
END IF;
CREATE VIEW api.outcomes AS
WITH counted AS (
    SELECT o.symbol_id, o.kind, o.name, e.event, o.trade_date, o.result = ANY (e.hits) AS hit,
           row_number() OVER w AS place, count(*) OVER (PARTITION BY o.symbol_id, o.kind, o.name, e.event) AS n
    FROM level_outcomes AS o
    JOIN (VALUES ('touched', '{held,broken,undecided}'::text[], '{untouched,held,broken,undecided}'::text[]),
                 ('held', '{held}', '{held,broken,undecided}'),
                 ('broken', '{broken}', '{held,broken,undecided}'),
                 ('filled', '{filled}', '{filled,unfilled}')) AS e (event, hits, base)
      ON o.result = ANY (e.base)
    WINDOW w AS (PARTITION BY o.symbol_id, o.kind, o.name, e.event ORDER BY o.trade_date)
), shares AS (
    SELECT symbol_id, kind, name, event, n, count(*) FILTER (WHERE hit) AS times, avg(hit::int)::float8 AS share,
           avg(hit::int) FILTER (WHERE place <= n / 2)::float8 AS first_half,
           avg(hit::int) FILTER (WHERE place > n / 2)::float8 AS second_half,
           min(trade_date) AS first_date, max(trade_date) AS last_date, 1.959963984540054::float8 AS z
    FROM counted GROUP BY symbol_id, kind, name, event, n
), wilson AS (
    SELECT *, (share + z * z / (2 * n)) / (1 + z * z / n) AS centre,
           z * sqrt(share * (1 - share) / n + z * z / (4.0 * n * n)) / (1 + z * z / n) AS half
    FROM shares
)
SELECT s.symbol, w.kind, w.name, w.event, w.times, w.n, w.share,
       greatest(0, centre - half) AS low, least(1, centre + half) AS high,
       w.first_half, w.second_half, w.first_date, w.last_date
FROM wilson AS w JOIN market_symbols AS s ON s.id = w.symbol_id;
COMMENT ON VIEW api.outcomes IS 'how often levels were touched, held and broken, and gaps filled; 95 % intervals';
END $$
"""


def upgrade() -> None:
    """Add them."""
    op.execute(_TABLE)
    op.get_bind().exec_driver_sql(VIEWS.replace("%", "%%"))


def downgrade() -> None:
    """Drop them."""
    op.execute("""
        DROP VIEW IF EXISTS api.outcomes;
        DROP TABLE level_outcomes;
    """)
