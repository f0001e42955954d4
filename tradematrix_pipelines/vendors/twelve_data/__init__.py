"""Twelve Data: query, responses and outcomes as pure functions, and the client that joins them over HTTP."""

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.vendors.credits import Ledger, parse_plan
from tradematrix_pipelines.vendors.protocol import Adapter
from tradematrix_pipelines.vendors.twelve_data.client import TwelveData

__all__ = ["TwelveData", "adapter"]


def _open(settings: Settings, ledger: Ledger) -> TwelveData:
    if settings.twelve_data_key is None:
        raise UsageError("TWELVE_DATA_API_KEY is not set: set it, or use TRADEMATRIX_VENDOR=simulator")
    return TwelveData(
        base_url=settings.twelve_data_url,
        key=settings.twelve_data_key.get_secret_value(),
        ledger=ledger,
        clock=settings.clock,
    )


adapter = Adapter(_open, plan=lambda settings: parse_plan(settings.twelve_data_plan))
