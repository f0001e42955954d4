"""Twelve Data: query, answer and outcome as pure functions, and the client that joins them over HTTP."""

from tradematrix_pipelines.vendors.twelve_data.client import TwelveData

__all__ = ["TwelveData"]
