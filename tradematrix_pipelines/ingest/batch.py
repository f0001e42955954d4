"""Candles on their way from a vendor to the tables: what one transaction stores, all or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Self

import pandas as pd

from tradematrix_pipelines.candles.coverage import Coverage, Status
from tradematrix_pipelines.candles.frame import empty_candles
from tradematrix_pipelines.candles.screen import Reason
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.judge import Judgement


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesBatch:
    """Whole sessions of one series.

    Attributes:
        candles: screened candles (``candles.frame``).
        rejected: candles that failed screening, with their raw values and a ``reason`` column.
        coverage: one entry per session that ``candles`` is about, closed days included.
        source: vendor that served the candles.
        judgements: what is thought of the sessions that were judged, by trade date. A refused one has neither candles
            nor coverage: another vendor may serve it.
        whole: whether ``candles`` is all that the vendor has of these sessions, so that any other stored candle of them
            is removed. A live pull brings a part of a session, and removes nothing.
        released: ids of the quarantined bars that are among the candles: storing these takes them out of quarantine.
    """

    symbol: Symbol
    timeframe: Timeframe
    candles: pd.DataFrame = field(default_factory=empty_candles)
    rejected: pd.DataFrame = field(default_factory=lambda: empty_candles().assign(reason=""))
    coverage: tuple[Coverage, ...] = ()
    source: str
    judgements: Mapping[date, Judgement] = field(default_factory=dict)
    whole: bool = True
    released: frozenset[int] = frozenset()

    def only(self, coverage: Sequence[Coverage]) -> Self:
        """Return the part of the batch that is about the sessions of ``coverage``."""
        return replace(
            self,
            candles=_inside(self.candles, coverage),
            rejected=_inside(self.rejected, coverage, by_date=self.timeframe is Timeframe.D1),
            coverage=tuple(coverage),
            judgements={
                row.trade_date: self.judgements[row.trade_date] for row in coverage if row.trade_date in self.judgements
            },
        )

    def refused(self, coverage: Sequence[Coverage]) -> Self:
        """Return the sessions of ``coverage`` on their way to quarantine: every bar rejected, nothing to be stored."""
        part = self.only(coverage)
        whole = part.candles.assign(reason=str(Reason.REFUSED))
        rejected = pd.concat([rows for rows in (part.rejected, whole) if len(rows)], ignore_index=True)
        return replace(part, candles=empty_candles(), rejected=rejected, coverage=())


def _inside(rows: pd.DataFrame, coverage: Sequence[Coverage], *, by_date: bool = False) -> pd.DataFrame:
    """Return the rows of these sessions; ``by_date``: those of a vendor's days are stamped with their date, too."""
    inside = pd.Series(data=False, index=rows.index)
    for session in coverage:
        if session.status is Status.CLOSED:
            continue
        inside |= (rows["ts"] >= session.opens_at) & (rows["ts"] < session.closes_at)
        if by_date:
            inside |= rows["ts"] == pd.Timestamp(session.trade_date, tz="UTC")
    return rows[inside].reset_index(drop=True)
