"""Whether a complete session can be believed: findings and the verdict that follows. Pure: no I/O, no Dagster.

:func:`~tradematrix_pipelines.quality.judge.judge` judges one session, ``judge_in_order`` many. Not here: whether a bar
is a candle (``candles.screen``), or whether a session is complete (``candles.coverage``).
"""
