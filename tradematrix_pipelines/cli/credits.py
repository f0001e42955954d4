"""``tradematrix credits``: what is used and left of the vendor's credits, and for what."""

import click

from tradematrix_pipelines.cli.common import open_market
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.credits import TWELVE_DATA, CreditLedger, CreditUsage
from tradematrix_pipelines.storage.market import Market
from tradematrix_pipelines.vendors.credits import Plan, parse_plan


@click.command()
@json_option
def command(*, as_json: bool) -> None:
    """Show the credits of Twelve Data, as this database's ledger has them: used, left, reset, by purpose."""
    with open_market() as (settings, market):
        plan, usage = read_usage(settings, market)
    purposes = ", ".join(f"{name} {spent}" for name, spent in usage.by_purpose.items()) or "none"
    rows: list[dict[str, object]] = [
        {
            "limit": "minute",
            "of": plan.per_minute,
            "used": usage.minute_used,
            "left": usage.minute_left,
            "resets_at": None,
            "by_purpose": None,
        },
        {
            "limit": "day",
            "of": plan.per_day,
            "used": usage.day_used,
            "left": usage.day_left,
            "resets_at": usage.resets_at,
            "by_purpose": dict(usage.by_purpose) if as_json else purposes,
        },
    ]
    show(rows, as_json=as_json, title=f"Credits of {TWELVE_DATA}, plan {settings.twelve_data_plan}")


def read_usage(settings: Settings, market: Market) -> tuple[Plan, CreditUsage]:
    """Return Twelve Data's plan and what the ledger has of it now.

    Raises:
        UsageError: TWELVE_DATA_PLAN names no plan.
    """
    plan = parse_plan(settings.twelve_data_plan)
    ledger = CreditLedger(engine=market.engine, plan=plan, clock=market.clock)
    return plan, ledger.usage(TWELVE_DATA, market.clock.now())
