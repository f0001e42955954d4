"""TradeMatrix market data: candles and daily levels as Dagster assets on Postgres.

The rooms, each importing only those above it: ``markets``, ``candles``, ``levels`` (pure),
``vendors``, ``storage``, then ``defs`` (Dagster wiring) and ``cli`` (the ``tradematrix`` command).
"""
