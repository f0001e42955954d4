"""The morning pages that are stored: which there are, and each as it is."""

from datetime import date

from starlette.responses import HTMLResponse, Response

from tradematrix_pipelines.board.problems import problem
from tradematrix_pipelines.board.shapes import MorningReport, MorningReports
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.morning_reports import read_report, read_report_dates

_MOST = 250
"""A year of trade dates."""
# Nothing in it is loaded or run, whatever it says.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def find_reports(database: Database) -> MorningReports:
    """Return which morning pages there are, the newest trade dates first."""
    stored = read_report_dates(database.engine, most=_MOST)
    return MorningReports(
        reports=[
            MorningReport(
                trade_date=report.trade_date,
                written_at=report.written_at,
                size=report.size,
                path=f"/reports/{report.trade_date}",
            )
            for report in stored
        ]
    )


def find_report_page(database: Database, day: date) -> Response:
    """Return the morning page of a trade date, or the problem that there is none."""
    html = read_report(database.engine, day)
    if html is None:
        make = f"`tradematrix report --date {day}` makes it, where there are levels"
        return problem(404, f"there is no morning page of {day}: {make}")
    return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY})
