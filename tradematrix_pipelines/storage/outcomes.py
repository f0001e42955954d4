"""The rows of ``level_outcomes``: what each level of the book did in its session.

Here: which sessions and levels count, writing and reading. Not here: the rules (``levels.outcomes``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.levels.book.kinds import KINDS
from tradematrix_pipelines.levels.book.model import Kind, Minutes, Unit
from tradematrix_pipelines.levels.outcomes import Outcome, Path, Result, judge, judge_gap
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.book_inputs import BookInputs
from tradematrix_pipelines.storage.bulk import select_rows
from tradematrix_pipelines.storage.level_book import read_book
from tradematrix_pipelines.storage.tables import level_outcomes

_KEY = ("symbol_id", "trade_date", "kind", "name")
_ATR = (str(Kind.RANGES), "atr_14")
_FILL = (str(Kind.GAP), "fill")
_PASSED = (str(Kind.GAP), "filled")


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionOutcomes:
    """What the levels of one session did; all of them, so that others that are stored are dropped."""

    symbol: Symbol
    trade_date: date
    outcomes: Sequence[Outcome]


def find_outcomes(engine: Engine, inputs: BookInputs, sessions: Sequence[Session]) -> Iterator[SessionOutcomes]:
    """Yield what the stored levels of these sessions did; a session without ATR-14 or a usable day has no outcomes.

    Levels that became known while the session ran are judged by its minutes, the others by its daily candle. Doubtful
    levels don't count.
    """
    if not sessions:
        return
    book = read_book(engine, [inputs.symbol], sessions[0].trade_date, sessions[-1].trade_date)
    accepted = book[(book["verdict"] == str(Verdict.ACCEPTED)) & (book["unit"] != str(Unit.RATIO))]
    by_date = dict(iter(accepted.groupby("trade_date")))
    for session in sessions:
        rows = by_date.get(session.trade_date)
        outcomes = [] if rows is None else list(_outcomes(inputs, session, rows))
        yield SessionOutcomes(symbol=inputs.symbol, trade_date=session.trade_date, outcomes=outcomes)


def write_outcomes(engine: Engine, sessions: Sequence[SessionOutcomes]) -> int:
    """Store the outcomes of sessions in one transaction; return how many are new, changed or dropped."""
    new = {_key(one, outcome): str(outcome.result) for one in sessions for outcome in one.outcomes}
    with engine.begin() as connection:
        stored = _read_stored(connection, sessions)
        rows = [
            dict(zip((*_KEY, "result"), (*key, result), strict=True))
            for key, result in new.items()
            if stored.get(key) != result
        ]
        if rows:
            statement = insert(level_outcomes).from_select(list(rows[0]), select_rows(level_outcomes, rows))
            update = {"result": statement.excluded.result}
            connection.execute(statement.on_conflict_do_update(index_elements=list(_KEY), set_=update))
        gone = stored.keys() - new.keys()
        if gone:
            keys = tuple_(*(level_outcomes.c[name] for name in _KEY))
            connection.execute(delete(level_outcomes).where(keys.in_(gone)))
    return len(rows) + len(gone)


def read_outcomes(engine: Engine, symbol: Symbol, *, first: date = date.min, last: date = date.max) -> list[Outcome]:
    """Return what the levels of a symbol did between two trade dates, both included, by kind, name and date."""
    table = level_outcomes
    query = (
        select(table)
        .where(table.c.symbol_id == symbol.id, table.c.trade_date.between(first, last))
        .order_by(table.c.name, table.c.trade_date)
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    outcomes = [
        Outcome(trade_date=row.trade_date, kind=Kind(row.kind), name=row.name, result=Result(row.result))
        for row in rows
    ]
    order = list(KINDS)
    return sorted(outcomes, key=lambda outcome: order.index(outcome.kind))


def _outcomes(inputs: BookInputs, session: Session, rows: pd.DataFrame) -> Iterator[Outcome]:
    prices = dict(zip(zip(rows["kind"], rows["name"], strict=True), rows["price"].tolist(), strict=True))
    day, atr = inputs.day(session), prices.get(_ATR)
    if day is None or atr is None or (Timeframe.D1, session.trade_date) in inputs.doubtful:
        return
    whole = Path(open=day.open, high=day.high, low=day.low, close=day.close)
    tick, minutes = inputs.symbol.tick_size, inputs.minutes_of(session)
    of_price = rows["unit"] == str(Unit.PRICE)
    known = (at.to_pydatetime() for at in rows.loc[of_price, "known_at"])
    for kind, name, known_at in zip(rows.loc[of_price, "kind"], rows.loc[of_price, "name"], known, strict=True):
        price = prices[kind, name]
        if (kind, name) == _PASSED:
            continue
        if (kind, name) == _FILL:
            result = judge_gap(price, whole, tick=tick)
        else:
            path = _path(session, known_at, whole, minutes)
            result = None if path is None else judge(price, path, tick=tick, atr=atr)
        if result is not None:
            yield Outcome(trade_date=session.trade_date, kind=Kind(kind), name=name, result=result)


def _path(session: Session, known_at: datetime, whole: Path, minutes: Minutes | None) -> Path | None:
    """Return the prices of the session after ``known_at``; ``None`` where there are none."""
    if known_at <= session.opens_at:
        return whole
    if minutes is None or known_at >= session.closes_at:
        return None
    after = minutes.between(known_at, session.closes_at)
    if not len(after):
        return None
    return Path(
        open=float(after.open[0]),
        high=float(after.high.max()),
        low=float(after.low.min()),
        close=float(after.close[-1]),
    )


def _read_stored(connection: Connection, sessions: Sequence[SessionOutcomes]) -> dict[tuple[Any, ...], str]:
    table = level_outcomes
    query = select(*(table.c[name] for name in _KEY), table.c.result).where(
        tuple_(table.c.symbol_id, table.c.trade_date).in_([(one.symbol.id, one.trade_date) for one in sessions])
    )
    return {tuple(key): result for *key, result in connection.execute(query)}


def _key(one: SessionOutcomes, outcome: Outcome) -> tuple[Any, ...]:
    return one.symbol.id, one.trade_date, str(outcome.kind), outcome.name
