"""``tradematrix doctor``: is everything in place? One line a part: ok, or what to do."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import click
from sqlalchemy import create_engine, text

from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.storage.dagster_home import open_instance
from tradematrix_pipelines.storage.databases import OpenDatabases, open_databases
from tradematrix_pipelines.storage.market import Market
from tradematrix_pipelines.storage.schema import schema_state
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.vendors.credits import NoLedger
from tradematrix_pipelines.vendors.registry import open_vendor


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: the part, whether it is in order, and what was found or is to be done."""

    part: str
    ok: bool
    detail: str


@click.command()
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Check database, migrations, symbols and calendars, vendor, and Dagster's storage."""
    findings = list(_examine(load_settings()))
    rows = [{"part": f.part, "state": "ok" if f.ok else "FAILED", "detail": f.detail} for f in findings]
    show(rows, as_json=as_json)
    ctx.exit(0 if all(finding.ok for finding in findings) else 1)


def _examine(settings: Settings) -> Iterator[Finding]:
    with ExitStack() as stack:
        try:
            databases = stack.enter_context(open_databases(settings))
            yield Finding("database", ok=True, detail=_database(settings, databases))
        except TradeMatrixError as error:
            yield Finding("database", ok=False, detail=str(error))
            return
        yield _checked("migrations", lambda: _migrations(databases))
        try:
            market = stack.enter_context(Market.open(settings))
        except TradeMatrixError as error:
            yield Finding("symbols", ok=False, detail=str(error))
            return
        yield _checked("symbols", lambda: _symbols(market))
        yield _checked("calendars", lambda: _calendars(market))
        yield _checked("vendor", lambda: _vendor(settings))
        yield _checked("dagster", lambda: _dagster(settings))


def _checked(part: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(part, ok=True, detail=check())
    except TradeMatrixError as error:
        return Finding(part, ok=False, detail=str(error))


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


def _symbols(market: Market) -> str:
    names = [symbol.name for symbol in read_symbols(market.engine)]
    if not names:
        raise TradeMatrixError("no symbol is active: add one with `tradematrix symbols add NAME --calendar …`")
    return f"{len(names)} active: {', '.join(names)}"


def _calendars(market: Market) -> str:
    now = market.clock.now()
    told = {}
    for symbol in read_symbols(market.engine):
        calendar = get_calendar(symbol.calendar)
        session = calendar.at(now)
        told[symbol.calendar] = (
            f"open until {session.closes_at:%a %H:%M}"
            if session is not None
            else f"opens {_next_open(symbol.calendar, now):%a %Y-%m-%d %H:%M}"
        )
    return "; ".join(f"{name} {text}" for name, text in told.items()) + " (UTC)"


def _next_open(name: str, now: datetime) -> datetime:
    calendar = get_calendar(name)
    session = calendar.next(now.astimezone(UTC).date() - timedelta(days=1))
    while session.opens_at <= now:
        session = calendar.next(session.trade_date)
    return session.opens_at


def _vendor(settings: Settings) -> str:
    vendor = open_vendor(settings, ledger=NoLedger())
    try:
        return vendor.check()
    finally:
        vendor.close()


def _dagster(settings: Settings) -> str:
    with open_instance(settings) as instance:
        runs, partitions = instance.get_runs_count(), len(instance.get_dynamic_partitions("symbols"))
        return f"{runs} runs, {partitions} symbols in its partitions, home {settings.dagster_home}"
