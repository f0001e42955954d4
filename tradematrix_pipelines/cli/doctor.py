"""``tradematrix doctor``: checks the installation. One line a part: ok, or what to do."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import click
import dagster as dg
import pandas as pd
from sqlalchemy import Engine, create_engine, text

from tradematrix_pipelines.alerts.channels import Alerter
from tradematrix_pipelines.automation.pulls import next_opening
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.cli.settings import hints
from tradematrix_pipelines.defs.housekeeping import KEPT, KEPT_CHECKS, KEPT_VERSIONS
from tradematrix_pipelines.defs.internals.dagster_home import open_instance
from tradematrix_pipelines.defs.live import PULL_LIVE
from tradematrix_pipelines.defs.partitions import date_partitions, known_symbols
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.log_files import LIMIT, compute_logs, log_files
from tradematrix_pipelines.markets.calendars import calendar_of, last_closed
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.postgres.databases import OpenDatabases, open_databases
from tradematrix_pipelines.settings import Settings, load_settings, unknown_variables
from tradematrix_pipelines.storage.api import READER, api_state
from tradematrix_pipelines.storage.check_events import count_check_events
from tradematrix_pipelines.storage.coverage_history import count_open_versions
from tradematrix_pipelines.storage.credits import open_ledger
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.legacy import missing_legacy_views
from tradematrix_pipelines.storage.measures import database_size, table_sizes
from tradematrix_pipelines.storage.pruning import check_kept
from tradematrix_pipelines.storage.refusals import plain_refusals
from tradematrix_pipelines.storage.schema import schema_state
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.vendors.errors import Unavailable, VendorError
from tradematrix_pipelines.vendors.files.client import FilesVendor
from tradematrix_pipelines.vendors.protocol import CandleRequest, Vendor
from tradematrix_pipelines.vendors.provenance import IMPORT
from tradematrix_pipelines.vendors.registry import open_vendors

_LARGEST = 3
_ADVISED_PARTITIONS = 100_000
"""Of one asset, by the documentation of Dagster."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: the part, whether it is ok, and details or what to do. A warning is ok, but deserves a look."""

    part: str
    ok: bool
    detail: str
    warning: bool = False

    @property
    def state(self) -> str:
        return "FAILED" if not self.ok else "warning" if self.warning else "ok"


@click.command()
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Check settings, database, migrations, views, symbols, calendars, Dagster's storage, logs and histories with their
    limits, sizes, the vendor, and what it serves of each symbol.

    Costs a credit, and one more for each symbol.
    """
    findings = list(_examine(load_settings()))
    rows = [{"part": f.part, "state": f.state, "detail": f.detail} for f in findings]
    show(rows, as_json=as_json)
    ctx.exit(0 if all(finding.ok for finding in findings) else 1)


def _examine(settings: Settings) -> Iterator[Finding]:
    yield _settings(unknown_variables())
    with ExitStack() as stack:
        try:
            with plain_refusals():
                databases = stack.enter_context(open_databases(settings))
        except TradeMatrixError as error:
            yield Finding("database", ok=False, detail=str(error))
            return
        yield _checked("database", lambda: _database(settings, databases))
        yield _checked("migrations", lambda: _migrations(databases))
        try:
            with plain_refusals():
                database = stack.enter_context(Database.open(settings))
                symbols = read_symbols(database.engine)
        except TradeMatrixError as error:
            yield Finding("symbols", ok=False, detail=str(error))
            return
        yield _views(database)
        yield _checked("symbols", lambda: _symbols(symbols))
        yield _checked("calendars", lambda: _calendars(symbols, database.clock.now()))
        yield _checked("dagster", lambda: _dagster(settings))
        yield _partitions(settings, symbols)
        yield _checked("logs", lambda: _logs(settings))
        yield _checked("history", lambda: _history(settings, databases, database))
        yield _checked("sizes", lambda: _sizes(settings, databases, database))
        yield _checked("alerts", lambda: _alerts(settings))
        try:
            with plain_refusals():
                ledger = open_ledger(database.engine, settings)
                vendors = stack.enter_context(open_vendors(settings, ledger=ledger))
        except TradeMatrixError as error:
            yield Finding("vendor", ok=False, detail=str(error))
            return
        for vendor in vendors:
            yield _checked("vendor", vendor.check)
        without = _without_file(vendors, symbols, database.clock.now())
        if without:
            yield _checked("files", partial(_files, without, symbols))
        for symbol in symbols:
            if symbol not in without:
                yield _checked(symbol.name, partial(_served, vendors, symbol, database.clock.now()))


def _checked(part: str, check: Callable[[], str]) -> Finding:
    try:
        with plain_refusals():
            return Finding(part, ok=True, detail=check())
    except TradeMatrixError as error:
        return Finding(part, ok=False, detail=str(error))


def _settings(unknown: dict[str, str | None]) -> Finding:
    # Another program may well have variables that begin like ours, so that they are no failure.
    detail = "; ".join(hints(unknown)) or "every TRADEMATRIX_ variable is one: see `tradematrix settings`"
    return Finding("settings", ok=True, detail=detail, warning=bool(unknown))


def _database(settings: Settings, databases: OpenDatabases) -> str:
    engine = create_engine(databases.market)
    try:
        with engine.connect() as connection:
            version = connection.execute(text("SHOW server_version")).scalar_one()
    finally:
        engine.dispose()
    where = "the server of TRADEMATRIX_DATABASE_URL" if settings.database_url else f"embedded in {settings.home}"
    return f"PostgreSQL {version}, {where}, database {databases.market.database}"


def _migrations(databases: OpenDatabases) -> str:
    engine = create_engine(databases.market)
    try:
        state = schema_state(engine)
    finally:
        engine.dispose()
    return (
        f"at {state.current}" if state.up_to_date else f"at {state.current or 'nothing'}: {state.head} is applied now"
    )


def _views(database: Database) -> Finding:
    """Say whether other programs can read the views; the project itself does not need them."""
    try:
        with plain_refusals():
            advice = api_state(database.engine).advice or missing_legacy_views(database.engine, IMPORT)
    except TradeMatrixError as error:
        return Finding("views", ok=False, detail=str(error))
    return Finding("views", ok=True, detail=advice or f"api.* for {READER}", warning=advice is not None)


def _symbols(symbols: Sequence[Symbol]) -> str:
    names = [symbol.name for symbol in symbols]
    if not names:
        raise TradeMatrixError("no symbol is active: add one with `tradematrix symbols add NAME --calendar …`")
    return f"{len(names)} active: {', '.join(names)}"


def _alerts(settings: Settings) -> str:
    schemes = Alerter(settings.alert_urls).schemes
    return (
        f"{', '.join(schemes)}: try with `tradematrix alerts test`" if schemes else "nobody: see docs/how-to/alerts.md"
    )


def _calendars(symbols: Sequence[Symbol], now: datetime) -> str:
    states = {}
    for symbol in symbols:
        calendar = calendar_of(symbol)
        session = calendar.at(now)
        states[symbol.calendar] = (
            f"open until {session.closes_at:%a %H:%M}"
            if session is not None
            else f"opens {next_opening(symbol, now).opens_at:%a %Y-%m-%d %H:%M}"
        )
    return "; ".join(f"{name} {text}" for name, text in states.items()) + " (UTC)"


def _logs(settings: Settings) -> str:
    sizes = [f"{file.path.name} {file.bytes / 1e6:.1f}" for file in log_files(settings)]
    outputs = sum(1 for _ in compute_logs(settings))
    return (
        f"{', '.join(sizes) or 'none'}; each up to {LIMIT / 1e6:.0f} MB, and as much of the previous one; "
        f"outputs of {outputs} runs, up to {KEPT.days} days"
    )


def _history(settings: Settings, databases: OpenDatabases, database: Database) -> str:
    engine = create_engine(databases.dagster)
    try:
        with engine.connect() as connection:
            checks = count_check_events(connection)
    finally:
        engine.dispose()
    with open_instance(settings) as instance:
        pulls = instance.get_runs_count(dg.RunsFilter(job_name=PULL_LIVE))
    versions = count_open_versions(database.engine)
    return (
        f"live pulls: {pulls} runs, up to {KEPT.days} days; checks: {checks} reports, up to {KEPT_CHECKS.days} days; "
        f"open sessions: {versions} versions, up to {KEPT_VERSIONS.days} days"
    )


def _sizes(settings: Settings, databases: OpenDatabases, database: Database) -> str:
    for timeframe, kept in settings.keep:
        check_kept(timeframe, kept)
    engine = create_engine(databases.dagster)
    try:
        sizes = {"market": _largest(database.engine), "dagster": _largest(engine)}
    finally:
        engine.dispose()
    kept_for = ", ".join(f"{timeframe} {kept.days} days" for timeframe, kept in settings.keep) or "for ever"
    return "; ".join(f"{name} {text}" for name, text in sizes.items()) + f"; candles are kept: {kept_for}"


def _largest(engine: Engine) -> str:
    tables = [f"{name} {size / 1e6:,.1f}" for name, size in list(table_sizes(engine).items())[:_LARGEST]]
    return f"{database_size(engine) / 1e6:,.1f} MB ({', '.join(tables)}, …)"


def _without_file(vendors: Sequence[Vendor], symbols: Sequence[Symbol], now: datetime) -> list[Symbol]:
    """Return the symbols that have no file, where files are all there is: that is a choice, and no failure."""
    if any(vendor.name != FilesVendor.name for vendor in vendors):
        return []
    return [
        symbol
        for symbol in symbols
        if all(
            vendor.unavailable_reason(symbol, timeframe, now.date()) is not None
            for vendor in vendors
            for timeframe in Timeframe
        )
    ]


def _files(without: Sequence[Symbol], symbols: Sequence[Symbol]) -> str:
    if len(without) == len(symbols):
        raise TradeMatrixError(
            "no active symbol has a file: `tradematrix files check DIR` says how to name files and which symbols to add"
        )
    names = ", ".join(symbol.name for symbol in without)
    return f"no file of {names}: `tradematrix symbols deactivate NAME` where none will come"


def _served(vendors: Sequence[Vendor], symbol: Symbol, now: datetime) -> str:
    """Fetch the last closed session's coarsest bar, which costs a credit; the instrument identity is checked, too."""
    session = last_closed(calendar_of(symbol), now)
    day = session.trade_date
    errors = []
    for vendor in vendors:
        served = [
            timeframe for timeframe in reversed(Timeframe) if vendor.unavailable_reason(symbol, timeframe, day) is None
        ]
        try:
            if not served:
                raise Unavailable(f"{vendor.name} {vendor.unavailable_reason(symbol, Timeframe.D1, day)}")
            answer = vendor.fetch(_last_bars(symbol, served[0], session))
        except VendorError as error:
            errors.append(str(error))
            continue
        return f"{symbol.symbol_at(vendor.name)} at {vendor.name}: {_close(answer.candles, served[0], day)}"
    raise TradeMatrixError("; ".join(errors))


def _last_bars(symbol: Symbol, timeframe: Timeframe, session: Session) -> CandleRequest:
    start, end = session.opens_at, session.closes_at
    if timeframe is Timeframe.D1:
        start = datetime.combine(session.trade_date, time(), UTC)
        end = start + timedelta(days=1)
    return CandleRequest(symbol=symbol, timeframe=timeframe, start=start, end=end, purpose="doctor")


def _close(candles: pd.DataFrame, timeframe: Timeframe, day: date) -> str:
    if candles.empty:
        return f"no {timeframe} bar of {day} yet"
    return f"{timeframe} close of {day} {candles['close'].iloc[-1]:.10g}"


def _dagster(settings: Settings) -> str:
    with open_instance(settings) as instance:
        runs, names = instance.get_runs_count(), len(known_symbols(instance))
        return f"{runs} runs, {names} symbols in its partitions, home {settings.dagster_home}"


def _partitions(settings: Settings, symbols: Sequence[Symbol]) -> Finding:
    dates = len(date_partitions(settings).get_partition_keys())
    count = dates * len(symbols)
    detail = f"{count:,} an asset: {dates:,} dates of {len(symbols)} symbols"
    if count <= _ADVISED_PARTITIONS:
        return Finding("partitions", ok=True, detail=detail)
    remedy = "a later TRADEMATRIX_HISTORY_START makes them fewer; docs/explanation/performance.md has what they cost"
    detail = f"{detail}, more than the {_ADVISED_PARTITIONS:,} that Dagster advises: {remedy}"
    return Finding("partitions", ok=True, detail=detail, warning=True)
