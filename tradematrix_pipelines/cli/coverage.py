"""``tradematrix coverage``: which sessions are complete, and what is missing."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from tradematrix_pipelines.automation.backlog import LOOKBACK
from tradematrix_pipelines.cli.common import (
    TimeframeName,
    TradeDate,
    as_of_option,
    first_date,
    open_database,
    span_option,
    viewed_at,
)
from tradematrix_pipelines.cli.output import json_option, show, wide_option
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.reader.coverage_rows import coverage_rows
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols

if TYPE_CHECKING:
    from tradematrix_pipelines.storage.judgements import StoredJudgement

_OPTIONAL = (
    "received",
    "expected",
    "next_attempt",
    "rejected",
    "longest_gap",
    "attempts",
    "source",
    "outside",
    "final",
)


@click.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL…]")
@click.option("--from", "first", type=TradeDate(), help="First trade date; default: 30 days ago.")
@span_option
@click.option("--to", "last", type=TradeDate(), help="Last trade date; default: tomorrow.")
@click.option(
    "--timeframe",
    "timeframes",
    type=TimeframeName(),
    multiple=True,
    help="Only these.",
)
@click.option("--open", "only_open", is_flag=True, help="Only what is partial, missing, failed, sparse or doubtful.")
@click.option("--verdicts", is_flag=True, help="What was noticed of each session, too.")
@as_of_option
@wide_option
@json_option
def command(
    *,
    symbols: tuple[str, ...],
    first: date | None,
    span: timedelta | None,
    last: date | None,
    timeframes: tuple[Timeframe, ...],
    only_open: bool,
    verdicts: bool,
    as_of: datetime | None,
    wide: bool,
    as_json: bool,
) -> None:
    """Show, per session, how many bars are expected and stored, and why one is not complete.

    With --open: the incomplete, sparse and doubtful sessions. "next_attempt" is when one is fetched again by itself;
    "exhausted" ones have no more attempts and wait for `tradematrix retry`.

    "verdict" says whether a complete session can be believed: "accepted", or "doubtful", which `tradematrix accept`
    changes. With --verdicts: also what was noticed. "cold" means that there were too few sessions before it to know
    what is usual. Sessions that are not judged yet are judged first.

    With --as-of: what was known then. Attempts, and when the next one is, are not kept.
    """
    with open_database() as (settings, database):
        chosen = find_symbols(database.engine, symbols, only_active=False) or read_symbols(database.engine)
        now = viewed_at(as_of, database.clock.now())
        last = last or now.date() + timedelta(days=1)
        first = first_date(first, span, last=last) or last - LOOKBACK
        wanted = list(timeframes) or list(Timeframe)
        if verdicts and as_of is None:
            _judge(database, chosen, first, last)
        rows = coverage_rows(
            database, settings, chosen, wanted, (first, last), now=now, as_of=as_of, only_open=only_open
        )
        if verdicts:
            from tradematrix_pipelines.storage.judgements import read_judged  # noqa: PLC0415 - see _judge

            judged = read_judged(database.engine, chosen, first, last, as_of=as_of)
            rows = [row | _findings(judged, row) for row in rows]
    empty = "nothing is open" if only_open else "no session has been fetched in this time"
    show(rows, as_json=as_json, empty=empty, optional=() if wide else _OPTIONAL)


def _judge(database: Database, symbols: Sequence[Symbol], first: date, last: date) -> None:
    # Imported here: judging works on frames, which take long to import.
    from tradematrix_pipelines.storage.judging import judge_unjudged  # noqa: PLC0415

    for symbol in symbols:
        judge_unjudged(database, symbol, first, last)


def _findings(
    judged: Mapping[tuple[str, Timeframe, date], "StoredJudgement"], row: Mapping[str, Any]
) -> dict[str, object]:
    judgement = judged.get((row["symbol"], Timeframe(row["timeframe"]), row["trade_date"]))
    if judgement is None:
        return {"cold": None, "findings": None}
    findings = "; ".join(
        finding.message if finding.at is None else f"{finding.at:%H:%M} UTC: {finding.message}"
        for finding in judgement.findings
    )
    return {"cold": judgement.cold, "findings": findings or None}
