"""One past session asked of one vendor, to be compared with what is stored.

Here: the call, screened. Not here: what it is compared with (``second_look``, ``verifying``), or fetching many sessions
(``series``).
"""

from collections.abc import Iterator
from datetime import date, datetime

from tradematrix_pipelines.candles.screen import Screened, screen
from tradematrix_pipelines.ingest.progress import Progress
from tradematrix_pipelines.ingest.series import fetch_series
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe
from tradematrix_pipelines.vendors.errors import VendorError
from tradematrix_pipelines.vendors.protocol import Vendor


def fetch_session(
    vendor: Vendor,
    symbol: Symbol,
    timeframe: Timeframe,
    session: Session,
    *,
    now: datetime,
    purpose: str,
    progress: Progress,
) -> Screened | VendorError:
    """Return a vendor's bars of one session, screened, or why there are none; ``progress`` is updated."""
    [(_, answer)] = fetch_series(
        vendor,
        symbol,
        timeframe,
        needed=[session],
        between=[session],
        now=now,
        purpose=purpose,
        progress=progress,
    )
    if isinstance(answer, VendorError):
        return answer
    return screen(
        answer.candles,
        timeframe=timeframe,
        sessions=[session],
        now=now,
        price_range=symbol.price_range,
        cut_at_close=answer.cut_at_close,
    )


def comparable_timeframes(vendor: Vendor, symbol: Symbol, timeframe: Timeframe, day: date) -> Iterator[Timeframe]:
    """Yield the series of a vendor that may be compared with ``timeframe``: the same one, then coarser ones."""
    names = [Timeframe.D1] if timeframe is Timeframe.D1 else INTRADAY[INTRADAY.index(timeframe) :]
    for name in names:
        if vendor.unavailable_reason(symbol, name, day) is None:
            yield name
