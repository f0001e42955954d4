"""Corrections of calendars, calendars that users define, and metals on the calendar of metals.

Silver and gold pause from 17:00 to 18:00 New York: on FX their sessions opened an hour too early, and were complete with
an hour missing.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from alembic import op
from sqlalchemy import Connection, text

from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.named_hours import FX, METALS
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe
from tradematrix_pipelines.storage.rejudging import mark_closed, rejudge

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE calendar_corrections (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    calendar TEXT NOT NULL,
    trade_date DATE NOT NULL,
    kind TEXT NOT NULL,
    opens_at TIMESTAMP WITH TIME ZONE,
    closes_at TIMESTAMP WITH TIME ZONE,
    reason TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    undone_at TIMESTAMP WITH TIME ZONE,
    replaced JSONB NOT NULL,
    CONSTRAINT calendar_corrections_pkey PRIMARY KEY (id),
    CONSTRAINT calendar_corrections_hours_check CHECK (
        kind = 'closed' AND opens_at IS NULL AND closes_at IS NULL OR kind = 'hours' AND opens_at < closes_at)
);
COMMENT ON COLUMN calendar_corrections.kind IS 'closed, or hours';
COMMENT ON COLUMN calendar_corrections.opens_at IS 'null on a closed day';
COMMENT ON COLUMN calendar_corrections.undone_at IS 'null while it is in force';
COMMENT ON COLUMN calendar_corrections.replaced IS 'coverage that a closed day replaced, restored when undone';
CREATE UNIQUE INDEX calendar_corrections_in_force_key ON calendar_corrections (calendar, trade_date)
    WHERE undone_at IS NULL;
CREATE TABLE defined_calendars (
    name TEXT NOT NULL,
    opens TEXT NOT NULL,
    closes TEXT NOT NULL,
    pause_starts TEXT,
    pause_ends TEXT,
    holidays TEXT,
    defined_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT defined_calendars_pkey PRIMARY KEY (name)
);
COMMENT ON COLUMN defined_calendars.opens IS 'time and zone: 00:30 UTC';
COMMENT ON COLUMN defined_calendars.pause_starts IS 'null where there is no break';
COMMENT ON COLUMN defined_calendars.holidays IS 'the calendar on whose closed days it is closed; null = none';
"""
_HOUR = timedelta(hours=1)
_AT_ONCE = 250
"""Sessions whose candles are read at once: a year of minutes."""
# The tolerance that metals had by default was for their pause; another one is the user's own.
_MOVE = text("""
    UPDATE market_symbols SET calendar = 'METALS',
        gap_tolerance = CASE WHEN gap_tolerance = 75 THEN 20 ELSE gap_tolerance END
    WHERE calendar = 'FX' AND instrument = 'metal' RETURNING id, gap_tolerance
""")
_DATES = text("""
    SELECT DISTINCT trade_date FROM session_coverage WHERE symbol_id = :symbol_id AND opens_at IS NOT NULL
""")
# Daily bars are stamped with their session's open.
_STAMP = """
    UPDATE {table} AS t SET ts = new.opens_at
    FROM session_coverage AS c, unnest(CAST(:days AS date[]), CAST(:opens AS timestamptz[])) AS new (day, opens_at)
    WHERE c.symbol_id = :symbol_id AND c.timeframe = '1d' AND c.trade_date = new.day
      AND t.symbol_id = c.symbol_id AND t.timeframe = '1d' AND t.ts = c.opens_at
"""
_STAMPED = ("ohlc", "ohlc_revisions", "rejected_candles")
_WITHDRAW = text("""
    WITH withdrawn AS (
        DELETE FROM ohlc AS t
        USING unnest(CAST(:days AS date[]), CAST(:starts AS timestamptz[]), CAST(:opens AS timestamptz[]))
            AS pause (day, starts_at, ends_at)
        WHERE t.symbol_id = :symbol_id AND t.timeframe = ANY(CAST(:timeframes AS ohlc_timeframe[]))
          AND t.ts >= pause.starts_at AND t.ts < pause.ends_at
        RETURNING t.*, pause.day
    ), kept AS (
        INSERT INTO ohlc_revisions (ts, open, high, low, close, volume, symbol_id, timeframe, source, withdrawn)
        SELECT ts, open, high, low, close, volume, symbol_id, timeframe, source, true FROM withdrawn
    )
    SELECT DISTINCT day FROM withdrawn
""")
# The day again, from the finest candles that are complete.
_DAILY = text("""
    WITH finest AS (
        SELECT DISTINCT ON (trade_date) symbol_id, trade_date, timeframe, opens_at, closes_at FROM session_coverage
        WHERE symbol_id = :symbol_id AND trade_date = ANY(:days) AND timeframe <> '1d' AND status = 'complete' AND final
        ORDER BY trade_date, timeframe
    ), days AS (
        SELECT f.opens_at, (array_agg(o.open ORDER BY o.ts))[1] AS open, max(o.high) AS high, min(o.low) AS low,
            (array_agg(o.close ORDER BY o.ts DESC))[1] AS close, sum(o.volume) AS volume
        FROM finest AS f JOIN ohlc AS o
          ON o.symbol_id = f.symbol_id AND o.timeframe = f.timeframe AND o.ts >= f.opens_at AND o.ts < f.closes_at
        GROUP BY f.opens_at
    )
    UPDATE ohlc AS t SET open = d.open, high = d.high, low = d.low, close = d.close, volume = d.volume FROM days AS d
    WHERE t.symbol_id = :symbol_id AND t.timeframe = '1d' AND t.ts = d.opens_at
""")
_DOUBTED = text("""
    UPDATE session_coverage AS day SET status = 'partial', last_error = 'made on the hours of calendar FX: fetch it again'
    WHERE day.symbol_id = :symbol_id AND day.timeframe = '1d' AND day.trade_date = ANY(:days) AND day.status = 'complete'
      AND NOT EXISTS (SELECT FROM session_coverage AS c
          WHERE c.symbol_id = day.symbol_id AND c.trade_date = day.trade_date AND c.timeframe <> '1d'
            AND c.status = 'complete' AND c.final)
""")


def upgrade() -> None:
    """Add the tables, and move the metals that are on FX with all that is stored of them."""
    op.execute(_TABLES)
    connection = op.get_bind()
    for symbol_id, gap_tolerance in connection.execute(_MOVE).all():
        _move(connection, symbol_id, gap_tolerance)


def downgrade() -> None:
    """Drop the tables; metals stay on their calendar, which the older version knows too."""
    op.execute("DROP TABLE calendar_corrections, defined_calendars")


def _move(connection: Connection, symbol_id: int, gap_tolerance: int | None) -> None:
    days = sorted(connection.execute(_DATES, {"symbol_id": symbol_id}).scalars())
    sessions = [session for day in days if (session := get_calendar(METALS).session(day)) is not None]
    changed = _withdraw_pauses(connection, symbol_id, sessions) | _end_later(sessions)
    stamps = {
        "symbol_id": symbol_id,
        "days": [session.trade_date for session in sessions],
        "opens": [session.opens_at for session in sessions],
    }
    for table in _STAMPED:
        connection.execute(text(_STAMP.format(table=table)), stamps)
    for timeframe in Timeframe:
        for part in _parts(sessions):
            rejudge(connection, symbol_id=symbol_id, timeframe=timeframe, sessions=part, gap_tolerance=gap_tolerance)
    mark_closed(connection, [symbol_id], set(days) - {session.trade_date for session in sessions})
    connection.execute(_DAILY, {"symbol_id": symbol_id, "days": sorted(changed)})
    connection.execute(_DOUBTED, {"symbol_id": symbol_id, "days": sorted(changed)})


def _withdraw_pauses(connection: Connection, symbol_id: int, sessions: Sequence[Session]) -> set[date]:
    """Take out the candles between the last close and each open; return the trade dates that had any."""
    closes = [get_calendar(METALS).previous(session.trade_date).closes_at for session in sessions]
    parameters = {
        "symbol_id": symbol_id,
        "timeframes": [str(timeframe) for timeframe in INTRADAY],
        "days": [session.trade_date for session in sessions],
        "starts": [max(close, session.opens_at - _HOUR) for session, close in zip(sessions, closes, strict=True)],
        "opens": [session.opens_at for session in sessions],
    }
    return set(connection.execute(_WITHDRAW, parameters).scalars())


def _end_later(sessions: Sequence[Session]) -> set[date]:
    """Return the trade dates that end later than on FX: those of 2015 and before."""
    usual = {session.trade_date: get_calendar(FX).session(session.trade_date) for session in sessions}
    return {
        session.trade_date
        for session in sessions
        if (fx := usual[session.trade_date]) is not None and fx.closes_at != session.closes_at
    }


def _parts(sessions: Sequence[Session]) -> Iterator[Sequence[Session]]:
    for start in range(0, len(sessions), _AT_ONCE):
        yield sessions[start : start + _AT_ONCE]
