"""The chart that the latest partition of levels shows in the UI: a picture in its metadata.

Never for the hundreds of a backfill: only levels of a session that is open or to come have one.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence

import dagster as dg

from tradematrix_pipelines.charts.candlesticks import ChartCandle
from tradematrix_pipelines.charts.level_chart import level_chart
from tradematrix_pipelines.charts.png import to_png
from tradematrix_pipelines.defs.level_metadata import PartitionLevels
from tradematrix_pipelines.levels.daily import LEVELS as DAILY
from tradematrix_pipelines.markets.calendars import calendar_of, last_closed
from tradematrix_pipelines.markets.symbols import price_digits
from tradematrix_pipelines.storage.current_prices import read_last_prices
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.level_charts import read_chart_candles


def draw_charts(database: Database, newest: Iterable[PartitionLevels]) -> dict[str, dg.MarkdownMetadataValue]:
    """Return the charts of those levels whose session has not closed, by partition key.

    Where no candle is stored there is none.
    """
    now = database.clock.now()
    latest = [
        levels for levels in newest if levels.trade_date > last_closed(calendar_of(levels.symbol), now).trade_date
    ]
    last = read_last_prices(database.engine, [levels.symbol for levels in latest])
    charts = {}
    for levels in latest:
        candles = read_chart_candles(database, levels.symbol, levels.trade_date)
        if candles:
            price = last.get(levels.symbol.name)
            charts[levels.partition_key] = _picture(levels, candles, None if price is None else price.price)
    return charts


def _picture(levels: PartitionLevels, candles: Sequence[ChartCandle], last: float | None) -> dg.MarkdownMetadataValue:
    title = f"{levels.symbol.name}, levels of {levels.trade_date}"
    scene = level_chart(
        candles,
        daily={name: getattr(levels.daily, name) for name in DAILY},
        pivots=levels.pivots[0].as_dict(),
        last=last,
        title=title,
        digits=price_digits(levels.symbol.tick_size),
    )
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{b64encode(to_png(scene)).decode()})")
