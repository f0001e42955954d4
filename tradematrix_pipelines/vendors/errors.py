"""What can go wrong with a vendor, as a tree::

    VendorError
    ├── TransientError            asking again later may help
    │   ├── VendorFault           5xx, timeout, connection lost
    │   ├── MalformedAnswer       not what the protocol promises
    │   └── MinuteLimit           out of credits until the next minute
    └── PermanentError            asking again changes nothing
        ├── BadSymbol             the vendor doesn't know it
        ├── NotInPlan             it does, but the plan doesn't include it
        ├── BadKey                the key is wrong or missing
        ├── WrongInstrument       it answered with something else
        ├── BadFile               a file can't be read
        ├── RefusedSession        its bars of a session can't be true (``quality``)
        ├── Unavailable           it is known, without a call, to have nothing for this series and day
        ├── DayLimit              out of credits until the day's reset
        └── BadRequest            any other refusal

An empty window is not an error: it is an answer without candles. Each message says what to do next.
"""

from datetime import datetime

from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.vendors.text import LIMIT, clean

_LONGEST = 4 * LIMIT
"""Characters of a message: it may quote several vendors."""


class VendorError(TradeMatrixError):
    """A vendor gave no answer, or none that can be used.

    Its message may quote the vendor or a third-party adapter: it is cleaned (``text``).

    Attributes:
        credits: what the failed call cost, over all attempts, where the vendor counts credits.
    """

    retryable = False
    credits: int = 0

    def __init__(self, message: str) -> None:
        super().__init__(clean(message, limit=_LONGEST))

    def redact(self, secret: str) -> None:
        """Replace ``secret`` in the message by asterisks."""
        self.args = (clean(str(self), secret=secret, limit=_LONGEST),)


class TransientError(VendorError):
    """Asking again later may help."""

    retryable = True


class VendorFault(TransientError):
    """The vendor failed: HTTP 5xx, a timeout, a lost connection."""


class MalformedAnswer(TransientError):
    """The answer is not what the protocol promises: HTML, cut JSON, missing fields."""


class MinuteLimit(TransientError):
    """The minute's credits are spent."""


class PermanentError(VendorError):
    """Asking again changes nothing: a person has to act."""


class BadSymbol(PermanentError):
    """The vendor doesn't know the symbol."""


class NotInPlan(PermanentError):
    """The vendor has the symbol, but not for this plan."""


class BadKey(PermanentError):
    """The key is wrong or missing."""


class WrongInstrument(PermanentError):
    """The vendor answered with another instrument than the one the symbol's row describes."""


class BadFile(PermanentError):
    """A file of candles can't be read."""


class Unavailable(PermanentError):
    """The vendor is known, without a call, to have no bars of its own for this series and day."""


class RefusedSession(PermanentError):
    """The vendor's bars of a session can't be true (``quality``)."""


class BadRequest(PermanentError):
    """The vendor refused for a reason not known here."""


class DayLimit(PermanentError):
    """The day's credits are spent.

    Attributes:
        resumes_at: when the next credits are available, aware, UTC.
    """

    def __init__(self, message: str, *, resumes_at: datetime) -> None:
        super().__init__(message)
        self.resumes_at = resumes_at
