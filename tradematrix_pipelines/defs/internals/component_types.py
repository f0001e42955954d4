"""The list of component types that Dagster attaches to definitions, which its UI shows among the docs of a code server.

Here: leaving it out where no UI reads it. Dagster looks through all installed packages for it, each time it builds
definitions, which is most of what building ours takes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster.components.core import load_defs


@contextmanager
def without_component_types() -> Iterator[None]:
    """Build definitions without that list; where Dagster has moved the function, they have it."""
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
