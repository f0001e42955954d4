"""The board: one page of all that is stored, and the same as JSON under ``/api/v1``; both only read.

Here: a web application on a database that is open already, and the process that serves it. Not here: SQL
(``storage``), what a number means (the pure layers), or how ``up`` starts it (``cli``).
"""
