"""Makes the morning page of a trade date and stores it: the asset and the command do the same."""

from datetime import date

from tradematrix_pipelines.report.model import Report
from tradematrix_pipelines.report.page import render
from tradematrix_pipelines.report.reading import is_over, read_report_of
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.morning_reports import read_report, write_report


def make_report(database: Database, settings: Settings, day: date) -> tuple[Report, str]:
    """Make the page of a trade date from what is stored, store it, and return what is on it and its HTML.

    Raises:
        NoReport: there is nothing to report of this trade date.
    """
    report = read_report_of(database, settings, day)
    html = render(report)
    write_report(database.engine, day, html, now=database.clock.now())
    return report, html


def page_of(database: Database, settings: Settings, day: date) -> str:
    """Return the page of a trade date: made anew until its last session is over, then as it was made last.

    Raises:
        NoReport: there is nothing to report of this trade date.
    """
    kept = read_report(database.engine, day) if is_over(database, day) else None
    return make_report(database, settings, day)[1] if kept is None else kept
