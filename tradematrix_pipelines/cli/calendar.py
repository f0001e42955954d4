"""``tradematrix calendar``: corrections of session calendars, and calendars of one's own."""

import re
from collections.abc import Mapping
from datetime import date, datetime

import click

from tradematrix_pipelines.cli.common import TradeDate, open_database
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.calendars import build_calendar, calendar_names
from tradematrix_pipelines.markets.corrections import Correction, hours_on
from tradematrix_pipelines.markets.hours import DefinedHours, Edge, parse_edge
from tradematrix_pipelines.markets.session_table import TableCalendar
from tradematrix_pipelines.storage.calendars import calendar_named, define_calendar, read_defined
from tradematrix_pipelines.storage.corrections import (
    CLOSED,
    Effect,
    StoredCorrection,
    correct,
    list_corrections,
    undo,
)

_TIME = re.compile(r"\d{1,2}:\d{2}")
_NAME = re.compile(r"[A-Z][A-Z0-9_-]{1,31}")
_reason = click.option("--reason", required=True, help="Why, for whoever reads the list.")


@click.group()
def command() -> None:
    """Correct session calendars, and define calendars of one's own.

    A correction is in force at once everywhere: sessions, coverage, levels, live pulls.
    """


@command.command()
@click.argument("calendar")
@click.argument("trade_date", type=TradeDate())
@_reason
@json_option
def close(*, calendar: str, trade_date: date, reason: str, as_json: bool) -> None:
    """Make TRADE_DATE a closed day of CALENDAR, e.g. XNYS 2027-01-08.

    Stored candles stay, the session counts as closed: the next levels come from the session before.
    """
    with open_database() as (_, database):
        closed = Correction(trade_date=trade_date)
        effect = correct(database.engine, calendar, closed, reason=reason, now=database.clock.now())
        after = calendar_named(database.engine, calendar)
        levels = after.next(trade_date).trade_date, after.previous(trade_date).trade_date
    shown = {"calendar": calendar, "trade_date": trade_date, "kind": CLOSED, "reason": reason, **_shown(effect)}
    if as_json:
        show([shown], as_json=True)
        return
    click.echo(f"{trade_date} is a closed day of {calendar} now: {_whose(effect)}")
    if effect.candles:
        click.echo(f"stored candles stay, and count no more: {_counts(effect.candles)}")
    click.echo(f"levels of {levels[0]} come from session {levels[1]}")


@command.command()
@click.argument("calendar")
@click.argument("trade_date", type=TradeDate())
@click.option("--open", "opens", required=True, help="09:30 on the calendar's clock, or with a zone: '14:30 UTC'.")
@click.option("--close", "closes", required=True, help="13:00, or with a zone.")
@_reason
@json_option
def hours(*, calendar: str, trade_date: date, opens: str, closes: str, reason: str, as_json: bool) -> None:
    """Give TRADE_DATE other hours on CALENDAR, e.g. XNYS 2027-01-08 --open 09:30 --close 13:00.

    An open that is not before the close is the evening before. Stored minutes are judged by the new hours, and what is
    made of them is made again.
    """
    with open_database() as (_, database):
        known = calendar_named(database.engine, calendar)
        correction = hours_on(known, trade_date, opens=_edge(opens, known), closes=_edge(closes, known))
        effect = correct(database.engine, calendar, correction, reason=reason, now=database.clock.now())
    shown = {
        "calendar": calendar,
        "trade_date": trade_date,
        "opens_at": correction.opens_at,
        "closes_at": correction.closes_at,
        "reason": reason,
        **_shown(effect),
    }
    if as_json:
        show([shown], as_json=True)
        return
    click.echo(
        f"{trade_date} of {calendar} is {correction.opens_at:%Y-%m-%d %H:%M} to {correction.closes_at:%Y-%m-%d %H:%M} "
        f"UTC now: {_whose(effect)}"
    )
    if effect.candles:
        click.echo(f"judged by these hours: {_counts(effect.candles)}; `tradematrix coverage` shows the result")


@command.command("list")
@click.argument("calendar", required=False)
@click.option("--all", "undone", is_flag=True, help="Those that were undone, too.")
@json_option
def list_(*, calendar: str | None, undone: bool, as_json: bool) -> None:
    """List the corrections in force, then the calendars of one's own; times are UTC."""
    with open_database() as (_, database):
        corrections = list_corrections(database.engine, calendar, undone=undone)
        with database.engine.connect() as connection:
            defined = read_defined(connection)
    rows = [_correction(row) for row in corrections]
    rows += [_definition(name, own) for name, own in defined.items() if calendar in {None, name}]
    show(rows, as_json=as_json, empty="no corrections, and no calendars of one's own")


@command.command("undo")
@click.argument("calendar")
@click.argument("trade_date", type=TradeDate())
@json_option
def undo_(*, calendar: str, trade_date: date, as_json: bool) -> None:
    """Undo the correction of TRADE_DATE on CALENDAR."""
    with open_database() as (_, database):
        effect = undo(database.engine, calendar, trade_date, now=database.clock.now())
        session = calendar_named(database.engine, calendar).session(trade_date)
    if as_json:
        opens, closes = (None, None) if session is None else (session.opens_at, session.closes_at)
        shown = {"calendar": calendar, "trade_date": trade_date, "opens_at": opens, "closes_at": closes}
        show([shown | _shown(effect)], as_json=True)
        return
    what = "a closed day" if session is None else f"{session.opens_at:%H:%M} to {session.closes_at:%H:%M} UTC"
    click.echo(f"{trade_date} of {calendar} is {what} again: {_whose(effect)}")


@command.command()
@click.argument("name")
@click.option("--open", "opens", required=True, help="Time and zone: '00:30 UTC'.")
@click.option("--close", "closes", required=True, help="Time and zone, which may differ: '22:00 Europe/Berlin'.")
@click.option("--holidays", help="Closed on the closed days of this calendar, e.g. XEUR.")
@click.option("--break", "pause", nargs=2, metavar="START END", help="A break in each session: two times with zones.")
@json_option
def define(
    *, name: str, opens: str, closes: str, holidays: str | None, pause: tuple[str, str] | None, as_json: bool
) -> None:
    """Define a calendar NAME, Monday to Friday, for `symbols add --calendar NAME`.

    An open that is not before the close is the evening before. Single days that differ are corrections.
    """
    own = DefinedHours(
        opens=parse_edge(opens),
        closes=parse_edge(closes),
        pause=None if pause is None else (parse_edge(pause[0]), parse_edge(pause[1])),
        holidays=holidays,
    )
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a calendar: use 2 to 32 capitals and digits, e.g. GER40_BROKER")
    if name in calendar_names():
        raise UsageError(f"{name} is a calendar already: choose another name")
    _check_pause(name, own)
    with open_database() as (_, database):
        define_calendar(database.engine, name, own, now=database.clock.now())
        session = build_calendar(name, hours=own).next(database.clock.now().date())
    if as_json:
        show([_definition(name, own)], as_json=True)
        return
    click.echo(
        f"{name}: the next session is {session.opens_at:%Y-%m-%d %H:%M} to {session.closes_at:%Y-%m-%d %H:%M} UTC; "
        f"use it with `tradematrix symbols add SYMBOL --calendar {name}`"
    )


def _edge(text: str, calendar: TableCalendar) -> Edge:
    """Return a time on the command line, on the calendar's clock where it names no zone."""
    return parse_edge(f"{text} {calendar.timezone.key}" if _TIME.fullmatch(text.strip()) else text)


def _check_pause(name: str, own: DefinedHours) -> None:
    """Make the calendar, which names an unknown one of holidays, and check that its break lies within a session."""
    session = build_calendar(name, hours=own).next(date(2026, 1, 5))
    starts, ends = session.break_starts_at, session.break_ends_at
    if starts and ends and not session.opens_at < starts < ends < session.closes_at:
        raise UsageError("the break does not lie between open and close: give two times within the session")


def _shown(effect: Effect) -> dict[str, object]:
    return {"symbols": list(effect.symbols), "stored_candles": effect.candles}


def _whose(effect: Effect) -> str:
    return ", ".join(effect.symbols) or "no active symbol has this calendar"


def _counts(candles: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} of {name}" for name, count in candles.items())


def _correction(row: StoredCorrection) -> dict[str, object]:
    return _row(
        row.calendar,
        row.trade_date,
        row.kind,
        opens=row.opens_at,
        closes=row.closes_at,
        reason=row.reason,
        made_at=row.made_at,
        undone_at=row.undone_at,
    )


def _definition(name: str, own: DefinedHours) -> dict[str, object]:
    pause = None if own.pause is None else f"break {own.pause[0]} to {own.pause[1]}"
    holidays = None if own.holidays is None else f"holidays {own.holidays}"
    text = ", ".join(part for part in (pause, holidays) if part) or None
    return _row(name, None, "defined", opens=str(own.opens), closes=str(own.closes), reason=text)


def _row(
    calendar: str,
    trade_date: date | None,
    kind: str,
    *,
    opens: datetime | str | None,
    closes: datetime | str | None,
    reason: str | None,
    made_at: datetime | None = None,
    undone_at: datetime | None = None,
) -> dict[str, object]:
    return {
        "calendar": calendar,
        "trade_date": trade_date,
        "kind": kind,
        "opens": opens,
        "closes": closes,
        "reason": reason,
        "made_at": made_at,
        "undone_at": undone_at,
    }
