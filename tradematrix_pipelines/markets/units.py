"""Which units a stored price is in, where an instrument has splits.

Minutes are in the units that were traded. Official days are those of the day on which they were fetched: vendors divide
all days before a split. Here: that rule. Not here: splits themselves (``splits``).
"""

from datetime import UTC, date, datetime, time

from tradematrix_pipelines.markets.calendars import SessionCalendar
from tradematrix_pipelines.markets.symbols import Symbol


def units_of_day(symbol: Symbol, trade_date: date, stored_at: datetime | None, calendar: SessionCalendar) -> date:
    """Return the date whose units a daily candle is in: its own, or that of the last split that it was fetched after.

    The days of symbols that are quoted all day are made of their minutes, whenever that is.

    Args:
        stored_at: when the candle got its values, aware; ``None`` = with its session.
        calendar: the symbol's.
    """
    if symbol.quotes_all_day or stored_at is None:
        return trade_date
    known = (
        split.trade_date
        for split in symbol.splits
        if split.ratio is not None and _opens_at(calendar, split.trade_date) <= stored_at
    )
    return max((trade_date, *known))


def _opens_at(calendar: SessionCalendar, day: date) -> datetime:
    session = calendar.session(day)
    return datetime.combine(day, time(), UTC) if session is None else session.opens_at
