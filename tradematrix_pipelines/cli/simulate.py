"""``tradematrix simulate``: runs the simulated vendor as a server."""

from pathlib import Path

import click

from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.simulator import fault_help, serve_simulator
from tradematrix_pipelines.vendors.credits import parse_plan

_FAULTS = "\n".join(f"  {name}: {text}" for name, text in fault_help().items())


@click.command(
    epilog="\b\nFaults, each as NAME, NAME=VALUE or NAME=VALUE@SYMBOL,…\n" + _FAULTS,
    context_settings={"max_content_width": 110},
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port; 0 = any free one.")
@click.option(
    "--plan", default="unlimited", show_default=True, help="basic, grow, …, 377 (a minute) or 8/800 (and a day)."
)
@click.option("--key", help="The one key that is good; default: any.")
@click.option("--fault", "faults", multiple=True, metavar="FAULT", help="Misbehave; may be given several times.")
@click.option(
    "--files-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Serve one-minute files like EUR-USD_1m.csv instead of synthetic prices.",
)
def command(
    *, host: str, port: int, plan: str, key: str | None, faults: tuple[str, ...], files_dir: Path | None
) -> None:
    """Serve made-up prices over Twelve Data's protocol until Ctrl-C; TRADEMATRIX_CLOCK is its clock.

    Point the project at it: TRADEMATRIX_TWELVE_DATA_URL=http://127.0.0.1:8765 TWELVE_DATA_API_KEY=any
    """
    serve_simulator(
        host=host,
        port=port,
        plan=parse_plan(plan),
        clock=load_settings().clock,
        faults=faults,
        key=key,
        files_dir=files_dir,
        on_ready=lambda url: click.echo(f"simulator on {url}: prices are made up; Ctrl-C stops"),
    )
