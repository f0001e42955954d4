"""What is thought of stored sessions: verdicts, findings, summaries, and what a person has accepted.

Here: reading and writing them. Not here: the judgement (``quality``), or judging what is stored without a verdict
(``judging``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from tradematrix_pipelines.candles.coverage import Verdict
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.ingest.judging import Past, Prices, Record
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity
from tradematrix_pipelines.quality.summary import SessionSummary
from tradematrix_pipelines.storage.stamps import stamp
from tradematrix_pipelines.storage.tables import (
    ohlc,
    session_acceptances,
    session_coverage,
    session_findings,
    session_summaries,
)

SessionKey = tuple[Timeframe, date]
"""A session of one symbol: timeframe and trade date."""

_ACCEPTED, _DOUBTFUL = str(Verdict.ACCEPTED), str(Verdict.DOUBTFUL)
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredJudgement:
    """What is thought of a stored session.

    Attributes:
        cold: whether there were too few sessions before it to know what is usual.
        findings: in the order of the detectors.
    """

    cold: bool
    findings: list[Finding] = field(default_factory=list)


def write_judgements(connection: Connection, batch: SeriesBatch, *, now: datetime) -> None:
    """Store the judgements of ``batch``'s sessions, each with its findings, in place of earlier ones.

    A refused session that is stored from an earlier answer keeps the judgement of what is stored.
    """
    if not batch.judgements:
        return
    refused = [day for day, row in batch.judgements.items() if row.verdict is Verdict.REFUSED]
    kept = _stored(connection, batch, refused)
    judgements = {day: row for day, row in batch.judgements.items() if day not in kept}
    if not judgements:
        return
    key = {"symbol_id": batch.symbol.id, "timeframe": str(batch.timeframe)}
    summaries = [
        key
        | {
            "trade_date": day,
            "verdict": str(row.verdict),
            "cold": row.cold,
            "summary": row.summary.as_json(),
            "judged_at": now,
        }
        for day, row in judgements.items()
    ]
    statement = insert(session_summaries)
    changed = {name: statement.excluded[name] for name in ("verdict", "cold", "summary", "judged_at")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["symbol_id", "timeframe", "trade_date"], set_=changed),
        summaries,
    )
    table = session_findings
    connection.execute(
        delete(table).where(
            table.c.symbol_id == batch.symbol.id,
            table.c.timeframe == str(batch.timeframe),
            table.c.trade_date.in_(list(judgements)),
        )
    )
    findings = [
        key | {"trade_date": day, "position": position, **_finding_row(finding)}
        for day, row in judgements.items()
        for position, finding in enumerate(row.findings)
    ]
    if findings:
        connection.execute(insert(table), findings)


def read_record(engine: Engine, symbol: Symbol) -> Record:
    """Return what is stored of a symbol's judged sessions, for the judgement of others."""
    table = session_acceptances
    with engine.connect() as connection:
        rows = connection.execute(select(table).where(table.c.symbol_id == symbol.id)).all()
    accepted: dict[SessionKey, Prices] = {
        (Timeframe(row.timeframe), row.trade_date): (row.open, row.high, row.low, row.close) for row in rows
    }
    return Record(
        read=partial(_read_past, engine, symbol),
        accepted=accepted,
        stored_at=partial(_read_stored_at, engine, symbol),
    )


def read_judged(
    engine: Engine, symbols: Sequence[Symbol], first: date, last: date, *, as_of: datetime | None = None
) -> dict[tuple[str, Timeframe, date], StoredJudgement]:
    """Return what is thought of the judged sessions between two trade dates, both included.

    By symbol's name, timeframe and trade date. Series that are resampled are not judged by themselves.

    Args:
        as_of: leave out what was judged after this instant, aware; ``None`` = nothing.
    """
    names = {symbol.id: symbol.name for symbol in symbols}
    judged: dict[tuple[str, Timeframe, date], StoredJudgement] = {}
    with engine.connect() as connection:
        for row in connection.execute(_between(session_summaries, names, first, last)):
            if as_of is None or row.judged_at <= as_of:
                judged[names[row.symbol_id], Timeframe(row.timeframe), row.trade_date] = StoredJudgement(cold=row.cold)
        ordered = _between(session_findings, names, first, last).order_by(session_findings.c.position)
        for row in connection.execute(ordered):
            judgement = judged.get((names[row.symbol_id], Timeframe(row.timeframe), row.trade_date))
            if judgement is None:
                continue
            finding = Finding(
                kind=Kind(row.kind),
                severity=Severity[row.severity.upper()],
                value=row.value,
                threshold=row.threshold,
                message=row.message,
                at=row.at,
                until=row.until,
            )
            judgement.findings.append(finding)
    return judged


def _between(table: Table, symbol_ids: Iterable[int | None], first: date, last: date) -> Select[Any]:
    return select(table).where(table.c.symbol_id.in_(list(symbol_ids)), table.c.trade_date.between(first, last))


def read_unaccepted(
    engine: Engine, symbol: Symbol, trade_date: date
) -> dict[Timeframe, tuple[SessionSummary, Verdict]]:
    """Return the judged series of a session that are doubtful or refused, by timeframe."""
    return {
        timeframe: (summary, verdict)
        for (timeframe, _), (summary, verdict) in _read_past(engine, symbol, trade_date, trade_date).items()
        if verdict is not Verdict.ACCEPTED
    }


def accept_session(engine: Engine, symbol: Symbol, trade_date: date, *, reason: str, now: datetime) -> list[Timeframe]:
    """Accept what is doubtful or refused of a session, as its prices are now; return the series that were.

    A doubtful session is believed at once; a refused one is, when it is fetched again with these prices.
    """
    unaccepted = read_unaccepted(engine, symbol, trade_date)
    with engine.begin() as connection:
        stamp(connection, now)
        for timeframe, (summary, _) in unaccepted.items():
            statement = insert(session_acceptances)
            values = {name: getattr(summary, name) for name in _PRICES} | {"reason": reason, "accepted_at": now}
            key = {"symbol_id": symbol.id, "timeframe": str(timeframe), "trade_date": trade_date}
            connection.execute(
                statement.values(key | values).on_conflict_do_update(index_elements=list(key), set_=values)
            )
        for table in (session_summaries, session_coverage):
            of_session = _of_session(table, symbol, trade_date)
            connection.execute(table.update().where(of_session, table.c.verdict == _DOUBTFUL).values(verdict=_ACCEPTED))
    return list(unaccepted)


def withdraw_acceptance(engine: Engine, symbol: Symbol, trade_date: date, *, now: datetime) -> list[Timeframe]:
    """Take an acceptance back: the session is doubtful again. Return the series that were accepted by it."""
    accepted, summaries, coverage = session_acceptances, session_summaries, session_coverage
    with engine.begin() as connection:
        stamp(connection, now)
        gone = connection.execute(
            delete(accepted).where(_of_session(accepted, symbol, trade_date)).returning(accepted.c.timeframe)
        )
        timeframes = [str(name) for name in gone.scalars()]
        if timeframes:
            judged = select(summaries.c.timeframe).where(_of_session(summaries, symbol, trade_date))
            # Series without a judgement of their own are resampled from one that has, and go with it.
            concerned = coverage.c.timeframe.in_(timeframes) | coverage.c.timeframe.not_in(judged)
            for table, rows in ((coverage, concerned), (summaries, summaries.c.timeframe.in_(timeframes))):
                of_session = _of_session(table, symbol, trade_date)
                connection.execute(
                    table.update().where(of_session, rows, table.c.verdict == _ACCEPTED).values(verdict=_DOUBTFUL)
                )
    return [Timeframe(name) for name in timeframes]


def _of_session(table: Table, symbol: Symbol, trade_date: date) -> ColumnElement[bool]:
    return and_(table.c.symbol_id == symbol.id, table.c.trade_date == trade_date)


def _read_past(engine: Engine, symbol: Symbol, first: date, last: date) -> Past:
    table = session_summaries
    query = select(table.c.timeframe, table.c.trade_date, table.c.verdict, table.c.summary).where(
        table.c.symbol_id == symbol.id, table.c.trade_date.between(first, last)
    )
    with engine.connect() as connection:
        return {
            (Timeframe(row.timeframe), row.trade_date): (SessionSummary.from_json(row.summary), Verdict(row.verdict))
            for row in connection.execute(query)
        }


def _read_stored_at(engine: Engine, symbol: Symbol, first: date, last: date) -> dict[date, datetime]:
    days, on = session_coverage, Timeframe.D1
    query = (
        select(days.c.trade_date, func.coalesce(ohlc.c.stored_at, ohlc.c.ts).label("stored_at"))
        .join_from(days, ohlc, (ohlc.c.symbol_id == days.c.symbol_id) & (ohlc.c.ts == days.c.opens_at))
        .where(
            days.c.symbol_id == symbol.id,
            days.c.timeframe == str(on),
            ohlc.c.timeframe == str(on),
            days.c.trade_date.between(first, last),
        )
    )
    with engine.connect() as connection:
        return {row.trade_date: row.stored_at for row in connection.execute(query)}


def _stored(connection: Connection, batch: SeriesBatch, days: Iterable[date]) -> set[date]:
    """Return those of these sessions of the batch's series that have stored candles."""
    if not days:
        return set()
    table = session_coverage
    query = select(table.c.trade_date).where(
        table.c.symbol_id == batch.symbol.id,
        table.c.timeframe == str(batch.timeframe),
        table.c.trade_date.in_(list(days)),
        table.c.received > 0,
    )
    return set(connection.execute(query).scalars())


def _finding_row(finding: Finding) -> dict[str, Any]:
    return {
        "kind": str(finding.kind),
        "severity": finding.severity.name.lower(),
        "value": finding.value,
        "threshold": finding.threshold,
        "message": finding.message,
        "at": finding.at,
        "until": finding.until,
    }
