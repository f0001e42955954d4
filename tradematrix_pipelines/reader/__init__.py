"""What programs read: candles, levels, coverage and symbols as frames, over connections that can't write.

``import tradematrix_pipelines as tm`` gives its functions as ``tm.candles`` and so on; docs/how-to/read-from-python.md
shows them.
Here: from what was asked to a frame. Not here: SQL (``storage``), or anything of Dagster or the vendors.
"""
