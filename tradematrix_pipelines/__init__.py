"""TradeMatrix market data: candles and daily levels as Dagster assets on Postgres.

For programs that read: ``import tradematrix_pipelines as tm``, then ``tm.candles(…)``, ``tm.levels(…)``,
``tm.coverage(…)`` and ``tm.symbols()``, in loops within ``tm.connected()`` (docs/how-to/read-from-python.md). Here:
these names, imported when they are first used. Not here: what they do (``reader``). ``candles`` and ``levels`` are
packages, too; calling them reads (``callables``).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradematrix_pipelines.reader.candles import candles
    from tradematrix_pipelines.reader.coverage import coverage
    from tradematrix_pipelines.reader.levels import levels
    from tradematrix_pipelines.reader.opening import connected
    from tradematrix_pipelines.reader.symbols import symbols

__all__ = ["candles", "connected", "coverage", "levels", "symbols"]

_MODULES = {"connected": "opening", "coverage": "coverage", "symbols": "symbols"}


def __getattr__(name: str) -> Any:
    if name in {"candles", "levels"}:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.reader.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
