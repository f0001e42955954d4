"""The root of every error this project raises on purpose.

Here: the base class, and what programs that read catch. Each layer keeps its other subclasses beside the code that
raises them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


class TradeMatrixError(Exception):
    """Something a user can act on: the message says what is wrong and what to do, in one line."""


class UsageError(TradeMatrixError):
    """The request itself is invalid (the command line exits with 2, not 1)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IncompleteSession:
    """A session whose candles are not all there.

    Attributes:
        timeframe: of the stored candles, which coarser bars may be made of.
        reason: one line.
    """

    symbol: str
    timeframe: str
    trade_date: date
    reason: str

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe} {self.trade_date} ({self.reason})"


class IncompleteSessions(TradeMatrixError):
    """Sessions that were asked for with ``strict=True`` are not complete.

    Attributes:
        sessions: all of them; the message names the first ones.
    """

    def __init__(self, message: str, sessions: Sequence[IncompleteSession]) -> None:
        super().__init__(message)
        self.sessions = tuple(sessions)


class IncompleteWarning(UserWarning):
    """Sessions among the candles that are read are not complete; the message names them."""
