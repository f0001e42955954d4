"""Judging one symbol's sessions as they arrive, by those stored before and by those of the same ingestion.

Here: which sessions are judged together, and what each is judged by. Not here: the judgement (``quality``), what
becomes of a refused session (``sessions``, ``failover``), or where judgements are stored (``storage.judgements``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from tradematrix_pipelines.candles.coverage import Coverage, Status, Verdict
from tradematrix_pipelines.candles.frame import empty_candles, instants
from tradematrix_pipelines.candles.placement import spans
from tradematrix_pipelines.markets.calendars import SessionCalendar
from tradematrix_pipelines.markets.session_table import BeyondCalendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.splits import factor
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe
from tradematrix_pipelines.markets.units import units_of_day
from tradematrix_pipelines.quality.constant_shift import ConstantShift, constant_shift
from tradematrix_pipelines.quality.judge import Beside, Judgement, judge_in_order
from tradematrix_pipelines.quality.summary import SessionSummary
from tradematrix_pipelines.quality.thresholds import Thresholds

HISTORY = timedelta(days=60)
"""How long before the first session summaries are read: twenty sessions and a long hole."""

Past = Mapping[tuple[Timeframe, date], tuple[SessionSummary, Verdict]]
"""Judged sessions of a symbol in short, with their verdicts, by timeframe and trade date."""

Prices = tuple[float, float, float, float]
"""Open, high, low and close of a session."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What is stored of a symbol's judged sessions.

    Attributes:
        read: returns those between two trade dates, both included.
        accepted: sessions that a person has accepted, with their prices at that time: other prices are judged anew.
        stored_at: returns when the daily candles between two trade dates got their values, by trade date.
    """

    read: Callable[[date, date], Past] = lambda *_: {}
    accepted: Mapping[tuple[Timeframe, date], Prices] = field(default_factory=dict)
    stored_at: Callable[[date, date], Mapping[date, datetime]] = lambda *_: {}


class SessionJudge:
    """Judges sessions of one symbol; each is then history of those after it."""

    def __init__(
        self, symbol: Symbol, *, calendar: SessionCalendar, dates: Sequence[date], record: Record, now: datetime
    ) -> None:
        """``dates``: the trade dates that may be judged, ascending."""
        self._symbol, self._calendar, self._record, self._now = symbol, calendar, record, now
        self._thresholds = Thresholds.with_overrides(symbol.thresholds)
        self._past = dict(record.read(dates[0] - HISTORY, dates[-1])) if dates else {}
        splits = dates and symbol.splits
        self._stored_at = dict(record.stored_at(dates[0] - HISTORY, dates[-1])) if splits else {}

    def judge(
        self,
        coverage: Iterable[Coverage],
        candles: pd.DataFrame,
        *,
        timeframe: Timeframe,
        sessions: Sequence[Session],
        rejected: pd.DataFrame | None = None,
        raw: pd.DataFrame | None = None,
        official: pd.DataFrame | None = None,
        coarser: Mapping[Timeframe, pd.DataFrame] | None = None,
        shift: ConstantShift | None = None,
        stored: bool = False,
    ) -> dict[date, Judgement]:
        """Judge the sessions that are complete and final, by trade date; others have no judgement.

        Args:
            coverage: of ``sessions``.
            sessions: those that ``candles`` is about, ascending.
            rejected: their rejected bars; ``raw``: all bars of the answer; ``official``: official days stored of them;
                ``coarser``: the vendor's own coarser bars of them; ``shift``: by how much all stamps of the answer are
                off.
            stored: whether the candles were stored before, instead of being fetched now.
        """
        complete = {row.trade_date for row in coverage if row.status is Status.COMPLETE and row.final}
        if timeframe is Timeframe.D1 and not stored:
            self._stored_at |= dict.fromkeys(complete, self._now)
        beside = Beside(
            shift=shift,
            rejected=empty_candles().assign(reason="") if rejected is None else rejected,
            outside=empty_candles() if raw is None else _outside(raw, sessions, timeframe),
            official=official,
            coarser=coarser or {},
            finer=self._finest_since(complete) if timeframe is Timeframe.D1 else {},
        )
        judgements: dict[date, Judgement] = {}
        for run in self._contiguous(timeframe, [session for session in sessions if session.trade_date in complete]):
            of_run = self._judge_run(run, candles, timeframe, beside)
            self._past |= {(timeframe, day): (row.summary, row.verdict) for day, row in of_run.items()}
            judgements |= of_run
        return judgements

    def find_shift(self, raw: pd.DataFrame, sessions: Sequence[Session], timeframe: Timeframe) -> ConstantShift | None:
        """Return by how much all stamps of an answer are off, where they are (``quality.constant_shift``)."""
        if timeframe.minutes is None or not sessions:
            return None
        between = self._calendar.sessions(sessions[0].trade_date, sessions[-1].trade_date)
        return constant_shift(np.sort(instants(raw["ts"].dropna())), between, minutes=timeframe.minutes)

    def amend(self, timeframe: Timeframe, judgement: Judgement) -> None:
        """Take in a judgement that a second look has changed."""
        self._past[timeframe, judgement.summary.trade_date] = judgement.summary, judgement.verdict

    def _judge_run(
        self, run: Sequence[Session], candles: pd.DataFrame, timeframe: Timeframe, beside: Beside
    ) -> dict[date, Judgement]:
        before, after = self._neighbour(run[0], later=False), self._neighbour(run[-1], later=True)
        following = None if after is None else self._following(timeframe, after.trade_date, run[-1].trade_date)
        history, unaccepted = self._history(timeframe, run[0].trade_date)
        return judge_in_order(
            candles,
            symbol=self._symbol,
            timeframe=timeframe,
            sessions=run,
            history=history,
            unaccepted=unaccepted,
            beside=replace(
                beside,
                session_before=before,
                session_after=after,
                following=following,
            ),
            thresholds=self._thresholds,
            is_accepted=lambda summary: self._is_accepted(timeframe, summary),
        )

    def _is_accepted(self, timeframe: Timeframe, summary: SessionSummary) -> bool:
        prices = summary.open, summary.high, summary.low, summary.close
        return self._record.accepted.get((timeframe, summary.trade_date)) == prices

    def _history(self, timeframe: Timeframe, day: date) -> tuple[list[SessionSummary], list[SessionSummary]]:
        """Return the accepted sessions before ``day``, and the others since the last of these, ascending.

        All are in the units of ``day``.
        """
        accepted: list[SessionSummary] = []
        since: list[SessionSummary] = []
        for (name, earlier), (summary, verdict) in sorted(self._past.items(), key=lambda item: item[0][1]):
            if name is not timeframe or earlier >= day:
                continue
            if verdict is Verdict.ACCEPTED:
                accepted.append(self._in_units_of(day, timeframe, summary))
                since.clear()
            else:
                since.append(self._in_units_of(day, timeframe, summary))
        return accepted, since

    def _following(self, timeframe: Timeframe, after: date, day: date) -> SessionSummary | None:
        """Return the session ``after``, where it is accepted already, in the units of ``day``."""
        known = self._past.get((timeframe, after))
        if known is None or known[1] is not Verdict.ACCEPTED:
            return None
        return self._in_units_of(day, timeframe, known[0])

    def _in_units_of(self, day: date, timeframe: Timeframe, summary: SessionSummary) -> SessionSummary:
        units = self._units_between(timeframe, summary.trade_date, day)
        return summary if units == 1 else summary.divided(units)

    def _units_between(self, timeframe: Timeframe, before: date, after: date) -> float:
        """Return how many units of the session ``after`` one of the session ``before`` is."""
        units = [self._units_of(timeframe, day) for day in (before, after)]
        return factor(self._symbol.splits, after=units[0], until=units[1])

    def _units_of(self, timeframe: Timeframe, day: date) -> date:
        if timeframe is not Timeframe.D1:
            return day
        return units_of_day(self._symbol, day, self._stored_at.get(day), self._calendar)

    def _finest_since(self, days: AbstractSet[date]) -> dict[date, SessionSummary]:
        """Return the finest candles in short of these days, and of all later ones that are known."""
        first = min(days, default=date.max)
        return self._finest(days | {day for _, day in self._past if day > first})

    def _finest(self, days: Iterable[date]) -> dict[date, SessionSummary]:
        """Return each session's finest candles in short, where any of its intraday candles were judged."""
        finest = {}
        for day in days:
            judged = (self._past.get((timeframe, day)) for timeframe in INTRADAY)
            stored = (row[0] for row in judged if row is not None and row[1] is not Verdict.REFUSED)
            if (summary := next(stored, None)) is not None:
                finest[day] = summary
        return finest

    def _contiguous(self, timeframe: Timeframe, sessions: Sequence[Session]) -> Iterator[list[Session]]:
        """Yield the runs of sessions in the same units, between which the calendar has no other."""
        run: list[Session] = []
        for session in sessions:
            if run and not self._continues(timeframe, run[-1], session):
                yield run
                run = []
            run.append(session)
        if run:
            yield run

    def _continues(self, timeframe: Timeframe, before: Session, session: Session) -> bool:
        if self._neighbour(before, later=True) != session:
            return False
        return self._units_between(timeframe, before.trade_date, session.trade_date) == 1

    def _neighbour(self, session: Session, *, later: bool) -> Session | None:
        try:
            return self._calendar.next(session.trade_date) if later else self._calendar.previous(session.trade_date)
        except BeyondCalendar:
            return None


def covered(row: Coverage, judgements: Mapping[date, Judgement]) -> Coverage:
    """Return the coverage of a session with its verdict, where it has one."""
    judgement = judgements.get(row.trade_date)
    return row if judgement is None else replace(row, verdict=judgement.verdict, doubt=judgement.doubt)


def like_finer(row: Coverage, finer: Coverage | None) -> Coverage:
    """Return the coverage of a session's coarser series with what is thought of the finer one, where that is known."""
    return row if finer is None else replace(row, verdict=finer.verdict, doubt=finer.doubt)


def _outside(raw: pd.DataFrame, sessions: Sequence[Session], timeframe: Timeframe) -> pd.DataFrame:
    rows = raw[raw["ts"].notna()]
    outside: pd.DataFrame = rows[spans(sessions).locate_raw(instants(rows["ts"]), timeframe) < 0]
    return outside
