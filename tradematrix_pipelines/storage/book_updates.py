"""The books of sessions: all of them for a run, and what has become known for a live pull.

Here: which sessions' books are computed together. Not here: what they are computed from (``book_inputs``).
"""

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta

from tradematrix_pipelines.levels.book.kinds import INTRADAY, kinds_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.book_inputs import HISTORY, BookInputs, BookReader, ComputedBook
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.judging import judge_unjudged
from tradematrix_pipelines.storage.level_book import SessionBook, write_books

_RECENT = timedelta(days=14)
_AT_ONCE = 20


def compute_books(
    reader: BookReader, dates: Collection[date]
) -> Iterator[tuple[BookInputs, list[Session], list[ComputedBook]]]:
    """Yield the books of the sessions of these trade dates as they are known at the reader's ``now``, a month at once.

    Beside them those of the sessions before that are not among ``dates``, with the kinds that became known while they
    ran: all their minutes are stored by now. Each with what they are computed from, and the sessions before.
    """
    sessions = [session for day in sorted(dates) if (session := reader.calendar.session(day)) is not None]
    if not sessions:
        return
    first, last = sessions[0].trade_date - HISTORY, sessions[-1].trade_date
    judge_unjudged(reader.database, reader.symbol, first, last)
    of_symbol = kinds_of(reader.symbol)
    passing = [kind for kind in of_symbol if kind in INTRADAY]
    for start in range(0, len(sessions), _AT_ONCE):
        wanted = sessions[start : start + _AT_ONCE]
        before = [reader.calendar.previous(session.trade_date) for session in wanted]
        also = [session for session in before if session.trade_date not in dates]
        inputs = reader.read(before[0], wanted[-1])
        books = [inputs.book(session, passing) for session in also]
        yield inputs, before, [*books, *(inputs.book(session, of_symbol) for session in wanted)]


def update_book(database: Database, symbol: Symbol, session: Session, *, now: datetime) -> int:
    """Add to the book of an open session what has become known; return how many levels are new or changed.

    What is stored stays: the run after the close replaces it as a whole.
    """
    kinds = [kind for kind in kinds_of(symbol) if kind in INTRADAY]
    reader = BookReader(database=database, symbol=symbol, now=now, history=_RECENT)
    computed = reader.read(session, session).book(session, kinds)
    books = [SessionBook(symbol=symbol, trade_date=session.trade_date, levels=computed.book.levels)]
    return write_books(database.engine, books, now=now)
