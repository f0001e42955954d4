"""``tradematrix report``: makes the morning page of a trade date, writes it to a file, and opens it."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tradematrix_pipelines.cli.common import TradeDate, open_database
from tradematrix_pipelines.cli.output import json_option, note, show
from tradematrix_pipelines.errors import TradeMatrixError
from tradematrix_pipelines.settings import Settings

if TYPE_CHECKING:
    from tradematrix_pipelines.storage.database import Database


@click.command()
@click.option(
    "--date", "trade_date", type=TradeDate(), help="Session to trade, or `tomorrow`; default: the coming one."
)
@click.option("--open", "opened", is_flag=True, help="Open it in the browser.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; default: reports/<date>.html in TRADEMATRIX_HOME.",
)
@json_option
def command(*, trade_date: date | None, opened: bool, output: Path | None, as_json: bool) -> None:
    """Make the morning page: what changed overnight, and each symbol's chart, levels, gap and outcomes.

    One HTML file that needs nothing else. It is made anew from what is stored, and kept in the database, where the
    board lists it. The page of a session that is over is shown as it was made last.
    """
    with open_database() as (settings, database):
        day, html = _page(settings, database, trade_date)
        path = output or settings.home / "reports" / f"{day}.html"
        _write(path, html)
    rows: list[dict[str, object]] = [{"trade_date": day, "path": str(path.absolute()), "bytes": len(html.encode())}]
    if as_json:
        show(rows, as_json=True)
    else:
        click.echo(path.absolute())
    if opened and click.launch(path.absolute().as_uri()) != 0:
        note("no browser could be opened: open the file in one", as_json=as_json)


def _page(settings: Settings, database: "Database", trade_date: date | None) -> tuple[date, str]:
    # Imported here: charts and frames take longer to import than --help to show.
    from tradematrix_pipelines.report.making import page_of  # noqa: PLC0415
    from tradematrix_pipelines.report.reading import coming_date  # noqa: PLC0415

    day = trade_date or coming_date(database)
    return day, page_of(database, settings, day)


def _write(path: Path, html: str) -> None:
    """Write the file, whole or not at all.

    Raises:
        TradeMatrixError: it can't be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(html, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise TradeMatrixError(f"can't write {path} ({error.strerror}): choose another file with --output") from error
