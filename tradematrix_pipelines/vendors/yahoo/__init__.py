"""Yahoo, without a key: a fallback for recent sessions. yfinance gets past its cookies; what it says is read here."""

from tradematrix_pipelines.vendors.yahoo.client import Yahoo

__all__ = ["Yahoo"]
