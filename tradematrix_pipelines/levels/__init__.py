"""What is computed from candles: daily levels and pivot points. Pure: no I/O, no Dagster, no database.

Called as a function, ``tm.levels(…)``, it reads stored levels (``reader.levels``).
"""

from tradematrix_pipelines.callables import make_callable

make_callable(__name__)
