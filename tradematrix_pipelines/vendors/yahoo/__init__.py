"""Yahoo, without a key: a fallback for recent sessions. yfinance handles its cookies; its answers are read here."""

from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.vendors.credits import Ledger
from tradematrix_pipelines.vendors.protocol import Adapter, Vendor

__all__ = ["adapter"]


def _open(settings: Settings, ledger: Ledger) -> Vendor:
    del ledger  # Yahoo counts no credits
    # yfinance brings a browser's network stack with it, and few installations use it.
    from tradematrix_pipelines.vendors.yahoo.client import Yahoo  # noqa: PLC0415  # see above

    return Yahoo(clock=settings.clock, cache=settings.home / "yahoo")


adapter = Adapter(_open)
