"""Official days and their minutes, for comparison."""

from datetime import date

from sqlalchemy import Engine, text

from tradematrix_pipelines.alerts.detectors import DayAgainstMinutes

_DAYS = text("""
    SELECT s.symbol, c.trade_date, day.high AS day_high, day.low AS day_low,
           minutes.high AS minutes_high, minutes.low AS minutes_low
    FROM session_coverage AS c
    JOIN session_coverage AS m ON m.symbol_id = c.symbol_id AND m.trade_date = c.trade_date AND m.timeframe = '1m'
    JOIN market_symbols AS s ON s.id = c.symbol_id
    JOIN ohlc AS day ON day.symbol_id = c.symbol_id AND day.timeframe = '1d' AND day.ts = c.opens_at
    CROSS JOIN LATERAL (SELECT max(high) AS high, min(low) AS low FROM ohlc
        WHERE symbol_id = c.symbol_id AND timeframe = '1m' AND ts >= c.opens_at AND ts < c.closes_at) AS minutes
    WHERE c.timeframe = '1d' AND c.trade_date >= :since AND s.active AND s.gap_tolerance IS NULL
      AND c.status = 'complete' AND c.final AND m.status = 'complete' AND m.final
    ORDER BY s.symbol, c.trade_date
""")


def days_against_minutes(engine: Engine, *, since: date) -> list[DayAgainstMinutes]:
    """Return the sessions from ``since`` on that are complete as a day and as minutes, of exchange-traded symbols."""
    with engine.connect() as connection:
        return [DayAgainstMinutes(**row) for row in connection.execute(_DAYS, {"since": since}).mappings()]
