"""The quarantine as candles are written: what failed screening goes in, with raw values and the reason, and comes out.

Not here: what a person sees of it and does with it (``quarantine``, ``releasing``).
"""

import math
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, delete
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.candles.frame import VALUES
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.storage.tables import rejected_candles


def write_rejections(connection: Connection, batch: SeriesBatch, *, now: datetime) -> int:
    """Put ``batch.rejected`` into quarantine; return how many are new.

    Values are kept as the vendor gave them, infinities and NaN included.
    """
    if batch.rejected.empty:
        return 0
    rows = [
        {
            "symbol_id": batch.symbol.id,
            "timeframe": str(batch.timeframe),
            "ts": None if pd.isna(row["ts"]) else row["ts"].to_pydatetime(),
            **{name: None if name == "volume" and math.isnan(row[name]) else row[name] for name in VALUES},
            "reason": str(row["reason"]),
            "source": batch.source,
            "rejected_at": now,
        }
        for row in batch.rejected.to_dict("records")
    ]
    statement = insert(rejected_candles).on_conflict_do_nothing().returning(rejected_candles.c.id)
    return len(connection.execute(statement, rows).all())


def release_rejections(connection: Connection, batch: SeriesBatch) -> None:
    """Take out of quarantine what has become candles of ``batch``."""
    if batch.released:
        connection.execute(delete(rejected_candles).where(rejected_candles.c.id.in_(batch.released)))
