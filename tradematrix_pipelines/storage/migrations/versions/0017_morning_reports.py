"""The morning page of each trade date, as it was made last."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.execute("""
        CREATE TABLE morning_reports (
            trade_date DATE NOT NULL,
            html TEXT NOT NULL,
            written_at TIMESTAMP WITH TIME ZONE NOT NULL,
            notified_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT morning_reports_pkey PRIMARY KEY (trade_date)
        );
        COMMENT ON COLUMN morning_reports.html IS 'one page that needs nothing else';
        COMMENT ON COLUMN morning_reports.notified_at IS 'when it was sent to the alert services; null: it was not';
    """)


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE morning_reports")
