"""``tradematrix import``: brings the candles of another database over, through Dagster.

Here: the command, and how it prints. Not here: in which runs it goes (``import_plan``), reading and correcting
(``storage.other_vendor``, ``moving``), or what a run does (``defs``).
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import click

from tradematrix_pipelines.automation.runs import Run
from tradematrix_pipelines.cli.backfill import report
from tradematrix_pipelines.cli.carrying import InProcess, Outcome
from tradematrix_pipelines.cli.common import TradeDate, open_database
from tradematrix_pipelines.cli.corrections import correct_option, corrections_of
from tradematrix_pipelines.cli.import_plan import Source, look_at, plan_import
from tradematrix_pipelines.cli.output import drop_empty, drop_usual, json_option, note, show
from tradematrix_pipelines.cli.progress import watch
from tradematrix_pipelines.definitions import build_defs
from tradematrix_pipelines.defs.backfill import Task, plan_levels_run
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.partitions import sync_symbols
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.postgres.databases import find_other
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import stored_sources
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.legacy import keep_ids
from tradematrix_pipelines.storage.other_database import OtherDatabase
from tradematrix_pipelines.storage.other_vendor import Looked, OtherVendor
from tradematrix_pipelines.storage.pairing import Pair
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols
from tradematrix_pipelines.vendors.credits import UNLIMITED
from tradematrix_pipelines.vendors.provenance import IMPORT, check_unmixed

_NOTHING = "nothing to bring over: it is stored already, or lies before TRADEMATRIX_HISTORY_START"


@click.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL…]")
@click.option(
    "--from",
    "url",
    required=True,
    metavar="URL",
    help="The other database: postgresql://user@host/name. A password may stand in ~/.pgpass instead.",
)
@click.option("--since", type=TradeDate(), help="First trade date.")
@click.option("--until", type=TradeDate(), help="Last trade date; default: the last session that has closed.")
@correct_option
@click.option("--drop-forming", is_flag=True, help="Leave out rows that were stored before their candle had closed.")
@click.option("--yes", is_flag=True, help="Bring it over; without it, only what there is is shown.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    symbols: tuple[str, ...],
    url: str,
    since: date | None,
    until: date | None,
    corrections: tuple[str, ...],
    drop_forming: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Bring over the candles of the old system's database; without --yes, show what there is and change nothing.

    They are screened and judged like a vendor's, and levels are computed from them. Stamps that are off are named, and
    put right only as --correct says. Complete sessions that are stored stay; run again, it goes on where it ended.
    """
    with open_database() as (settings, database), OtherDatabase(find_other(url, option="--from")) as other:
        if other.is_ours:
            raise UsageError(
                "that is a database of this project: restore a backup of it instead (docs/how-to/back-up.md), which "
                "keeps verdicts and revisions"
            )
        chosen = find_symbols(database.engine, symbols) or read_symbols(database.engine)
        source = look_at(database, other, chosen, corrections_of(corrections, chosen))
        planned = plan_import(database, settings, source, since=since, until=until)
        if not yes:
            _show(source, named=bool(symbols), runs=planned, as_json=as_json)
            return
        if source.uncorrected:
            names = ", ".join(source.uncorrected)
            raise UsageError(f"stamps of {names} are off: say with --correct how to read them ({_advice(source)})")
        check_unmixed(IMPORT, stored_sources(database.engine))
        keep_ids(database.engine, {pair.symbol.name: pair.id for pair in source.pairs.pairs if pair.id is not None})
        if not planned:
            show([], as_json=as_json, empty=_NOTHING)
            return
        vendor = OtherVendor(other, source.pairs.pairs, source.corrections, drop_forming=drop_forming)
        outcomes = _bring_over(settings, database, vendor, planned)
        runs = [run for of_symbol in planned.values() for run in of_symbol]
        first, last = min(run.first for run in runs), max(run.last for run in runs)
        timeframes = [name for name in Timeframe if any(name in run.timeframes for run in runs)]
        report(database, outcomes, first, last, timeframes, as_json=as_json)
        if any(outcome.failed for outcome in outcomes):
            note("what is not complete is fetched from the vendor by `up`, or by `tradematrix retry`", as_json=as_json)
    ctx.exit(1 if any(outcome.stopped_by for outcome in outcomes) else 0)


def _bring_over(
    settings: Settings, database: Database, vendor: OtherVendor, planned: Mapping[str, Sequence[Run]]
) -> list[Outcome]:
    now, batch = database.clock.now(), uuid.uuid4().hex[:8]
    defs = build_defs(settings, resources={"vendors": (vendor,), "plan": UNLIMITED})
    outcomes = [Outcome(runs[0].symbol) for runs in planned.values()]
    total = sum(run.partitions for runs in planned.values() for run in runs)
    symbols = [outcome.symbol for outcome in outcomes]
    with open_instance(settings) as instance, watch(database, symbols, total=total, since=now, label="import"):
        sync_symbols(instance, [symbol.name for symbol in read_symbols(database.engine)])
        carrier = InProcess(instance=instance, defs=defs, location=settings.code_location)
        for outcome in outcomes:
            runs = planned[outcome.symbol.name]
            for run in runs:
                carrier.carry_out([(outcome, Task(run=run, batch=batch))])
                if outcome.stopped_by is not None:  # the other database is gone: the next runs would end as this one
                    return outcomes
            first, last = min(run.first for run in runs), max(run.last for run in runs)
            following = plan_levels_run(outcome.symbol, first, last, database=database, settings=settings, now=now)
            if following is not None:
                carrier.carry_out([(outcome, Task(run=following, batch=batch))])
    return outcomes


def _show(source: Source, *, named: bool, runs: Mapping[str, Sequence[Run]], as_json: bool) -> None:
    rows = [_row(row) for row in source.looked]
    if as_json:
        others = [] if named else [_stranger(name, count) for name, count in source.pairs.strangers.items()]
        unknown = [_unknown(pair, one.label, one.rows) for pair in source.pairs.pairs for one in pair.unknown]
        show([*rows, *unknown, *others], as_json=True)
        return
    for row, looked in zip(rows, source.looked, strict=True):
        row["candles"] = f"{looked.rows:,}"
        row["shifted"] = "-" if row["shifted"] is None or looked.shift is None else looked.shift.brief
        for name in ("labels", "corrected_by", "reason"):
            del row[name]
    if rows:
        drop_empty(rows, ["shifted"])
        for name in ("outside", "unclear", "forming"):
            drop_usual(rows, name, 0)
    show(rows, as_json=False, title="In the other database", empty="it has no candles of these symbols")
    for line in _notes(source, named=named, runs=runs):
        note(line, as_json=False)


def _row(row: Looked) -> dict[str, Any]:
    is_off = row.shift is not None and not row.shift.is_none
    return {
        "symbol": row.symbol.name,
        "timeframe": row.timeframe.value,
        "labels": list(row.labels),
        "candles": row.rows,
        "first": row.first,
        "last": row.last,
        "outside": row.outside,
        "unclear": row.unclear,
        "forming": row.forming,
        "shifted": str(row.shift) if is_off else None,
        "corrected_by": None if row.correction.is_none else str(row.correction),
        "reason": None,
    }


def _stranger(name: str, count: int) -> dict[str, Any]:
    return {"symbol": name, "candles": count, "reason": "not a symbol here: `tradematrix symbols add` adds it"}


def _unknown(pair: Pair, label: str, count: int) -> dict[str, Any]:
    reason = "its timeframe is none of ours"
    return {"symbol": pair.symbol.name, "timeframe": label, "candles": count, "reason": reason}


def _notes(source: Source, *, named: bool, runs: Mapping[str, Sequence[Run]]) -> Iterator[str]:
    """Yield what the table does not say, and what to type next."""
    shifts = {row.symbol.name: row.shift for row in source.looked if row.shift is not None and not row.shift.is_none}
    for name, shift in shifts.items():
        said = source.corrections.get(name)
        how = "" if said is None else f"; read as {said}" if not said.is_none else "; read as they stand"
        yield f"{name}: stamps are off by {shift}: {shift.parts[0].witness}{how}"
    for pair in source.pairs.pairs:
        for one in pair.unknown:
            yield f"left out: {pair.symbol.name}: {one.rows:,} candles {one.label}: its timeframe is none of ours"
        for other in pair.others:
            yield f"left out: {pair.symbol.name} of {other}"
    if not named:
        for name, count in source.pairs.strangers.items():
            yield f"left out: {name}: {count:,} candles: not a symbol here; `tradematrix symbols add` adds it"
    if any(row.forming for row in source.looked):
        yield "forming: stored before the candle had closed, and perhaps updated since; --drop-forming leaves them out"
    if source.looked:
        yield _next_step(source, runs)


def _next_step(source: Source, runs: Mapping[str, Sequence[Run]]) -> str:
    if not runs:
        return _NOTHING
    if source.uncorrected:
        return f"to bring it over, add --yes and say how to read the stamps: {_advice(source)}"
    return "to bring it over, add --yes"


def _advice(source: Source) -> str:
    """Return the options that put right what is off."""
    shifts = {row.symbol.name: row.shift for row in source.looked if row.shift is not None}
    known = {name: shifts[name].correction for name in source.uncorrected}
    same = {str(correction) for correction in known.values() if correction is not None}
    if len(same) == 1 and None not in known.values() and len(known) == len({row.symbol.name for row in source.looked}):
        return f"--correct {same.pop()}, or --correct none to take them as they stand"
    options = [f"--correct {name}={'none' if correction is None else correction}" for name, correction in known.items()]
    return " ".join(options)
