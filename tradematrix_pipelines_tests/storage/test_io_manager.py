"""The IO manager: what a custom asset gets with candles or levels as an input."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
from dagster._utils.warnings import disable_dagster_warnings

from tradematrix_pipelines.cli.backfill import backfill
from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.internals.run_tags import range_tags
from tradematrix_pipelines.defs.partitions import session_partitions
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols

DOCUMENT = Path(__file__).parents[2] / "docs" / "how-to" / "add-an-asset.md"
DAYS = (date(2026, 11, 18), date(2026, 11, 20))


def test_a_custom_asset_loads_the_rectangle_of_partitions_it_runs_for(settings: Settings, database: Database) -> None:
    symbols = find_symbols(database.engine, ["DAX", "EUR/USD"])
    outcomes = backfill(settings, database, symbols, first=DAYS[0], last=DAYS[1], timeframes=list(Timeframe))
    assert all(outcome.ok for outcome in outcomes)
    seen: dict[str, pd.DataFrame] = {}

    with disable_dagster_warnings(), open_instance(settings) as instance:

        @dg.asset(partitions_def=session_partitions(settings), backfill_policy=dg.BackfillPolicy.single_run())
        def desk_report(ohlc_1h: pd.DataFrame, daily_levels: pd.DataFrame) -> None:
            seen.update(hours=ohlc_1h, levels=daily_levels)

        defs = dg.Definitions.merge(build_defs(settings), dg.Definitions(assets=[desk_report]))
        job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={desk_report.key})
        tags = range_tags("EUR/USD", DAYS[0], DAYS[1])
        assert job.execute_in_process(instance=instance, tags=tags).success

    hours, levels = seen["hours"], seen["levels"]
    assert hours["symbol"].unique().tolist() == ["EUR/USD"]
    assert hours.groupby("trade_date").size().to_dict() == dict.fromkeys((DAYS[0], date(2026, 11, 19), DAYS[1]), 24)
    assert hours["ts"].iloc[0] == datetime(2026, 11, 17, 22, tzinfo=UTC)
    assert hours["final"].all()
    assert hours["source"].unique().tolist() == ["simulator"]
    assert levels[["symbol", "trade_date"]].to_numpy().tolist() == [
        ["EUR/USD", date(2026, 11, 19)],
        ["EUR/USD", DAYS[1]],
    ]


def test_the_asset_of_the_document_materializes(settings: Settings, database: Database) -> None:
    [code] = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    module: dict[str, Any] = {}
    exec(code, module)
    symbols, timeframes = find_symbols(database.engine, ["DAX"]), [Timeframe.H1, Timeframe.D1]
    outcomes = backfill(settings, database, symbols, first=date(2026, 11, 19), last=DAYS[1], timeframes=timeframes)
    assert all(outcome.ok for outcome in outcomes)
    key = dg.AssetKey("desk_report")
    with disable_dagster_warnings(), open_instance(settings) as instance:
        defs = dg.Definitions.merge(build_defs(settings), module["defs"]())
        job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={key})
        partition = dg.MultiPartitionKey({"date": str(DAYS[1]), "symbol": "DAX"})
        result = job.execute_in_process(instance=instance, partition_key=partition)
    [materialization] = result.asset_materializations_for_node("desk_report")
    assert {name: value.value for name, value in materialization.metadata.items()} == {"hours": 9, "levels": 1}
