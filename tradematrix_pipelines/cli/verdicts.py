"""What the judgement (``quality``) says of sessions that are stored: for commands that show it."""

from datetime import date, timedelta

from tradematrix_pipelines.candles.coverage import Status
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe
from tradematrix_pipelines.quality.judge import Beside, Judgement, judge_in_order
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database

_HISTORY = timedelta(days=40)
"""How much is read before the first date, so that it is not judged cold: more than 20 sessions."""


def judge_stored(
    database: Database, symbol: Symbol, first: date, last: date
) -> dict[tuple[Timeframe, date], Judgement]:
    """Judge the complete, final sessions of a symbol between two trade dates, both included.

    Each by its finest complete intraday candles, and, where the vendor has an official day, against that; by timeframe
    judged and trade date.
    """
    calendar = get_calendar(symbol.calendar)
    rows = read_coverage(database.engine, [symbol], list(Timeframe), first - _HISTORY, last)
    judged: dict[tuple[Timeframe, date], Judgement] = {}
    done: set[date] = set()
    for timeframe in INTRADAY:
        days = {
            row.coverage.trade_date
            for row in rows
            if row.coverage.timeframe is timeframe and row.coverage.status is Status.COMPLETE and row.coverage.final
        } - done
        done |= days
        sessions = [session for day in sorted(days) if (session := calendar.session(day))]
        if not sessions:
            continue
        start, end = sessions[0].opens_at, sessions[-1].closes_at
        official = None if symbol.quotes_all_day else database.candles.series(symbol, Timeframe.D1, start, end)
        judgements = judge_in_order(
            database.candles.series(symbol, timeframe, start, end),
            symbol=symbol,
            timeframe=timeframe,
            sessions=sessions,
            beside=Beside(official=official),
        )
        judged |= {(timeframe, day): judgement for day, judgement in judgements.items() if day >= first}
    return judged
