"""The judgement of a session: every detector on the evidence, and the verdict that follows.

Here: the list of detectors, and one session or many in order. Not here: a detector (the modules beside), the thresholds
(``thresholds``), or what becomes of a doubtful session.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.candles.frame import PRICES, empty_candles, instants
from tradematrix_pipelines.markets.sessions import Session, to_instant
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality import days, moves, presence, reconcile, scale, single_bars, time_of_day, values
from tradematrix_pipelines.quality.bars import SessionBars
from tradematrix_pipelines.quality.constant_shift import ConstantShift
from tradematrix_pipelines.quality.evidence import Detector, Evidence, log_ranges
from tradematrix_pipelines.quality.findings import Finding, Severity, verdict
from tradematrix_pipelines.quality.history import History
from tradematrix_pipelines.quality.summary import SessionSummary, summarize
from tradematrix_pipelines.quality.thresholds import DEFAULTS, Thresholds

INTRADAY: tuple[Detector, ...] = (
    single_bars.wicks,
    single_bars.first_bar,
    single_bars.last_bar,
    moves.jumps,
    moves.drift,
    moves.order,
    scale.scale,
    scale.gap,
    scale.wide_range,
    scale.next_session,
    scale.lasting_change,
    values.repeats,
    values.freeze,
    values.grid,
    presence.density,
    presence.edges,
    presence.hidden_extremes,
    time_of_day.time_shift,
    time_of_day.weekend,
    time_of_day.bar_end_stamps,
    reconcile.coarser_bars,
    reconcile.official_day,
)
"""Detectors of a session's intraday bars, in the order of their findings."""

DAILY: tuple[Detector, ...] = (
    scale.scale,
    scale.lasting_change,
    days.day_range,
    days.repeated_day,
    days.frozen_day,
    reconcile.own_bars,
)
"""Detectors of daily bars."""

_WEEK = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What came along with a session's candles, as far as there is any.

    Attributes:
        rejected: rejected bars, as ``candles.screen`` returns them: raw values and a ``reason``.
        outside: bars of the same answer that lie in no session (``candles.frame``), sound or not.
        session_before: the calendar's session before it; ``session_after``: the one after it.
        following: the session after it in short, where it is known already.
        coarser: the vendor's own coarser intraday bars, by timeframe (``candles.frame``).
        official: the vendor's official day, one row (``candles.frame``).
        finer: of daily bars: the finest complete candles of each session in short, and of later ones, by trade date.
        shift: by how much all stamps of the answer are off, where they are.
    """

    rejected: pd.DataFrame = field(default_factory=lambda: empty_candles().assign(reason=""))
    outside: pd.DataFrame = field(default_factory=empty_candles)
    session_before: Session | None = None
    session_after: Session | None = None
    following: SessionSummary | None = None
    coarser: Mapping[Timeframe, pd.DataFrame] = field(default_factory=dict)
    official: pd.DataFrame | None = None
    finer: Mapping[date, SessionSummary] = field(default_factory=dict)
    shift: ConstantShift | None = None


_ALONE = Beside()


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What is thought of one session.

    Attributes:
        verdict: that of the findings, or accepted by a person in spite of them.
        cold: whether there were too few accepted sessions to know what is usual.
        findings: in the order of the detectors.
        summary: what later sessions are judged by, once this one is accepted.
    """

    verdict: Verdict
    cold: bool
    findings: tuple[Finding, ...]
    summary: SessionSummary

    @property
    def doubt(self) -> str | None:
        """The most severe finding, the first of these, in one line; ``None`` where it is no more than a note."""
        worst = max(self.findings, key=lambda finding: finding.severity, default=None)
        return None if worst is None or worst.severity is Severity.NOTE else f"{worst.kind}: {worst.message}"


def judge(
    candles: pd.DataFrame,
    *,
    symbol: Symbol,
    timeframe: Timeframe,
    session: Session,
    history: Sequence[SessionSummary] = (),
    unaccepted: Sequence[SessionSummary] = (),
    beside: Beside | None = None,
    thresholds: Thresholds = DEFAULTS,
) -> Judgement:
    """Judge one complete session.

    Args:
        candles: the session's candles (``candles.frame``), one at least; those of other sessions don't count.
        history: accepted sessions of the series before this one, ascending; the last 20 count.
        unaccepted: sessions since the last of these that were doubtful or refused, ascending.
        thresholds: the symbol's, see ``Thresholds.with_overrides``.

    Raises:
        ValueError: none of the candles is a bar of the session.
    """
    bars = SessionBars.of(candles, session, timeframe)
    if not len(bars):
        msg = f"session {session.trade_date} has no candle to judge"
        raise ValueError(msg)
    beside = beside or _ALONE
    outside = _sound(beside.outside)
    reference = scale.anchor(History.of(history), unaccepted, thresholds)
    evidence = Evidence(
        bars=bars,
        summary=summarize(bars, session, timeframe, outside=log_ranges(outside) if len(outside) else None),
        session=session,
        timeframe=timeframe,
        symbol=symbol,
        thresholds=thresholds,
        history=reference,
        unaccepted=tuple(past for past in unaccepted if past not in reference.sessions),
        rejected=beside.rejected,
        outside=outside,
        session_before=beside.session_before,
        session_after=beside.session_after,
        following=beside.following,
        coarser=beside.coarser,
        official=beside.official,
        finer_by_date=beside.finer,
    )
    detectors = DAILY if timeframe.minutes is None else INTRADAY
    shifted = () if beside.shift is None else (beside.shift.finding(),)
    findings = (*shifted, *(finding for detector in detectors for finding in detector(evidence)))
    return Judgement(verdict=verdict(findings), cold=reference.is_cold, findings=findings, summary=evidence.summary)


def judge_in_order(
    candles: pd.DataFrame,
    *,
    symbol: Symbol,
    timeframe: Timeframe,
    sessions: Sequence[Session],
    history: Sequence[SessionSummary] = (),
    unaccepted: Sequence[SessionSummary] = (),
    beside: Beside | None = None,
    thresholds: Thresholds = DEFAULTS,
    is_accepted: Callable[[SessionSummary], bool] = lambda *_: False,
) -> dict[date, Judgement]:
    """Judge many sessions of a series by date, each accepted one becoming history of those after it.

    Sessions without a candle have no judgement. Arguments are those of :func:`judge`.

    Args:
        candles: those of all sessions (``candles.frame``).
        sessions: complete ones, ascending.
        beside: for all sessions together: ``official`` has one row a session, whose ``ts`` is the session's open;
            ``session_before`` is that before the first, ``session_after`` and ``following`` those after the last.
        is_accepted: whether a person has accepted this session, whatever its findings.
    """
    accepted, since, judgements = list(history), list(unaccepted), {}
    whole = beside or _ALONE
    rows = _Rows(candles)
    rejected, outside = _Rows(whole.rejected), _Rows(whole.outside)
    coarser = {name: _Rows(frame) for name, frame in whole.coarser.items()}
    official = None if whole.official is None else _Rows(whole.official)
    neighbours = [whole.session_before, *sessions, whole.session_after]
    for before, session, after in zip(neighbours, sessions, neighbours[2:], strict=False):
        own = rows.within(session)
        if own.empty:
            continue
        day = None if official is None else official.within(session)
        own_beside = replace(
            whole,
            rejected=rejected.within(session),
            outside=outside.between(
                session.opens_at - _WEEK if before is None else before.closes_at,
                session.closes_at + _WEEK if after is None else after.opens_at,
            ),
            session_before=before,
            session_after=after,
            following=whole.following if session is sessions[-1] else None,
            coarser={name: frame.within(session) for name, frame in coarser.items()},
            official=None if day is None or day.empty else day,
        )
        judgement = judge(
            own,
            symbol=symbol,
            timeframe=timeframe,
            session=session,
            history=accepted,
            unaccepted=since,
            beside=own_beside,
            thresholds=thresholds,
        )
        if judgement.verdict is not Verdict.ACCEPTED and is_accepted(judgement.summary):
            judgement = replace(judgement, verdict=Verdict.ACCEPTED)
        judgements[session.trade_date] = judgement
        if judgement.verdict is Verdict.ACCEPTED:
            accepted.append(judgement.summary)
            since.clear()
        else:
            since.append(judgement.summary)
    return judgements


class _Rows:
    """Rows by time, of which parts are taken."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self._rows = rows if rows["ts"].is_monotonic_increasing else rows.sort_values("ts", kind="stable")
        self._ts = instants(self._rows["ts"])

    def within(self, session: Session) -> pd.DataFrame:
        return self.between(session.opens_at, session.closes_at)

    def between(self, start: datetime, end: datetime) -> pd.DataFrame:
        first, last = np.searchsorted(self._ts, [to_instant(start), to_instant(end)])
        part: pd.DataFrame = self._rows.iloc[first:last]
        return part


def _sound(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with finite, positive prices, whose high is not below the low."""
    if rows.empty:
        return rows
    prices = rows[PRICES].to_numpy()
    sound = np.isfinite(prices).all(axis=1) & (prices > 0).all(axis=1) & (rows["high"] >= rows["low"]).to_numpy()
    kept: pd.DataFrame = rows[sound & rows["ts"].notna().to_numpy()]
    return kept
