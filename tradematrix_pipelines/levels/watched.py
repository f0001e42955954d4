"""Names of the levels that are watched for touches, and what a person calls them. Pure.

Here: names. Not here: what a touch is (``touches``), or the prices of the levels (``storage.touches``).
"""

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.levels.daily import LEVELS as DAILY_LEVELS
from tradematrix_pipelines.levels.pivots import LEVELS, Method

WATCHED_DAILY = tuple(name for name, level in DAILY_LEVELS.items() if level.watched)
"""Daily levels that are watched; of pivot points all are, named by method and level: ``classic pp``."""


def level_name(text: str, *, method: Method) -> str:
    """Return the name of a level that a person means: ``PP`` (of ``method``), ``camarilla R3``, ``y_high``, ``high``.

    Raises:
        UsageError: no level is meant.
    """
    *methods, level = text.lower().split() or [""]
    if not methods and (daily := [name for name in WATCHED_DAILY if level in {name, name.removeprefix("y_")}]):
        return daily[0]
    if level in LEVELS and methods in [[], *([str(known)] for known in Method)]:
        return f"{methods[0] if methods else method} {level}"
    raise UsageError(
        f"there is no level {text!r} to watch: there are {', '.join([*WATCHED_DAILY, *LEVELS])}, "
        f"and those of {', '.join(Method)}, as in 'camarilla r3'"
    )
