"""A plugin of pytest for mutation testing: the session begins with empty caches.

mutmut forks each of its runs from a process that has run the tests: what that has cached was computed without the
fault. ``benchmarks/mutants.py`` has it loaded (``pyproject.toml``).
"""

import gc
from functools import _lru_cache_wrapper


def pytest_sessionstart() -> None:
    for one in gc.get_objects():
        if isinstance(one, _lru_cache_wrapper) and one.__module__.startswith("tradematrix_pipelines."):
            one.cache_clear()
