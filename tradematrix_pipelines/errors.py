"""The root of every error this project raises on purpose.

Here: the base class only. Each layer keeps its own subclasses beside the code that raises them.
"""


class TradeMatrixError(Exception):
    """Something a user can act on: the message says what is wrong and what to do, in one line."""


class UsageError(TradeMatrixError):
    """The request itself is invalid (the command line exits with 2, not 1)."""
