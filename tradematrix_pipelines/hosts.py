"""Which ``Host`` headers a server answers to: a page of another site may point its own name at this machine.

Here: that rule, for the board and Dagster's web UI. Not here: who may ask besides (``board.access``).
"""

import ipaddress
from collections.abc import Collection

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound


def answers_to(header: str, *, host: str, names: Collection[str]) -> bool:
    """Whether a ``Host`` header names this server.

    Args:
        host: the address that is listened on.
        names: what it is called besides; in any case.
    """
    name = _host_name(header)
    if name in _LOOPBACK or name == host.lower() or name in {known.lower() for known in names}:
        return True
    return host in _ANYWHERE and _is_address(name)


def _host_name(header: str) -> str:
    """Return a ``Host`` header without its port, in lower case."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.rpartition(":")[0].lower() if header.count(":") == 1 else header.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
