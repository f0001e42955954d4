"""The level book: every price that matters in a session, each with when it could be known. Pure.

Here: a module a family of levels, and their table (``kinds``). Not here: the daily levels and pivot points of
``levels_daily`` and ``pivot_levels``, which other services read, nor where the book is stored (``storage.level_book``).
"""
