"""The ``tradematrix`` command. One module a command; what they share is in ``common``, ``output`` and ``runs``."""
