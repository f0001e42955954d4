"""What a candle is: schema, screening, resampling, coverage. Pure: no I/O, no Dagster, no database.

Called as a function, ``tm.candles(…)``, it reads stored candles (``reader.candles``).
"""

from tradematrix_pipelines.callables import make_callable

make_callable(__name__)
