"""The installation that definitions are built for: the environment's, unless a caller of ``build_defs`` names another.

Dagster calls the functions in ``defs/`` that make definitions without arguments; they ask here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from tradematrix_pipelines.defs.kept_open import KeptOpen
from tradematrix_pipelines.settings import Settings, load_settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """What definitions are built with.

    Attributes:
        resources: those that replace resources of the same name.
        kept: what ticks keep open; ``None`` = each opens what it needs.
    """

    settings: Settings
    resources: Mapping[str, Any] = field(default_factory=dict)
    kept: KeptOpen | None = None


_building_for: ContextVar[Installation | None] = ContextVar("installation", default=None)


def installation() -> Installation:
    """Return the installation that definitions are built for."""
    return _building_for.get() or Installation(settings=load_settings())


@contextmanager
def building_for(wanted: Installation) -> Iterator[None]:
    """Build definitions for this installation."""
    token = _building_for.set(wanted)
    try:
        yield
    finally:
        _building_for.reset(token)
