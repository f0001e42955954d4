"""How far back the vendors' series of one symbol reach: what lies before is not asked for.

Here: what is known, and when it is worth a credit to ask. Not here: the asking (``failover``), or where the answers are
kept (``storage.history_starts``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.protocol import HistoryStarts, Vendor

WORTH_ASKING = 10
"""Sessions older than those stored, from which on the start of history is asked for.

A few recent sessions take a call or two, and are hardly before all history: asking would cost more than it saves.
"""


@dataclass(kw_only=True, slots=True)
class History:
    """What is known of the start of one symbol's series.

    Attributes:
        starts: open of the first bar, aware, UTC, by vendor and timeframe; of a daily one midnight UTC of its date.
        oldest: the first trade date with stored candles, by timeframe.
        keep: stores what a vendor answered; ``None`` = it can't be stored, so nothing is asked.
    """

    symbol: Symbol
    starts: dict[tuple[str, Timeframe], datetime] = field(default_factory=dict)
    oldest: Mapping[Timeframe, date] = field(default_factory=dict)
    keep: Callable[[str, Timeframe, datetime], None] | None = None

    def unavailable_reason(self, vendor: Vendor, timeframe: Timeframe, trade_date: date) -> str | None:
        """Return why ``vendor`` has no bars of its own for this day, as ``Vendor.unavailable_reason`` does."""
        reason = vendor.unavailable_reason(self.symbol, timeframe, trade_date)
        start = self.starts.get((vendor.name, timeframe))
        if reason is None and start is not None and self._is_before(start, timeframe, trade_date):
            return f"has no {timeframe} bars of {self.symbol.name} before {start:%Y-%m-%d}"
        return reason

    def is_worth_asking(self, vendor: Vendor, timeframe: Timeframe, needed: Sequence[Session]) -> bool:
        """Return whether to ask where a series starts before ``needed`` sessions of it are fetched."""
        if self.keep is None or not isinstance(vendor, HistoryStarts) or (vendor.name, timeframe) in self.starts:
            return False
        oldest = self.oldest.get(timeframe, date.max)
        older = [session.trade_date for session in needed if session.trade_date < oldest]
        return sum(self.unavailable_reason(vendor, timeframe, day) is None for day in older) >= WORTH_ASKING

    def add(self, vendor: str, timeframe: Timeframe, starts_at: datetime) -> None:
        """Take in what a vendor answered."""
        self.starts[vendor, timeframe] = starts_at
        if self.keep is not None:
            self.keep(vendor, timeframe, starts_at)

    def _is_before(self, start: datetime, timeframe: Timeframe, trade_date: date) -> bool:
        if timeframe is Timeframe.D1:
            return trade_date < start.date()
        session = calendar_of(self.symbol).session(trade_date)
        return session is not None and session.closes_at <= start
