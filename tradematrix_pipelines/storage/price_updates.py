"""Price updates after a live pull, once its minutes are stored: the current price, and the levels touched.

Calls no vendor. Not here: the pull, or notifications of touches.
"""

from datetime import datetime, timedelta

from tradematrix_pipelines.levels.touches import find_touches
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.live import waiting
from tradematrix_pipelines.quality.thresholds import Thresholds
from tradematrix_pipelines.storage.current_prices import update_current_price
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.touches import levels_to_watch, record_touches

_MINUTE = timedelta(minutes=1)


def update_prices(database: Database, symbol: Symbol, session: Session, *, now: datetime) -> int:
    """Update the symbol's current price and record the levels it touched; return how many touches are new.

    A minute that is far out counts when those after it confirm it (``quality.live``). Touches are searched only where
    ``symbol.touch_alerts``, in all stored minutes of ``session`` every time: minutes that were stored late count too.
    The first touch of a level is kept.

    Args:
        session: the session pulled.
        now: aware, UTC; minutes that had not closed by then don't count.
    """
    end = min(session.closes_at, now - _MINUTE + timedelta.resolution)
    minutes = database.candles.series(symbol, Timeframe.M1, session.opens_at, end)
    mask = waiting(minutes, thresholds=Thresholds.with_overrides(symbol.thresholds))
    far = [moment.to_pydatetime() for moment in minutes["ts"][mask]]
    update_current_price(database.engine, symbol, session, now=now, waiting=far)
    stored = levels_to_watch(database.engine, symbol, session.trade_date) if symbol.touch_alerts else {}
    levels = {name: stored[name] for name in symbol.touch_levels or stored if name in stored}
    touches = find_touches(minutes[~mask], levels, previous_close=stored.get("y_close"))
    return record_touches(database.engine, symbol, session.trade_date, touches)
