"""Quarantined bars on their way back: screened and judged again, as if the vendor had sent them now.

Here: which bars of a session become candles, and what is thought of the session then. Not here: the quarantine and the
writing (``storage.releasing``), or what makes a bar sound (``candles.screen``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time

import numpy as np
import pandas as pd

from tradematrix_pipelines.candles.coverage import Coverage, Status, Verdict
from tradematrix_pipelines.candles.covering import cover_many
from tradematrix_pipelines.candles.frame import TS_DTYPE, instants
from tradematrix_pipelines.candles.placement import spans
from tradematrix_pipelines.candles.screen import Reason, Screened, screen
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.batches import BatchMaker
from tradematrix_pipelines.ingest.judging import Record, SessionJudge, covered
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity
from tradematrix_pipelines.quality.judge import Judgement

_RELEASED = Finding(
    kind=Kind.RELEASED,
    severity=Severity.DOUBT,
    value=1.0,
    threshold=0.0,
    message="the whole session was refused, and released from quarantine: a person has to say that it is right",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Quarantined:
    """Bars of one series, session and vendor that are to be released, and what is stored of their session.

    Attributes:
        bars: columns of ``candles.frame``, and ``id`` and ``reason`` of the quarantine.
        others: bars of the same answer that stay in quarantine, with the same columns.
        stored: coverage of the session, ``None`` where there is none; ``candles``: its stored candles.
        was_refused: whether the stored session was refused once, and released since.
    """

    symbol: Symbol
    timeframe: Timeframe
    session: Session
    source: str
    bars: pd.DataFrame
    others: pd.DataFrame
    stored: Coverage | None
    candles: pd.DataFrame
    was_refused: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether it is a session that was refused as a whole, now or before its release."""
        return self.was_refused or bool((self.bars["reason"] == Reason.REFUSED).any())


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """What becomes of quarantined bars.

    Attributes:
        batches: what is to be stored, the series of the bars first; empty where no bar is released.
        stays: why a bar stays in quarantine, by its id.
    """

    batches: tuple[SeriesBatch, ...] = ()
    stays: Mapping[int, str] = field(default_factory=dict)


def release(quarantined: Quarantined, *, judge: SessionJudge, record: Record, now: datetime) -> Release:
    """Screen and judge the bars together with what is stored of their session.

    A session that was refused as a whole is doubtful at best, unless a person has accepted it with these prices.
    """
    reason = _obstacle(quarantined, now)
    if reason is not None:
        return _all_stay(quarantined, reason)
    chosen, stays = _candidates(quarantined)
    screened = _screened(quarantined, chosen, now)
    if set(quarantined.candles["ts"]) - set(screened.candles["ts"]):
        return _all_stay(quarantined, "beside it, stored candles would fail the screening")
    passed = set(screened.candles["ts"])
    times = _candle_times(quarantined, chosen)
    sound = [ts in passed for ts in times]
    failures = dict(zip(screened.rejected["ts"], screened.rejected["reason"], strict=True))
    for row_id, ts, is_sound in zip(chosen["id"], chosen["ts"], sound, strict=True):
        if not is_sound:
            stays[int(row_id)] = failures.get(ts, "it is outside the session")
    released = frozenset(int(row_id) for row_id, is_sound in zip(chosen["id"], sound, strict=True) if is_sound)
    if not released:
        return Release(stays=stays)
    batch = _batch(quarantined, screened, judge=judge, record=record, now=now)
    if batch.coverage[0].verdict is Verdict.REFUSED:
        return _all_stay(quarantined, f"its session still can't be true: {batch.coverage[0].doubt}")
    coarser = _coarser(batch, quarantined.session, now=now)
    return Release(batches=(replace(batch, released=released), *coarser), stays=stays)


def _obstacle(quarantined: Quarantined, now: datetime) -> str | None:
    """Return why none of the bars can be released, whatever their values."""
    stored = quarantined.stored
    if quarantined.session.closes_at > now:
        return "its session is still open: pulls bring its bars again"
    if stored is None or not stored.received:
        return None
    if stored.is_pruned:
        return "the candles of its session were pruned: fetch them again with `tradematrix backfill … --refresh`"
    if stored.source != quarantined.source:
        return f"its session is stored from {stored.source}, and a session is from one vendor"
    if (quarantined.bars["reason"] == Reason.REFUSED).any():
        return "its session is stored from another answer of the vendor"
    return None


def _all_stay(quarantined: Quarantined, reason: str) -> Release:
    return Release(stays={int(row_id): reason for row_id in quarantined.bars["id"]})


def _candidates(quarantined: Quarantined) -> tuple[pd.DataFrame, dict[int, str]]:
    """Return the bars that may become candles, raw, and why each of the others stays."""
    bars = quarantined.bars
    if quarantined.timeframe is Timeframe.D1:
        midnight = datetime.combine(quarantined.session.trade_date, time(), UTC)
        bars = bars.assign(ts=pd.Series(midnight, index=bars.index).astype(TS_DTYPE))
    taken = pd.Series(_candle_times(quarantined, bars), index=bars.index).isin(quarantined.candles["ts"])
    stays = {int(row_id): "a candle is stored for its time" for row_id in bars.loc[taken, "id"]}
    bars = bars[~taken]
    # A vendor that was refused twice may have sent other values the second time: the later ones count.
    earlier = (bars["reason"] == Reason.REFUSED) & bars.duplicated(["ts", "reason"], keep="last")
    stays |= {int(row_id): "later bars of its time are in quarantine" for row_id in bars.loc[earlier, "id"]}
    return bars[~earlier], stays


def _candle_times(quarantined: Quarantined, bars: pd.DataFrame) -> list[pd.Timestamp]:
    """Return the ``ts`` that each bar has as a candle."""
    if quarantined.timeframe is Timeframe.D1:
        return [pd.Timestamp(quarantined.session.opens_at)] * len(bars)
    return list(bars["ts"])


def _screened(quarantined: Quarantined, chosen: pd.DataFrame, now: datetime) -> Screened:
    candles, session = quarantined.candles, quarantined.session
    if quarantined.timeframe is Timeframe.D1 and len(candles):
        candles = candles.assign(ts=pd.Timestamp(datetime.combine(session.trade_date, time(), UTC)))
    # What passed once and reaches past the close was cut there by the vendor, and so were the bars of the same answer.
    sound = pd.concat([candles["ts"], chosen.loc[chosen["reason"] == Reason.REFUSED, "ts"]])
    where, times = spans([session]), instants(sound.astype(TS_DTYPE))
    index = np.zeros(len(times), dtype=np.intp)
    return screen(
        pd.concat([rows for rows in (candles, chosen) if len(rows)] or [chosen], ignore_index=True),
        timeframe=quarantined.timeframe,
        sessions=[session],
        now=now,
        price_range=quarantined.symbol.price_range,
        cut_at_close=bool(where.reach_out(times, index, quarantined.timeframe).any()),
    )


def _batch(
    quarantined: Quarantined, screened: Screened, *, judge: SessionJudge, record: Record, now: datetime
) -> SeriesBatch:
    timeframe, session = quarantined.timeframe, quarantined.session
    rejected = [rows for rows in (screened.rejected, quarantined.others) if len(rows)]
    beside = pd.concat(rejected, ignore_index=True) if rejected else screened.rejected
    [row] = cover_many(
        screened.candles["ts"],
        timeframe=timeframe,
        sessions=[session],
        now=now,
        gap_tolerance=quarantined.symbol.gap_tolerance,
        rejected=beside["ts"],
        source=quarantined.source,
    )
    if quarantined.stored is not None:
        row = replace(row, outside=quarantined.stored.outside)
    judgements = judge.judge([row], screened.candles, timeframe=timeframe, sessions=[session], rejected=beside)
    row = covered(row, judgements)
    if quarantined.is_refused:
        row, judgements = _doubted(row, judgements, record)
        for judgement in judgements.values():
            judge.amend(timeframe, judgement)
    return SeriesBatch(
        symbol=quarantined.symbol,
        timeframe=timeframe,
        candles=screened.candles,
        coverage=(row,),
        source=quarantined.source,
        judgements=judgements,
    )


def _doubted(
    row: Coverage, judgements: Mapping[date, Judgement], record: Record
) -> tuple[Coverage, dict[date, Judgement]]:
    """Return a session that was refused once: doubtful, unless it is refused again, or accepted by a person."""
    judgement = judgements.get(row.trade_date)
    if judgement is None:
        return replace(row, verdict=Verdict.DOUBTFUL, doubt=_RELEASED.message), {}
    own = judgement.summary
    by_person = record.accepted.get((row.timeframe, row.trade_date)) == (own.open, own.high, own.low, own.close)
    if judgement.verdict is not Verdict.REFUSED and not by_person:
        findings = (*judgement.findings, _RELEASED)
        judgement = replace(judgement, verdict=Verdict.DOUBTFUL, findings=findings)
    amended = {row.trade_date: judgement}
    return covered(row, amended), amended


def _coarser(batch: SeriesBatch, session: Session, *, now: datetime) -> Sequence[SeriesBatch]:
    """Return the coarser series of a session that is complete now, made of its candles."""
    [row] = batch.coverage
    if row.status is not Status.COMPLETE:
        return []
    maker = BatchMaker(batch.symbol, preferred=batch.source, now=now)
    order = list(Timeframe)
    names = order[order.index(batch.timeframe) + 1 :]
    return [
        maker.resampled(
            batch.candles, batch.source, name, [session], base=batch.timeframe, finer_coverage=batch.coverage
        )
        for name in names
        if name is not Timeframe.D1 or batch.symbol.quotes_all_day
    ]
