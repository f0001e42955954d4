"""The morning page as HTML: one file without scripts, fonts or pictures from elsewhere.

Here: how it looks, with ``page.html``. Not here: what is on it (``model``).
"""

from datetime import date, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from tradematrix_pipelines.report.model import Report

MOST_BYTES = 2_000_000
"""What a page may take, so that mail services accept it."""
_ABSENT = "-"


def render(report: Report) -> str:
    """Return the page. Charts are SVG of our own making; every other text is escaped."""
    return _template().render(report=report)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "price": _price,
        "signed": _signed,
        "long_date": _long_date,
        "short_date": _short_date,
        "instant": _instant,
        "svg": Markup,
    }
    return environment.get_template("page.html")


def _price(value: float | None, digits: int) -> str:
    return _ABSENT if value is None else f"{value:,.{digits}f}"


def _signed(value: float | None, digits: int) -> str:
    if value is None:
        return _ABSENT
    # Not "-0.00": what rounds to nothing has no side.
    return f"{0.0 if round(value, digits) == 0 else value:+,.{digits}f}"


def _long_date(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B %Y}"


def _short_date(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"


def _instant(at: datetime) -> str:
    return f"{_short_date(at)} {at:%H:%M} UTC"
