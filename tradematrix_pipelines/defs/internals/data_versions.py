"""The data version of each partition, computed from what is stored. Storing the same again makes nothing stale.

Dagster takes one version for all partitions of a step's output. So a partition's own version goes into its metadata,
and our storage (``dagster_storage``) makes it the one that Dagster uses. With another storage the versions are
Dagster's own, which change with each run.
"""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from dagster import EventLogEntry
from dagster._core.definitions.data_version import DATA_VERSION_IS_USER_PROVIDED_TAG, DATA_VERSION_TAG
from dagster._core.events import DagsterEventType, StepMaterializationData
from sqlalchemy import Engine, text

from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe

CONTENT_VERSION = "content_version"
"""Name of the metadata that hold a partition's version."""

_logger = logging.getLogger(__name__)

# Independent of row order, and without the vendor's name: the same prices from another vendor make nothing stale.
_CANDLES = text("""
    SELECT c.trade_date, count(o.ts) AS bars,
           bit_xor(hash_record_extended((o.ts, o.open, o.high, o.low, o.close, o.volume), 0)) AS content,
           max(o.high) AS high, min(o.low) AS low
    FROM session_coverage AS c
    JOIN ohlc AS o ON o.symbol_id = c.symbol_id AND o.timeframe = c.timeframe
        AND o.ts >= c.opens_at AND o.ts < c.closes_at
    WHERE c.symbol_id = :symbol_id AND c.timeframe = CAST(:timeframe AS ohlc_timeframe)
        AND c.trade_date BETWEEN :first AND :last
    GROUP BY c.trade_date
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionContent:
    """What is stored of one session of one series.

    Attributes:
        version: of its candles: other prices have another one.
        high: the highest high, in price units.
        low: the lowest low.
    """

    version: str
    high: float
    low: float


def session_contents(
    engine: Engine, symbol: Symbol, timeframe: Timeframe, first: date, last: date
) -> dict[date, SessionContent]:
    """Return the content of each session between two trade dates; one without candles is absent."""
    parameters = {"symbol_id": symbol.id, "timeframe": str(timeframe), "first": first, "last": last}
    with engine.connect() as connection:
        rows = connection.execute(_CANDLES, parameters).all()
    return {
        row.trade_date: SessionContent(
            version=f"{row.bars}-{row.content & (2**64 - 1):016x}", high=row.high, low=row.low
        )
        for row in rows
    }


def version_of(values: Iterable[object]) -> str:
    """Return the version of a few values."""
    return hashlib.blake2b(repr(tuple(values)).encode(), digest_size=8).hexdigest()


def with_data_version(event: EventLogEntry) -> EventLogEntry:
    """Return a materialization's event with the version that its metadata hold; any other event as it is."""
    if event.dagster_event_type != DagsterEventType.ASSET_MATERIALIZATION:
        return event
    try:
        dagster_event = event.get_dagster_event()
        materialization = dagster_event.step_materialization_data.materialization
        version = materialization.metadata.get(CONTENT_VERSION)
        if version is None:
            return event
        tags = {DATA_VERSION_TAG: str(version.value), DATA_VERSION_IS_USER_PROVIDED_TAG: "true"}
        data = StepMaterializationData(materialization._replace(tags={**(materialization.tags or {}), **tags}))
        return event._replace(dagster_event=dagster_event._replace(event_specific_data=data))
    except (AttributeError, TypeError, ValueError):
        _logger.warning("this Dagster's materializations can't be given a version", exc_info=True)
        return event
