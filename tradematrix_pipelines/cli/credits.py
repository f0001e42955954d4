"""``tradematrix credits``: what is used and left of each vendor's credits, and for what."""

import click

from tradematrix_pipelines.cli.common import open_database
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.storage.credits import CreditUsage, open_ledger
from tradematrix_pipelines.vendors.credits import Plan


@click.command()
@json_option
def command(*, as_json: bool) -> None:
    """Show the credits of each vendor with a limit, from this database's ledger: used, left, by purpose."""
    with open_database() as (settings, database):
        ledger, now = open_ledger(database.engine, settings), database.clock.now()
        rows = [
            row
            for vendor, plan in ledger.plans.items()
            for row in _rows(vendor, plan, ledger.usage(vendor, now), as_json=as_json)
        ]
    show(rows, as_json=as_json, title="Credits", empty=f"the vendor {settings.vendor_name} has no limit")


def _rows(vendor: str, plan: Plan, usage: CreditUsage, *, as_json: bool) -> list[dict[str, object]]:
    purposes = ", ".join(f"{name} {spent}" for name, spent in usage.by_purpose.items()) or "none"
    return [
        {
            "vendor": vendor,
            "limit": "minute",
            "of": plan.per_minute,
            "used": usage.minute_used,
            "left": usage.minute_left,
            "resets_at": None,
            "by_purpose": None,
        },
        {
            "vendor": vendor,
            "limit": "day",
            "of": plan.per_day,
            "used": usage.day_used,
            "left": usage.day_left,
            "resets_at": usage.resets_at,
            "by_purpose": dict(usage.by_purpose) if as_json else purposes,
        },
    ]
