"""All that the judgement of one session may look at, as one value: what a detector takes.

Here: the value, and questions that several detectors ask of it. Not here: the detectors, nor where it comes from
(``judge``).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from tradematrix_pipelines.candles.frame import instants
from tradematrix_pipelines.markets.sessions import Instants, Session, to_instant
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.bars import Floats, SessionBars
from tradematrix_pipelines.quality.findings import Finding
from tradematrix_pipelines.quality.history import History
from tradematrix_pipelines.quality.summary import SessionSummary
from tradematrix_pipelines.quality.thresholds import Thresholds

PAUSE = timedelta(hours=2)
"""The longest pause between two sessions over which a price goes on as it does between bars."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of a session and of those beside it.

    Attributes:
        bars: the session's candles, one at least.
        summary: the same in short.
        history: accepted sessions before it.
        unaccepted: sessions since the last accepted one, ascending, that were doubtful or refused.
        rejected: the session's rejected bars, as ``candles.screen`` returns them: raw values and a ``reason``.
        outside: sound bars of the same answer that lie in no session (``candles.frame``).
        session_before: the calendar's session before it; ``session_after``: the one after it.
        following: the session after it in short, where that is known already.
        coarser: the vendor's own coarser intraday bars of the session, by timeframe.
        official: the vendor's official day, one row; ``None`` where it gives none.
        finer_by_date: of a daily bar: the finest complete candles of sessions in short, its own and others, by trade
            date.
    """

    bars: SessionBars
    summary: SessionSummary
    session: Session
    timeframe: Timeframe
    symbol: Symbol
    thresholds: Thresholds
    history: History
    unaccepted: tuple[SessionSummary, ...]
    rejected: pd.DataFrame
    outside: pd.DataFrame
    session_before: Session | None
    session_after: Session | None
    following: SessionSummary | None
    coarser: Mapping[Timeframe, pd.DataFrame]
    official: pd.DataFrame | None
    finer_by_date: Mapping[date, SessionSummary] = field(default_factory=dict)

    @property
    def finer(self) -> SessionSummary | None:
        """The finest complete candles of a daily bar's own session in short; ``None`` where there are none."""
        return self.finer_by_date.get(self.session.trade_date)

    @cached_property
    def minutes(self) -> int:
        """Length of a bar.

        Raises:
            ValueError: the daily timeframe.
        """
        if self.timeframe.minutes is None:
            msg = "a daily bar has no length in minutes"
            raise ValueError(msg)
        return self.timeframe.minutes

    @cached_property
    def closes(self) -> np.datetime64:
        """The session's close."""
        return to_instant(self.session.closes_at)

    @cached_property
    def pause(self) -> timedelta | None:
        """Time from the close of the last accepted session to this one's open; ``None`` without one."""
        last = self.history.last
        return None if last is None else self.session.opens_at - last.closes_at

    @property
    def goes_on(self) -> bool:
        """Whether this session goes on where the last accepted one ended, after two hours at most."""
        return self.pause is not None and self.pause <= PAUSE

    def by_history(self, warm: float, cold: float) -> float:
        """Return the threshold that applies: ``cold`` while there are too few sessions to know what is usual."""
        return cold if self.history.is_cold else warm


Detector = Callable[[Evidence], Iterator[Finding]]
"""Judges one aspect of a session, and yields what it noticed."""


def log_ranges(rows: pd.DataFrame) -> tuple[Instants, Floats]:
    """Return the opens and log ranges of rows (``candles.frame``)."""
    ranges = np.log(rows["high"].to_numpy() / rows["low"].to_numpy())
    return instants(rows["ts"]), ranges
