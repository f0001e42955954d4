"""Looking twice at a doubtful session before a person is asked: the vendor's coarser bars, then the other vendors.

The first look, asking the same vendor again, is the fetch that this follows. Not here: when it is done
(``automation.backlog``), nor how two looks are compared (``quality.second_look``).
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tradematrix_pipelines.candles.coverage import Status, Verdict
from tradematrix_pipelines.candles.covering import cover_many
from tradematrix_pipelines.candles.screen import Screened
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.judging import SessionJudge, covered
from tradematrix_pipelines.ingest.one_session import comparable_timeframes, fetch_session
from tradematrix_pipelines.ingest.progress import Progress
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe
from tradematrix_pipelines.quality.bars import SessionBars
from tradematrix_pipelines.quality.findings import Kind, Severity
from tradematrix_pipelines.quality.judge import Judgement
from tradematrix_pipelines.quality.second_look import compare
from tradematrix_pipelines.quality.summary import SessionSummary, summarize
from tradematrix_pipelines.quality.thresholds import Thresholds
from tradematrix_pipelines.vendors.errors import VendorError
from tradematrix_pipelines.vendors.protocol import Vendor

_COARSEST = INTRADAY[-1]
"""The coarser bars that are asked for: a call has a whole session, and more."""

_logger = logging.getLogger(__name__)


class SecondLook:
    """Looks again at one symbol's doubtful sessions."""

    def __init__(
        self,
        vendors: Sequence[Vendor],
        symbol: Symbol,
        *,
        judge: SessionJudge,
        now: datetime,
        purpose: str,
        progress: Progress,
    ) -> None:
        """Prepare to look; ``progress`` is updated with each call."""
        self._vendors, self._symbol, self._judge = vendors, symbol, judge
        self._now, self._purpose, self._progress = now, purpose, progress

    def settle(self, batch: SeriesBatch, sessions: Sequence[Session]) -> SeriesBatch:
        """Return ``batch`` with those of its doubtful ``sessions`` accepted on which two looks agree."""
        judgements = dict(batch.judgements)
        for session in sessions:
            judgement = judgements.get(session.trade_date)
            if judgement is None or judgement.verdict is not Verdict.DOUBTFUL:
                continue
            judgements[session.trade_date] = self._look(batch, session, judgement)
            self._judge.amend(batch.timeframe, judgements[session.trade_date])
        return replace(
            batch,
            judgements=judgements,
            coverage=tuple(covered(row, judgements) for row in batch.coverage),
        )

    def _look(self, batch: SeriesBatch, session: Session, judgement: Judgement) -> Judgement:
        by_name = {vendor.name: vendor for vendor in self._vendors}
        doubts = {finding.kind for finding in judgement.findings if finding.severity is Severity.DOUBT}
        if doubts == {Kind.HIDDEN_EXTREME} and batch.source in by_name and batch.timeframe is not _COARSEST:
            judgement = self._with_coarser_bars(by_name[batch.source], batch, session) or judgement
        if judgement.verdict is Verdict.DOUBTFUL:
            for vendor in self._vendors:
                other = None if vendor.name == batch.source else self._summary(vendor, batch.timeframe, session)
                if other is not None:
                    compared = compare(
                        judgement,
                        other,
                        vendor=vendor.name,
                        tick_size=self._symbol.tick_size,
                        thresholds=Thresholds.with_overrides(self._symbol.thresholds),
                    )
                    # That another vendor has the same prices says nothing of their units.
                    return replace(compared, verdict=judgement.verdict) if Kind.SPLIT in doubts else compared
        return judgement

    def _with_coarser_bars(self, vendor: Vendor, batch: SeriesBatch, session: Session) -> Judgement | None:
        """Return the judgement with the vendor's coarser bars beside, ``None`` where it has none."""
        screened = self._fetch(vendor, _COARSEST, session)
        if screened is None:
            return None
        judgements = self._judge.judge(
            batch.coverage,
            batch.candles,
            timeframe=batch.timeframe,
            sessions=[session],
            rejected=batch.rejected,
            coarser={_COARSEST: screened.candles},
        )
        return judgements.get(session.trade_date)

    def _summary(self, vendor: Vendor, timeframe: Timeframe, session: Session) -> SessionSummary | None:
        """Return another vendor's session in short, ``None`` where it has not the whole of it."""
        for name in comparable_timeframes(vendor, self._symbol, timeframe, session.trade_date):
            screened = self._fetch(vendor, name, session)
            if screened is None:
                return None
            [row] = cover_many(
                screened.candles["ts"],
                timeframe=name,
                sessions=[session],
                now=self._now,
                gap_tolerance=self._symbol.gap_tolerance,
            )
            if row.status is Status.COMPLETE and row.received:
                return summarize(SessionBars.of(screened.candles, session, name), session, name)
        return None

    def _fetch(self, vendor: Vendor, timeframe: Timeframe, session: Session) -> Screened | None:
        fetched = fetch_session(
            vendor,
            self._symbol,
            timeframe,
            session,
            now=self._now,
            purpose=self._purpose,
            progress=self._progress,
        )
        if isinstance(fetched, VendorError):
            _logger.warning(
                "%s %s: no second look at %s: %s", self._symbol.name, timeframe, session.trade_date, fetched
            )
            return None
        return fetched
