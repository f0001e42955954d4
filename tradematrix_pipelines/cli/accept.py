"""``tradematrix accept``: a person's word that a doubtful session is right, and the way back."""

from datetime import date

import click

from tradematrix_pipelines.cli.common import TradeDate, open_database
from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.judgements import accept_session, withdraw_acceptance
from tradematrix_pipelines.storage.symbols import find_symbols


@click.command()
@click.argument("symbol")
@click.argument("trade_date", type=TradeDate(), metavar="DATE")
@click.option("--reason", help="Why it is right; kept with the session.")
@click.option("--withdraw", is_flag=True, help="Take the acceptance back.")
@json_option
def command(*, symbol: str, trade_date: date, reason: str | None, withdraw: bool, as_json: bool) -> None:
    """Accept a session that is doubtful or refused, as its prices are now.

    Its levels follow by themselves where `tradematrix up` runs; otherwise `tradematrix retry` computes them. A refused
    session is stored when it is fetched again. Where the vendor revises its prices, it is judged anew.
    """
    if not withdraw and not (reason or "").strip():
        raise UsageError("give a reason, which is kept with the session: --reason 'SNB drops the floor'")
    with open_database() as (_, database):
        [known] = find_symbols(database.engine, [symbol], only_active=False)
        rows = (
            _withdraw(database, known, trade_date) if withdraw else _accept(database, known, trade_date, reason or "")
        )
    show(rows, as_json=as_json)
    if not as_json and not withdraw:
        click.echo(f"its levels follow by themselves, or with: tradematrix retry {symbol} --since {trade_date}")


def _accept(database: Database, symbol: Symbol, trade_date: date, reason: str) -> list[dict[str, object]]:
    accepted = accept_session(database.engine, symbol, trade_date, reason=reason, now=database.clock.now())
    if not accepted:
        raise UsageError(
            f"{symbol.name} {trade_date} is neither doubtful nor refused: see `tradematrix coverage {symbol.name} "
            f"--from {trade_date} --to {trade_date}`"
        )
    return [_row(symbol, trade_date, str(name), "accepted") for name in accepted]


def _withdraw(database: Database, symbol: Symbol, trade_date: date) -> list[dict[str, object]]:
    withdrawn = withdraw_acceptance(database.engine, symbol, trade_date, now=database.clock.now())
    if not withdrawn:
        raise UsageError(f"nobody has accepted {symbol.name} {trade_date}")
    return [_row(symbol, trade_date, str(name), "doubtful") for name in withdrawn]


def _row(symbol: Symbol, trade_date: date, timeframe: str, verdict: str) -> dict[str, object]:
    return {"symbol": symbol.name, "trade_date": trade_date, "timeframe": timeframe, "verdict": verdict}
