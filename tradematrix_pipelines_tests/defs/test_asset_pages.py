"""What the pages of assets and runs show: numbers by partition, tables of what was computed, what is open."""

import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import date
from io import BytesIO
from typing import Any

import dagster as dg
import pytest
from PIL import Image

from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.internals.runs import run_sessions
from tradematrix_pipelines.defs.jobs import COMPUTE_LEVELS, INGEST_CANDLES
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines_tests.defs.day import CLOSED, Day

TUESDAY, THURSDAY = date(2026, 11, 17), date(2026, 11, 19)
FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
PRICES = "SELECT high, low, close FROM ohlc WHERE timeframe = '1d' AND ts::date = '{}'"


def run(day: Day, job: str, first: date, last: date, *assets: str) -> str | None:
    """Carry out one run of the DAX; return its error."""
    keys = [dg.AssetKey(name) for name in assets]
    return run_sessions(day.instance, day.defs, job, symbol="DAX", first=first, last=last, assets=keys).error


def metadata(day: Day, asset: str, trade_date: date) -> Mapping[str, Any]:
    """Return what the newest materialization of a partition of the DAX shows."""
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[f"{trade_date}|DAX"])
    [record] = day.instance.fetch_materializations(wanted, limit=1).records
    assert record.asset_materialization is not None
    return {name: value.value for name, value in record.asset_materialization.metadata.items()}


def cells(table: object) -> list[list[str]]:
    """Return the rows of a table in Markdown, without the line under its head."""
    lines = [line for line in str(table).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])]


def test_a_week_of_candles_and_the_levels_from_it(day: Day) -> None:
    day.at(CLOSED).simulator.set_faults("missing=0.1")
    assert run(day, INGEST_CANDLES, FRIDAY, FRIDAY, "ohlc_1m") is not None
    day.simulator.set_faults()
    assert run(day, INGEST_CANDLES, TUESDAY, THURSDAY) is None
    see_candles(day)
    assert run(day, INGEST_CANDLES, FRIDAY, FRIDAY, "ohlc_1d") is None
    assert run(day, COMPUTE_LEVELS, date(2026, 11, 18), MONDAY) is None
    see_levels(day)


def see_candles(day: Day) -> None:
    """See numbers by partition, and what is open."""
    [(high, low, _)] = day.ask(PRICES.format(THURSDAY))
    thursday = metadata(day, "ohlc_1d", THURSDAY)
    assert (thursday["high"], thursday["low"], thursday["dagster/partition_row_count"]) == (high, low, 1)
    assert thursday["high_low"] == pytest.approx(high - low, abs=1e-9)
    assert (thursday["gaps"], thursday["rejected"], thursday["open"]) == (0, 0, 0)
    assert metadata(day, "ohlc_1m", TUESDAY)["open"] == 1, "an asset's page shows any partition of its last run"
    minutes = metadata(day, "ohlc_1m", THURSDAY)
    [(stored,)] = day.ask("SELECT count(*) FROM ohlc WHERE timeframe = '1m' AND ts::date = '2026-11-20'")
    head, [row] = cells(minutes["open_sessions"])[0], cells(minutes["open_sessions"])[1:]
    assert minutes["open"] == 1
    assert dict(zip(head, row, strict=True))["status"] == "partial"
    assert row[:2] == [str(FRIDAY), "DAX"]
    assert row[-1].startswith(f"{stored} of 510 bars")


def see_levels(day: Day) -> None:
    """See what a run computed on its newest partition, and every pivot point on each."""
    [(high, low, close)] = day.ask(PRICES.format(FRIDAY))
    monday = metadata(day, "daily_levels", MONDAY)
    assert (monday["y_high"], monday["y_low"], monday["y_close"]) == (high, low, close)
    head, *rows = cells(monday["computed"])
    assert [row[0] for row in rows] == ["2026-11-23", "2026-11-20", "2026-11-19", "2026-11-18"]
    assert rows[0][head.index("y_high")] == f"{high:.2f}"
    assert "computed" not in metadata(day, "daily_levels", FRIDAY), "only the newest partition of a run"

    pivots = metadata(day, "pivot_points", MONDAY)
    head, *rows = cells(pivots["pivots"])
    assert head[1:] == ["classic", "fibonacci", "camarilla", "woodie", "demark"]
    by_name = {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}
    assert list(by_name) == ["R4", "R3", "R2", "R1", "PP", "S1", "S2", "S3", "S4"]
    middle = (high + low + close) / 3
    assert by_name["PP"]["classic"] == f"{middle:.2f}"
    assert by_name["S2"]["classic"] == f"{middle - (high - low):.2f}"
    assert by_name["R4"]["camarilla"] == f"{close + 1.1 * (high - low) / 2:.2f}"
    assert by_name["R4"]["demark"] == "", "a level that the method does not have"
    assert cells(metadata(day, "pivot_points", FRIDAY)["pivots"]) != cells(pivots["pivots"])
    assert len(str(pivots["pivots"])) < 1000, "the UI shows longer texts on a click only"
    for latest in (monday, pivots):
        picture = re.fullmatch(r"!\[DAX, levels of 2026-11-23\]\(data:image/png;base64,(\S+)\)", latest["chart"])
        assert picture is not None
        assert Image.open(BytesIO(b64decode(picture[1]))).size == (900, 400)
    assert "chart" not in metadata(day, "daily_levels", FRIDAY), "only levels of a session to come"
    assert cells(pivots["computed"])[1][:2] == [str(MONDAY), f"{middle:.2f}"]


def test_asset_pages_link_to_the_board_where_it_has_an_address() -> None:
    def link(asset: str, **environment: str) -> object:
        defs = build_defs(load_settings({"TRADEMATRIX_HOME": "unused", **environment}))
        found = defs.get_repository_def().asset_graph.get(dg.AssetKey(asset)).metadata.get("board")
        return found and found.value

    assert link("ohlc_1m") is None
    assert link("ohlc_1m", TRADEMATRIX_BOARD_URL="http://127.0.0.1:3017/") == "http://127.0.0.1:3017/#/coverage"
    assert link("daily_levels", TRADEMATRIX_BOARD_URL="http://127.0.0.1:3017") == "http://127.0.0.1:3017/"
