"""The rows of ``morning_reports``: the page of each trade date, as it was made last."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Engine, func, select
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.storage.tables import morning_reports as _table


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredReport:
    """A morning page, without its text.

    Attributes:
        written_at: when it was made, aware, UTC.
        size: in bytes.
    """

    trade_date: date
    written_at: datetime
    size: int


def write_report(engine: Engine, trade_date: date, html: str, *, now: datetime) -> None:
    """Store the page of a trade date in the place of the one before; whether that was sent stays known."""
    statement = insert(_table).values(trade_date=trade_date, html=html, written_at=now)
    replacing = {"html": statement.excluded.html, "written_at": statement.excluded.written_at}
    with engine.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["trade_date"], set_=replacing))


def read_report(engine: Engine, trade_date: date) -> str | None:
    """Return the page of a trade date; ``None`` where there is none."""
    query = select(_table.c.html).where(_table.c.trade_date == trade_date)
    with engine.connect() as connection:
        html: str | None = connection.execute(query).scalar_one_or_none()
    return html


def read_report_dates(engine: Engine, *, most: int) -> list[StoredReport]:
    """Return which pages there are, the newest trade dates first."""
    size = func.octet_length(_table.c.html).label("size")
    query = select(_table.c.trade_date, _table.c.written_at, size).order_by(_table.c.trade_date.desc()).limit(most)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return [
        StoredReport(trade_date=row.trade_date, written_at=row.written_at.astimezone(UTC), size=row.size)
        for row in rows
    ]
