"""Vendors by name, as ``TRADEMATRIX_VENDOR`` says it.

Here: making one, and the limits that it declares. A package adds its own through the entry-point group
``tradematrix_pipelines.vendors``: a callable that takes the settings and a ledger and returns a ``Vendor``; an
:class:`Adapter` says besides what the vendor's credits are limited to.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.vendors.credits import UNLIMITED, Ledger, Plan, parse_plan
from tradematrix_pipelines.vendors.files import FilesVendor
from tradematrix_pipelines.vendors.mixture import SIMULATED
from tradematrix_pipelines.vendors.protocol import Vendor
from tradematrix_pipelines.vendors.twelve_data import TwelveData

GROUP = "tradematrix_pipelines.vendors"

VendorFactory = Callable[[Settings, Ledger], Vendor]


@dataclass(frozen=True, slots=True)
class Adapter:
    """How a vendor is opened, and what it may be asked.

    Attributes:
        open: makes the vendor; it books its calls in the ledger that it is given.
        plan: returns the limits of its credits; ``None`` = it has none, and its calls are not booked.
    """

    open: VendorFactory
    plan: Callable[[Settings], Plan] | None = None

    def __call__(self, settings: Settings, ledger: Ledger) -> Vendor:
        return self.open(settings, ledger)


@contextmanager
def open_vendors(settings: Settings, *, ledger: Ledger) -> Iterator[tuple[Vendor, ...]]:
    """Open the vendor that the settings name and its fallbacks, the preferred one first; close them at the end.

    Raises:
        UsageError: a name is unknown or comes twice, real and simulated prices would mix, or a setting that a vendor
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
    """Return the vendor that the settings name (:attr:`Settings.vendor_name`), ready to be asked. Close it after use.

    Raises:
        UsageError: the name is unknown, or a setting that this vendor needs is missing.
    """
    return _open(settings.vendor_name, settings, ledger)


def declared_plans(settings: Settings) -> dict[str, Plan]:
    """Return the limits of the vendors that the settings name, the preferred one's first; those without are left out.

    Raises:
        UsageError: a name is unknown, or what the settings say of a plan is none.
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
    added = _added()
    if name in added:
        return cast(VendorFactory, added[name].load())
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    raise UsageError(f"{variable}: {name!r} is no vendor: there are {', '.join(vendor_names())}")


def vendor_names() -> list[str]:
    """Return the names of all vendors, sorted."""
    return sorted(_BUILT_IN.keys() | _added().keys())


def _added() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _twelve_data(settings: Settings, ledger: Ledger) -> Vendor:
    if settings.twelve_data_key is None:
        raise UsageError("TWELVE_DATA_API_KEY is not set: set it, or use TRADEMATRIX_VENDOR=simulator")
    return TwelveData(
        base_url=settings.twelve_data_url, key=settings.twelve_data_key, ledger=ledger, clock=settings.clock
    )


def _files(settings: Settings, ledger: Ledger) -> Vendor:
    del ledger  # a file costs nothing
    if settings.files_dir is None:
        raise UsageError("TRADEMATRIX_FILES_DIR is not set: set it to the folder with files like EUR-USD_1m.csv")
    if not settings.files_dir.is_dir():
        raise UsageError(f"TRADEMATRIX_FILES_DIR={settings.files_dir} is no folder: set it to one that exists")
    return FilesVendor(settings.files_dir)


def _simulator(settings: Settings, ledger: Ledger) -> Vendor:
    from tradematrix_pipelines.vendors.simulator.vendor import (  # noqa: PLC0415 - a server's packages are slow to import
        SimulatorVendor,
    )

    return SimulatorVendor(clock=settings.clock, ledger=ledger)


def _yahoo(settings: Settings, ledger: Ledger) -> Vendor:
    del ledger  # Yahoo counts no credits
    # Imported here: yfinance brings a browser's network stack with it, and few installations use it.
    from tradematrix_pipelines.vendors.yahoo import Yahoo  # noqa: PLC0415  # see above

    return Yahoo(clock=settings.clock, cache=settings.home / "yahoo")


_BUILT_IN: dict[str, VendorFactory] = {
    "twelve_data": Adapter(_twelve_data, plan=lambda settings: parse_plan(settings.twelve_data_plan)),
    "yahoo": _yahoo,
    "files": _files,
    "simulator": _simulator,
}
