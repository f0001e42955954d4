"""Which series serves which timeframe, and what has to be asked for. Pure: this rule is defined here only.

A coarser timeframe comes from the finest finer series that is complete, stored or just fetched, at no cost. Where
there is none, its own bars are asked for. Where these can't serve either (the vendor has none, or they are not
complete), the finer series not asked for yet are fetched, the coarsest first, because it takes the fewest calls. The
daily bar of an exchange-traded symbol is the vendor's official one. That of other symbols is derived from their
session's candles.

``sessions`` executes a plan; ``pricing`` executes it without calls, to count them. Both report the outcome of each step
with :meth:`FetchPlan.record`, which determines the steps after it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, auto

from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe


class Answer(Enum):
    """The outcome of one session of a series that was asked for."""

    COMPLETE = auto()
    INCOMPLETE = auto()
    """Some bars are there, or the vendor has none of this series: finer ones may serve."""
    EMPTY = auto()
    """There is no bar, or the call failed: finer bars would not be there either."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask for the series ``timeframe`` of these sessions, ascending."""

    timeframe: Timeframe
    sessions: tuple[Session, ...]


@dataclass(frozen=True, slots=True)
class Derive:
    """Derive what the stored series ``base`` serves of these sessions, ascending (:meth:`FetchPlan.served_by`)."""

    base: Timeframe
    sessions: tuple[Session, ...]


Step = Fetch | Derive


def is_due(session: Session, timeframe: Timeframe, now: datetime) -> bool:
    """Return whether a session can have bars of ``timeframe``: intraday ones once open, the daily one once closed."""
    return now >= (session.closes_at if timeframe is Timeframe.D1 else session.opens_at)


class FetchPlan:
    """The steps that bring in one symbol's sessions, for the fewest credits."""

    def __init__(
        self,
        symbol: Symbol,
        *,
        wanted: Mapping[Timeframe, Collection[date]],
        stored: Mapping[Timeframe, Collection[date]],
        sessions: Sequence[Session],
        has_days: Callable[[date], bool],
        now: datetime,
    ) -> None:
        """Plan to bring in ``wanted``, as far as it is due.

        Args:
            wanted: trade dates to bring in, by timeframe.
            stored: trade dates that are stored complete and final, and not wanted again.
            sessions: all sessions of the calendar from the first to the last date wanted, ascending.
            has_days: whether the preferred vendor has official daily bars of a date, as far as is known without a call.
        """
        self._symbol, self._sessions, self._has_days, self._now = symbol, sessions, has_days, now
        self._wanted = {timeframe: frozenset(dates) for timeframe, dates in wanted.items()}
        self._complete = {timeframe: set(stored.get(timeframe, ())) for timeframe in INTRADAY}
        self._served: dict[Timeframe, set[date]] = defaultdict(set)
        self._answers: dict[tuple[Timeframe, date], Answer] = {}

    def steps(self) -> Iterator[Step]:
        """Yield what is to be done next; each step has to be recorded before the next one is asked for."""
        for timeframe in Timeframe:
            for base in _finer(timeframe):
                if ready := [
                    session for session in self._pending(timeframe) if self._can_derive(timeframe, base, session)
                ]:
                    yield Derive(base, tuple(ready))
            if own := [session for session in self._pending(timeframe) if self._has_own(timeframe, session)]:
                yield Fetch(timeframe, tuple(own))
            for finer in reversed(_finer(timeframe)):
                if rest := [
                    session for session in self._pending(timeframe) if self._may_serve(finer, timeframe, session)
                ]:
                    yield Fetch(finer, tuple(rest))

    def record(self, timeframe: Timeframe, answers: Mapping[date, Answer]) -> None:
        """Record the outcome of sessions that were asked for."""
        for day, answer in answers.items():
            self._answers[timeframe, day] = answer
            if answer is Answer.COMPLETE:
                self._served[timeframe].add(day)
                if timeframe is not Timeframe.D1:
                    self._complete[timeframe].add(day)

    def served_by(self, base: Timeframe, sessions: Iterable[Session]) -> dict[Timeframe, list[Session]]:
        """Return what a complete series ``base`` serves of these sessions, by timeframe, and count it as served."""
        targets: dict[Timeframe, list[Session]] = {}
        for timeframe in _coarser(base):
            pending = {session.trade_date for session in self._pending(timeframe)}
            if derivable := [
                session
                for session in sessions
                if session.trade_date in pending and self._can_derive(timeframe, base, session)
            ]:
                targets[timeframe] = derivable
                self._served[timeframe].update(session.trade_date for session in derivable)
        return targets

    def is_wanted(self, timeframe: Timeframe, day: date) -> bool:
        """Return whether this session of a series is to be stored, not only used to derive a coarser one."""
        return day in self._wanted.get(timeframe, ())

    def is_official(self, day: date) -> bool:
        """Return whether the daily bar of a date is the vendor's official one, not one derived."""
        return not self._symbol.quotes_all_day and self._has_days(day)

    def was_answered(self, timeframe: Timeframe, day: date) -> bool:
        """Return whether a session of a series was asked for, whatever came of it."""
        return (timeframe, day) in self._answers

    def left(self) -> dict[Timeframe, list[Session]]:
        """Return the sessions that were neither asked for nor served: days without complete finer candles."""
        unasked = {
            timeframe: [
                session for session in self._pending(timeframe) if (timeframe, session.trade_date) not in self._answers
            ]
            for timeframe in Timeframe
        }
        return {timeframe: sessions for timeframe, sessions in unasked.items() if sessions}

    def _pending(self, timeframe: Timeframe) -> list[Session]:
        dates = self._wanted.get(timeframe, frozenset()) - self._served[timeframe]
        return [
            session
            for session in self._sessions
            if session.trade_date in dates and is_due(session, timeframe, self._now)
        ]

    def _can_derive(self, timeframe: Timeframe, base: Timeframe, session: Session) -> bool:
        return session.trade_date in self._complete[base] and not self._is_official(timeframe, session)

    def _is_official(self, timeframe: Timeframe, session: Session) -> bool:
        return timeframe is Timeframe.D1 and self.is_official(session.trade_date)

    def _has_own(self, timeframe: Timeframe, session: Session) -> bool:
        if (timeframe, session.trade_date) in self._answers:
            return False
        return timeframe is not Timeframe.D1 or self._is_official(timeframe, session)

    def _may_serve(self, finer: Timeframe, timeframe: Timeframe, session: Session) -> bool:
        day = session.trade_date
        if self._is_official(timeframe, session) or (finer, day) in self._answers:
            return False
        own = [self._answers[other, day] for other in (*_finer(timeframe), timeframe) if (other, day) in self._answers]
        return Answer.EMPTY not in own


def _finer(timeframe: Timeframe) -> tuple[Timeframe, ...]:
    """Return the intraday timeframes finer than this one, finest first."""
    return tuple(finer for finer in INTRADAY if finer.minutes and finer.minutes < (timeframe.minutes or _DAY))


def _coarser(timeframe: Timeframe) -> list[Timeframe]:
    return [coarser for coarser in Timeframe if timeframe in _finer(coarser)]


_DAY = 24 * 60
