"""``tradematrix log``: what happened, by time, one line each.

Here: how it is worded. Not here: where it is read (``storage.activity``, ``storage.level_changes``).
"""

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import click

from tradematrix_pipelines.alerts.changed_levels import LevelChange, moved_levels
from tradematrix_pipelines.alerts.incidents import RecordedIncident
from tradematrix_pipelines.cli.common import Instant, open_database
from tradematrix_pipelines.cli.output import json_option, price, show
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.activity import (
    PublishedLevels,
    RevisedSession,
    SpentCredits,
    StoredSession,
    changed_incidents,
    published_levels,
    revised_sessions,
    spent_credits,
    stored_sessions,
)
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.level_changes import read_level_changes
from tradematrix_pipelines.storage.symbols import find_symbols, read_symbols
from tradematrix_pipelines.vendors.text import clean


class Since(Instant):
    """A date, which begins at midnight UTC, or an instant."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return datetime.combine(date.fromisoformat(value), time(), UTC)
        except (TypeError, ValueError):
            return super().convert(value, param, ctx)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One line of the log; ``data`` is for machines."""

    at: datetime
    event: str
    symbol: str | None
    detail: str
    trade_date: date | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@click.command()
@click.option("--since", type=Since(), help="A date or an instant (2026-11-20T08:00Z); default: yesterday, 00:00 UTC.")
@click.option("--symbol", "names", multiple=True, help="Only what concerns this symbol; may be given several times.")
@json_option
def command(*, since: datetime | None, names: tuple[str, ...], as_json: bool) -> None:
    """Show what happened, by time: sessions stored or failed, levels published or changed, candles revised.

    Incidents that opened and closed are among it, and the credits that were spent, by purpose. Times are UTC.
    """
    with open_database() as (_, database):
        since = since or datetime.combine(database.clock.now().date() - timedelta(days=1), time(), UTC)
        symbols = find_symbols(database.engine, names, only_active=False) or read_symbols(
            database.engine, only_active=False
        )
        entries = sorted(_entries(database, symbols, since, everything=not names), key=lambda entry: entry.at)
    if as_json:
        show([_row(entry) for entry in entries], as_json=True)
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for entry in entries:
        click.echo(_line(entry, width))
    if not entries:
        click.echo(f"nothing happened since {since:%Y-%m-%d %H:%M} UTC")


def _entries(database: Database, symbols: Sequence[Symbol], since: datetime, *, everything: bool) -> Iterator[Entry]:
    engine, by_name = database.engine, {symbol.name: symbol for symbol in symbols}
    yield from map(_stored, stored_sessions(engine, symbols, since=since))
    yield from map(_revised, revised_sessions(engine, symbols, since=since))
    for levels in published_levels(engine, symbols, since=since):
        yield _published(levels, by_name[levels.symbol])
    for change in read_level_changes(engine, symbols, since=since):
        yield from _changed(change, by_name[change.symbol])
    for incident in changed_incidents(engine, since=since):
        name = _subject(incident, by_name)
        if everything or name:
            yield from _incident(incident, name, since)
    if everything:
        yield from map(_spent, spent_credits(engine, since=since))


def _stored(session: StoredSession) -> Entry:
    by_status: dict[str, list[str]] = {}
    for timeframe, status in session.statuses.items():
        by_status.setdefault(str(status), []).append(str(timeframe))
    return Entry(
        at=session.at,
        event="session",
        symbol=session.symbol,
        trade_date=session.trade_date,
        detail="; ".join(f"{status}: {' '.join(timeframes)}" for status, timeframes in by_status.items()),
        data={str(timeframe): str(status) for timeframe, status in session.statuses.items()},
    )


def _revised(session: RevisedSession) -> Entry:
    counts = {"revised": session.revised, "withdrawn": session.withdrawn}
    what = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
    return Entry(
        at=session.at,
        event="candles",
        symbol=session.symbol,
        trade_date=session.trade_date,
        detail=f"{what}: {' '.join(session.timeframes)}",
        data={**counts, "timeframes": list(session.timeframes)},
    )


def _published(levels: PublishedLevels, symbol: Symbol) -> Entry:
    shown = {"H": "y_high", "L": "y_low", "C": "y_close"}
    prices = {} if levels.daily is None else {word: levels.daily[name] for word, name in shown.items()}
    numbers = " ".join(f"{word} {price(value, symbol.tick_size)}" for word, value in prices.items())
    return Entry(
        at=levels.at,
        event="levels",
        symbol=symbol.name,
        trade_date=levels.trade_date,
        detail=numbers or f"pivot points: {' '.join(levels.kinds)}",
        data={"kinds": list(levels.kinds), **{shown[word]: value for word, value in prices.items()}},
    )


def _changed(change: LevelChange, symbol: Symbol) -> Iterator[Entry]:
    differing = [name for name, old in change.old.items() if old != change.new.get(name)]
    if not differing:  # another column did
        return
    first = [*moved_levels(change, symbol.tick_size), *differing][0]
    old, new = (price(levels.get(first), symbol.tick_size) for levels in (change.old, change.new))
    more = f", {len(differing) - 1} more" if len(differing) > 1 else ""
    yield Entry(
        at=change.changed_at,
        event="changed",
        symbol=symbol.name,
        trade_date=change.trade_date,
        detail=f"{first} {old} → {new}{more}",
        data={name: {"old": change.old[name], "new": change.new.get(name)} for name in differing},
    )


def _incident(incident: RecordedIncident, symbol: str | None, since: datetime) -> Iterator[Entry]:
    words = str(incident.kind).replace("_", " ")
    data = {"kind": str(incident.kind), "key": incident.key}
    for event, at in (("opened", incident.opened_at), ("closed", incident.closed_at)):
        if at is not None and at >= since:
            yield Entry(at=at, event=event, symbol=symbol, detail=f"{words}: {incident.message}", data=data)


def _subject(incident: RecordedIncident, known: Mapping[str, Symbol]) -> str | None:
    name = f"{incident.key}|".split("|")[1]
    return name if name in known else None


def _spent(spent: SpentCredits) -> Entry:
    return Entry(
        at=spent.at,
        event="credits",
        symbol=None,
        detail=f"{spent.vendor}: {spent.credits:,} for {spent.purpose}",
        data={"vendor": spent.vendor, "purpose": spent.purpose, "credits": spent.credits},
    )


def _row(entry: Entry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in ("at", "event", "symbol", "trade_date", "detail", "data")}


def _line(entry: Entry, width: int | None) -> str:
    day = f"{entry.trade_date} " if entry.trade_date else ""
    line = f"{entry.at:%m-%d %H:%M} {entry.symbol or '-':<8} {entry.event:<8} {day}{clean(entry.detail)}"
    return line if width is None or len(line) <= width else f"{line[: width - 1]}…"
