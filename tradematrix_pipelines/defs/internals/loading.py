"""Definitions for commands and tests, without what Dagster does for code servers each time it builds them.

Here: leaving out the list of component types that its UI shows among the docs of a code server, for which it looks
through all installed packages; and asking once for the stored state of components, of which ours have none, instead of
twice a module.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType
from dagster.components.core import load_defs


@contextmanager
def loading_for_commands() -> Iterator[None]:
    """Build definitions that way; where Dagster has moved what this takes, as it does by itself."""
    with _without_component_types(), _in_one_context():
        yield


@contextmanager
def _without_component_types() -> Iterator[None]:
    name = "get_library_json_enriched_defs"
    original = getattr(load_defs, name, None)
    if original is None:
        yield
        return
    setattr(load_defs, name, lambda tree: dg.Definitions(component_tree=tree))
    try:
        yield
    finally:
        setattr(load_defs, name, original)


@contextmanager
def _in_one_context() -> Iterator[None]:
    scoped = getattr(DefinitionsLoadContext, "scoped", None)
    if scoped is None or DefinitionsLoadContext.is_set():
        yield
        return
    with scoped(DefinitionsLoadContext(DefinitionsLoadType.INITIALIZATION)):
        yield
