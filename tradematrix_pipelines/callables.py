"""Packages that can be called: ``tm.candles(…)`` reads, although ``candles`` is a package of the pure core.

Here: how a package is made callable. Not here: what is called (``reader``), which is imported at the first call: the
core does not depend on it.
"""

import importlib
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


class CallableModule(ModuleType):
    """A package whose call is that of the reader's function of the same name."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._function(*arguments, **options)

    @property
    def __signature__(self) -> inspect.Signature:
        """What a notebook shows as its arguments."""
        return inspect.signature(self._function)

    @property
    def _function(self) -> Callable[..., Any]:
        name = self.__name__.rpartition(".")[2]
        function: Callable[..., Any] = getattr(importlib.import_module(f"tradematrix_pipelines.reader.{name}"), name)
        return function


def make_callable(name: str) -> None:
    """Make the package of this name callable."""
    sys.modules[name].__class__ = CallableModule
