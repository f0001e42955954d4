"""The entry point of the ``tradematrix`` command: picks the subcommand, turns errors into one line and an exit code."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

import click

from tradematrix_pipelines.cli.signals import ends_like_ctrl_c
from tradematrix_pipelines.errors import TradeMatrixError, UsageError
from tradematrix_pipelines.log_output import write_logs
from tradematrix_pipelines.settings import load_settings, read_env_file

# Modules are imported when their command is run: Dagster alone takes longer to import than `pivots` to run.
_COMMANDS = {
    "demo": ("demo", "Fill an embedded database with the last sessions, show the levels, open the UI."),
    "up": ("up", "Run the web UI, the daemon and the board until Ctrl-C."),
    "serve": ("serve", "Run one service of a fleet: webserver, daemon, code-server or board."),
    "board": ("board", "Serve the board alone: all that is stored, as a page and as JSON."),
    "metrics": ("metrics", "Serve what Prometheus scrapes, without the board."),
    "status": ("status", "Show whether `up` runs here, since when, and its processes."),
    "stop": ("stop", "Stop the `up` of this home, and wait until it has ended."),
    "settings": ("settings", "Show every setting: its value, where it comes from, what it means."),
    "doctor": ("doctor", "Check database, migrations, vendor, calendars and Dagster's storage."),
    "symbols": ("symbols", "Add, list, change, deactivate and activate symbols."),
    "calendar": ("calendar", "Correct session calendars, and define calendars of one's own."),
    "backfill": ("backfill", "Fetch and store candles and levels of past sessions."),
    "retry": ("retry", "Fetch again all that is failed, partial, missing or doubtful."),
    "levels": ("levels", "Show daily levels and pivot points."),
    "report": ("report", "Make the morning page of a trade date, and open it."),
    "outcomes": ("outcomes", "Show what levels did: touched, held, broken, and how often."),
    "pivots": ("pivots", "Calculate pivot points from prices."),
    "candles": ("candles", "Show stored candles."),
    "prices": ("prices", "Show each symbol's current price."),
    "coverage": ("coverage", "Show which sessions are complete, and what is missing."),
    "files": ("files", "Check a folder of own files before anything of it is stored."),
    "export": ("export", "Write candles to Parquet or CSV files."),
    "accept": ("accept", "Accept a doubtful session, so that levels follow from it."),
    "verify": ("verify", "Ask for a sample of stored sessions again, and compare."),
    "quarantine": ("quarantine", "List, show, release and drop rejected candles."),
    "import": ("import_from", "Bring over the candles of the old system's database."),
    "compare": ("compare", "Compare candles and levels with another database."),
    "split": ("split", "Say that a stock has split, or that it has not."),
    "log": ("log", "Show what happened: sessions, levels, revisions, incidents, credits."),
    "plan": ("plan", "Price a backfill before it runs: calls, credits, minutes."),
    "credits": ("credits", "Show what is used and left of the vendor's credits."),
    "alerts": ("alerts", "Test the alert services, list incidents, turn touch alerts on and off."),
    "simulate": ("simulate", "Run the simulated vendor."),
    "backup": ("backup", "Write the databases to files."),
    "restore": ("restore", "Fill an empty database from a backup."),
    "prune": ("prune", "Delete candles that are old; levels and what was known stay."),
    "migrate": ("migrate", "Bring the market database's schema up to date."),
    "completion": ("completion", "Print the completion script of a shell: bash, zsh or fish."),
    "db-url": ("db_url", "Print the market database's URL, for Jupyter, DuckDB or Grafana."),
    "psql": ("psql", "Open psql on the market database; arguments are passed on."),
}


class _Commands(click.Group):
    """The subcommands, imported on demand; errors of the project are printed as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"tradematrix_pipelines.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            close = get_close_matches(args[0].lower(), _COMMANDS, n=1, cutoff=0.6)
            hint = f"Did you mean `tradematrix {close[0]}`?" if close else "`tradematrix --help` lists the commands."
            ctx.fail(f"No such command {args[0]!r}. {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            ctx.obj = read_env_file()
            write_logs(load_settings())
            with ends_like_ctrl_c(), _plain_refusals():
                return super().invoke(ctx)
        except TradeMatrixError as error:
            click.echo(f"Error: {error}", err=True)
            return ctx.exit(2 if isinstance(error, UsageError) else 1)


@contextmanager
def _plain_refusals() -> Iterator[None]:
    """Turn a database's refusal into an error of the project; the module for them is imported only when needed."""
    try:
        yield
    except (TradeMatrixError, click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        from tradematrix_pipelines.storage.refusals import plain_refusals  # noqa: PLC0415 - see above

        with plain_refusals():
            raise error from error.__cause__


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="tradematrix-pipelines")
def main() -> None:
    """Candles and daily levels of TradeMatrix: fetch, store, check, show.

    Settings come from the environment and the current folder's .env; `tradematrix settings` lists them.
    Exit codes: 0 done, 1 failed, 2 bad usage.
    """
