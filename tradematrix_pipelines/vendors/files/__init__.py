"""Files: candles from a folder of CSV or Parquet files, one a symbol and timeframe, or from an export."""

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.vendors.credits import Ledger
from tradematrix_pipelines.vendors.files.client import FilesVendor
from tradematrix_pipelines.vendors.files.options import file_options
from tradematrix_pipelines.vendors.protocol import Adapter

__all__ = ["FilesVendor", "adapter"]


def _open(settings: Settings, ledger: Ledger) -> FilesVendor:
    del ledger  # a file costs nothing
    if settings.files_dir is None:
        raise UsageError("TRADEMATRIX_FILES_DIR is not set: set it to the folder with files like EUR-USD_1m.csv")
    if not settings.files_dir.is_dir():
        raise UsageError(f"TRADEMATRIX_FILES_DIR={settings.files_dir} is not a folder: set it to one that exists")
    return FilesVendor(settings.files_dir, file_options(settings))


adapter = Adapter(_open)
