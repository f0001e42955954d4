"""Yahoo, without a key: a fallback for recent sessions. yfinance handles its cookies; its answers are read here."""

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.vendors.credits import Ledger
from tradematrix_pipelines.vendors.protocol import Adapter, Vendor

__all__ = ["adapter"]


def _open(settings: Settings, ledger: Ledger) -> Vendor:
    del ledger  # Yahoo counts no credits
    try:
        from tradematrix_pipelines.vendors.yahoo.client import Yahoo  # noqa: PLC0415  # yfinance is an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "yfinance":
            raise
        raise UsageError(
            "the vendor yahoo needs yfinance, which is not installed: pip install 'tradematrix-pipelines[yahoo]'"
        ) from None

    return Yahoo(clock=settings.clock, cache=settings.home / "yahoo")


adapter = Adapter(_open)
