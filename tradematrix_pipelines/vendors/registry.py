"""Vendors by name, as in ``TRADEMATRIX_VENDOR``.

Here: finding and opening one, and the limits that it declares. Vendors are registered in the entry-point group
``tradematrix_pipelines.vendors``, by this package and by others. An entry is an ``Adapter``, or a callable that takes
the settings and a ledger and returns a ``Vendor``.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.vendors.credits import UNLIMITED, Ledger, Plan
from tradematrix_pipelines.vendors.protocol import Adapter, Vendor, VendorFactory
from tradematrix_pipelines.vendors.provenance import SIMULATED

GROUP = "tradematrix_pipelines.vendors"
_OURS = "tradematrix_pipelines"


@contextmanager
def open_vendors(settings: Settings, *, ledger: Ledger) -> Iterator[tuple[Vendor, ...]]:
    """Open the vendor that the settings name and its fallbacks, the preferred one first; close them at the end.

    Raises:
        UsageError: a name is unknown or repeated, real and simulated prices would mix, or a setting that a vendor
            needs is missing.
    """
    names = (settings.vendor_name, *settings.fallback_vendors)
    _check_order(names)
    with ExitStack() as stack:
        vendors: list[Vendor] = []
        for name in names:
            variable = "TRADEMATRIX_FALLBACK_VENDORS" if vendors else "TRADEMATRIX_VENDOR"
            vendors.append(_open(name, settings, ledger, variable=variable))
            stack.callback(vendors[-1].close)
        yield tuple(vendors)


def open_vendor(settings: Settings, *, ledger: Ledger) -> Vendor:
    """Return the vendor that the settings name (:attr:`Settings.vendor_name`), open. Close it after use.

    Raises:
        UsageError: the name is unknown, or a setting that this vendor needs is missing.
    """
    return _open(settings.vendor_name, settings, ledger)


def declared_plans(settings: Settings) -> dict[str, Plan]:
    """Return the limits of the vendors in the settings, the preferred one's first; vendors without limits are left out.

    Raises:
        UsageError: a name is unknown, or a plan in the settings is not valid.
    """
    plans = {}
    for name in (settings.vendor_name, *settings.fallback_vendors):
        adapter = _find(name)
        if isinstance(adapter, Adapter) and adapter.plan is not None:
            plans[name] = adapter.plan(settings)
    return plans


def plan_in_force(settings: Settings) -> Plan:
    """Return the limits of the vendor that is asked first.

    Raises:
        UsageError: as :func:`declared_plans`.
    """
    return declared_plans(settings).get(settings.vendor_name, UNLIMITED)


def _check_order(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise UsageError(f"TRADEMATRIX_FALLBACK_VENDORS repeats a vendor: {', '.join(names)} are asked in this order")
    if SIMULATED in names and len(names) > 1:
        raise UsageError(
            f"{' and '.join(names)} would mix simulated and real prices: "
            "unset TRADEMATRIX_FALLBACK_VENDORS, or set a key or TRADEMATRIX_VENDOR to a vendor of real ones"
        )


def _open(name: str, settings: Settings, ledger: Ledger, *, variable: str = "TRADEMATRIX_VENDOR") -> Vendor:
    return _find(name, variable)(settings, ledger)


def _find(name: str, variable: str = "TRADEMATRIX_VENDOR") -> VendorFactory:
    points = _registered()
    if name not in points:
        raise UsageError(f"{variable}: {name!r} is not a vendor: there are {', '.join(vendor_names())}")
    return cast(VendorFactory, points[name].load())


def vendor_names() -> list[str]:
    """Return the names of all vendors, sorted."""
    return sorted(_registered())


def _registered() -> dict[str, EntryPoint]:
    """Return the entry points by name; another package's replaces one of ours of the same name."""
    return _registered_on(tuple(sys.path))


@cache
def _registered_on(path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Look once a process: every installed package is opened for it, and ticks ask several times a minute."""
    del path  # its folders are where ``entry_points`` looks
    points = sorted(entry_points(group=GROUP), key=lambda point: point.module.split(".")[0] != _OURS)
    return {point.name: point for point in points}
