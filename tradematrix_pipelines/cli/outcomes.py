"""``tradematrix outcomes``: what levels did, how often, and how certain that is."""

from datetime import date

import click

from tradematrix_pipelines.cli.common import TradeDate, open_database, simulated_title
from tradematrix_pipelines.cli.output import json_option, show, wide_option
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.levels.outcomes import Share, Statistic, selected, statistics
from tradematrix_pipelines.storage.outcomes import read_outcomes
from tradematrix_pipelines.storage.symbols import find_symbols


@click.command()
@click.argument("symbol")
@click.option("--level", "levels", multiple=True, help="Only this level: R1, 'classic r1', previous_week, 'gap fill'.")
@click.option("--from", "first", type=TradeDate(), default=date.min, help="First trade date; default: all history.")
@click.option("--to", "last", type=TradeDate(), default=date.max, help="Last trade date.")
@wide_option
@json_option
def command(*, symbol: str, levels: tuple[str, ...], first: date, last: date, wide: bool, as_json: bool) -> None:
    """Show how often SYMBOL's levels were touched, held and broken, and its gaps filled.

    Shares are with their 95 % intervals (Wilson), and for the first and the second half of the sessions. These are
    facts about the past, no advice.
    """
    if first > last:
        raise UsageError(f"--from {first} is after --to {last}: swap them")
    with open_database() as (_, database):
        [known] = find_symbols(database.engine, [symbol], only_active=False)
        outcomes = read_outcomes(database.engine, known, first=first, last=last)
        title = simulated_title(database)
    if levels:
        wanted = [selected(level) for level in levels]
        outcomes = [one for one in outcomes if any(is_meant(one.kind, one.name) for is_meant in wanted)]
    rows = [_row(statistic, as_json=as_json) for statistic in statistics(outcomes)]
    hint = f"no outcomes stored: run `tradematrix backfill {known.name} --from …`"
    empty = f"{hint}, or name another level" if levels else hint
    show(
        rows,
        as_json=as_json,
        title=title,
        empty=empty,
        optional=() if wide else ("counted", "first_half", "second_half"),
    )


def _row(statistic: Statistic, *, as_json: bool) -> dict[str, object]:
    low, high = statistic.whole.interval
    named = {"kind": str(statistic.kind), "name": statistic.name, "event": str(statistic.event)}
    counts = {"times": statistic.whole.times, "of": statistic.whole.of, "counted": statistic.event.base}
    if as_json:
        return {
            **named,
            **counts,
            "share": statistic.whole.share,
            "low": low,
            "high": high,
            "first_half": _half(statistic.first),
            "second_half": _half(statistic.second),
        }
    return {
        **named,
        **counts,
        "share": _percent(statistic.whole.share),
        "interval": f"{_percent(low)} to {_percent(high)}",
        "first_half": _percent(statistic.first.share),
        "second_half": _percent(statistic.second.share),
    }


def _half(share: Share) -> dict[str, object]:
    low, high = share.interval
    return {"times": share.times, "of": share.of, "share": share.share, "low": low, "high": high}


def _percent(part: float | None) -> str:
    return "-" if part is None else f"{100 * part:.1f} %"
