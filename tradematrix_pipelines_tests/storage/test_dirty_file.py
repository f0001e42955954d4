"""A real file of five-minute candles, 1,071 of whose rows break their bounds: from the folder to the tables."""

import shutil
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import text

from tradematrix_pipelines.ingest.sessions import Wanted, ingest
from tradematrix_pipelines.markets.calendars import calendar_of
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.judgements import read_judged
from tradematrix_pipelines.storage.symbols import find_symbols
from tradematrix_pipelines.vendors.files import FilesVendor
from tradematrix_pipelines_tests.quality.test_real import DOUBTED

NOW = datetime(2026, 8, 1, tzinfo=UTC)
FIRST, LAST = date(2026, 1, 2), date(2026, 7, 3)


def test_what_is_rejected_is_kept_and_what_it_may_hide_is_doubted(
    database: Database, shared_data: Path, tmp_path: Path
) -> None:
    shutil.copy(shared_data / "market" / "dirty" / "EUR-USD_5m.csv", tmp_path)
    [pair] = find_symbols(database.engine, ["EUR/USD"])
    calendar = calendar_of(pair)
    days = frozenset(session.trade_date for session in calendar.sessions(FIRST, LAST))
    wanted = Wanted(
        symbol=pair,
        dates={Timeframe.M5: days},
        stored={},
        read=lambda timeframe, start, end: database.candles.series(pair, timeframe, start, end),
    )
    for batches in ingest([FilesVendor(tmp_path)], wanted, calendar=calendar, now=NOW):
        write(database.engine, batches, now=NOW)
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM rejected_candles")).scalar_one() == 1_071
    rows = read_coverage(database.engine, [pair], [Timeframe.M5], FIRST, LAST)
    complete = [row.coverage for row in rows if row.coverage.is_settled]
    doubtful = sorted(f"{row.trade_date:%m-%d}" for row in complete if row.is_doubtful)
    assert len(complete) == 124
    judged = read_judged(database.engine, [pair], FIRST, LAST)
    kinds = Counter(
        str(finding.kind)
        for (_, _, day), judgement in judged.items()
        if f"{day:%m-%d}" in doubtful
        for finding in judgement.findings
        if finding.severity
    )
    assert doubtful == sorted([*DOUBTED, "05-18"]), "the first two bars of that day are rejected"
    assert kinds == {"hidden_extreme": len(DOUBTED), "edge": 1}
