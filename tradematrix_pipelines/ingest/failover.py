"""Asking the next vendor for the sessions that the first one can't serve.

All bars of a session come from one vendor. When a vendor answers with another instrument than the symbol's row
describes, the next vendor is not asked: a person has to check the row first. A session that is stored complete is not
replaced by a vendor that is less preferred than the one it came from.

Here: which vendor is asked for what. Not here: the calls (``series``), sessions that no vendor served (``unfilled``),
or what becomes of the candles (``sessions``).
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import date, datetime

from tradematrix_pipelines.candles.frame import empty_candles, instants
from tradematrix_pipelines.candles.placement import spans
from tradematrix_pipelines.ingest.history import History
from tradematrix_pipelines.ingest.progress import Progress
from tradematrix_pipelines.ingest.series import Fetched, fetch_series
from tradematrix_pipelines.ingest.unfilled import Unfilled
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.credits import BACKFILL
from tradematrix_pipelines.vendors.errors import (
    BadKey,
    BadSymbol,
    DayLimit,
    NotInPlan,
    RefusedSession,
    Unavailable,
    VendorError,
    WrongInstrument,
)
from tradematrix_pipelines.vendors.protocol import CandleAnswer, HistoryStarts, Vendor

_HOPELESS = (BadKey, BadSymbol, DayLimit, NotInPlan, WrongInstrument)
"""Errors that apply to every series of a symbol, not only to the one that was asked for."""

_logger = logging.getLogger(__name__)


class SymbolFetch:
    """The fetching of one symbol's series from several vendors, the preferred one first."""

    def __init__(
        self,
        vendors: Sequence[Vendor],
        symbol: Symbol,
        *,
        sessions: Sequence[Session],
        protected: Mapping[date, AbstractSet[str]],
        now: datetime,
        purpose: str,
        progress: Progress | None = None,
        history: History | None = None,
    ) -> None:
        """Prepare to fetch.

        Args:
            sessions: all sessions of the calendar between the first and the last that will be asked for.
            protected: trade dates that are stored complete and final, with the vendors they came from.
            progress: is updated with each window.
            history: what is known of the start of the symbol's series.
        """
        self._history = history or History(symbol=symbol)
        self.vendors, self.symbol = vendors, symbol
        self._progress = progress or Progress()
        self._sessions, self._protected, self._now, self._purpose = sessions, protected, now, purpose
        self._refused: dict[str, VendorError] = {}
        """By vendor: the error after which it is not asked for this symbol any more."""
        self._implausible: dict[tuple[str, Timeframe, date], RefusedSession] = {}
        """By vendor and session: why its bars can't be true."""

    def series(self, timeframe: Timeframe, needed: Sequence[Session]) -> Iterator[Fetched]:
        """Yield the bars of ``needed`` (ascending), each session from the first vendor that serves it.

        Sessions that no vendor serves come last, with the reason.
        """
        self._progress.begin(timeframe)
        rest = Unfilled(list(needed))
        for rank, vendor in enumerate(self.vendors):
            asked = [session for session in rest.sessions if rank <= self._last_rank(session)]
            if rank and asked:
                self._log(vendor, timeframe, asked, rest.reason(asked[0]))
            rest.sessions = [session for session in rest.sessions if rank > self._last_rank(session)]
            for sessions, answer in self._ask(vendor, timeframe, asked):
                if isinstance(answer, VendorError):
                    rest.add_failed(vendor.name, sessions, answer)
                    continue
                served = self._served(sessions, answer, timeframe, preferred=rank == 0)
                if len(served) < len(sessions):
                    empty = tuple(session for session in sessions if session not in served)
                    nothing = replace(answer, candles=empty_candles()) if served else answer
                    rest.add_empty(empty, nothing, preferred=rank == 0)
                if served:
                    yield served, answer
            rest.sort()
            if not rest.sessions or isinstance(self._refused.get(vendor.name), WrongInstrument):
                break
        yield from rest.verdict()

    def refuse(self, vendor: str, timeframe: Timeframe, trade_date: date, reason: str) -> None:
        """Note that a vendor's bars of a session can't be true: it is not asked for them again."""
        error = RefusedSession(f"{vendor}'s bars of {trade_date} can't be true: {reason}")
        self._implausible[vendor, timeframe, trade_date] = error

    def _last_rank(self, session: Session) -> int:
        """Return the rank of the last vendor that may be asked: less preferred ones replace no protected session."""
        names = [vendor.name for vendor in self.vendors]
        protected = self._protected.get(session.trade_date, frozenset())
        return min((names.index(name) if name in names else 0 for name in protected), default=len(names))

    def _served(
        self, sessions: tuple[Session, ...], answer: CandleAnswer, timeframe: Timeframe, *, preferred: bool
    ) -> tuple[Session, ...]:
        """Return the sessions that an answer serves; of the others it has no bars.

        An empty answer of the preferred vendor for an open session counts as served: its bars may only be late. With a
        single vendor, so does every empty answer.
        """
        if len(self.vendors) == 1:
            return sessions
        with_bars = set(spans(sessions).locate_raw(instants(answer.candles["ts"]), timeframe).tolist())
        return tuple(
            session
            for place, session in enumerate(sessions)
            if place in with_bars or (preferred and session.closes_at > self._now)
        )

    def _log(self, vendor: Vendor, timeframe: Timeframe, asked: Sequence[Session], reason: str) -> None:
        days = f"{len(asked)} session{'s' if len(asked) > 1 else ''} from {asked[0].trade_date} on"
        _logger.warning("%s %s: %s is asked for %s: %s", self.symbol.name, timeframe, vendor.name, days, reason)

    def _ask(self, vendor: Vendor, timeframe: Timeframe, needed: Sequence[Session]) -> Iterator[Fetched]:
        """Yield one vendor's answers; without a call where the outcome is known."""
        askable = []
        self._ask_start(vendor, timeframe, needed)
        for session in needed:
            reason = self._history.unavailable_reason(vendor, timeframe, session.trade_date)
            refused = self._refused.get(vendor.name) or self._implausible.get(
                (vendor.name, timeframe, session.trade_date)
            )
            if refused is not None or reason is not None:
                yield (session,), refused or Unavailable(f"{vendor.name} {reason}")
            else:
                askable.append(session)
        if not askable:
            return
        first, last = askable[0].opens_at, askable[-1].opens_at
        between = [session for session in self._sessions if first <= session.opens_at <= last]
        fetched = fetch_series(
            vendor,
            self.symbol,
            timeframe,
            needed=askable,
            between=between,
            now=self._now,
            purpose=self._purpose,
            progress=self._progress,
        )
        for sessions, answer in fetched:
            if isinstance(answer, _HOPELESS):
                self._refused[vendor.name] = answer
            yield sessions, answer

    def _ask_start(self, vendor: Vendor, timeframe: Timeframe, needed: Sequence[Session]) -> None:
        """Ask where the series starts, where a backfill may begin before it. A failure bounds nothing."""
        if self._purpose != BACKFILL or vendor.name in self._refused or not isinstance(vendor, HistoryStarts):
            return
        if not self._history.is_worth_asking(vendor, timeframe, needed):
            return
        try:
            starts_at = vendor.earliest(self.symbol, timeframe, purpose=self._purpose)
        except VendorError as error:
            self._progress.credits += error.credits
            _logger.warning("%s %s: its start at %s is not known: %s", self.symbol.name, timeframe, vendor.name, error)
            if isinstance(error, _HOPELESS):
                self._refused[vendor.name] = error
            return
        self._progress.credits += 1
        _logger.info("%s %s starts at %s on %s", self.symbol.name, timeframe, vendor.name, starts_at)
        self._history.add(vendor.name, timeframe, starts_at)
