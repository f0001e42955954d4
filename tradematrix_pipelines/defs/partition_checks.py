"""The checks of single partitions: whether a session is complete, believable, and agrees with what else is known of it.

Reported, not run: a step reports those that its run selects, the sensor ``quality`` all others, whatever changed them
(a run, a live pull, `tradematrix accept`). Not here: the verdict (``quality``), nor ``fresh`` (``checks``).
"""

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Self

import dagster as dg

from tradematrix_pipelines.automation.backlog import LOOKBACK
from tradematrix_pipelines.candles.coverage import StoredCoverage
from tradematrix_pipelines.defs.automation import sensor_status
from tradematrix_pipelines.defs.installation import installation
from tradematrix_pipelines.defs.internals.check_rows import forget_evaluations
from tradematrix_pipelines.defs.on_database import on_database
from tradematrix_pipelines.defs.registry import CANDLES, candle_asset
from tradematrix_pipelines.markets.partition_key import PartitionKey
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import INTRADAY, Timeframe
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity
from tradematrix_pipelines.quality.verification import ABSENT, Comparison, Outcome
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.judgements import StoredJudgement, read_judged
from tradematrix_pipelines.storage.symbols import read_symbols
from tradematrix_pipelines.storage.verifications import StoredVerification, read_verifications

COMPLETE, BELIEVABLE, RECONCILES, VERIFIED = "complete", "believable", "reconciles", "verified"
_DESCRIPTIONS = {
    COMPLETE: "Every bar of the session is there, as far as the symbol's gap tolerance requires.",
    BELIEVABLE: "The session can be believed: levels follow from it.",
    RECONCILES: "The session agrees with the vendor's coarser bars and with its official day.",
    VERIFIED: "Asked for again, vendors said the same: reported where they were asked.",
}
PARTITION_CHECKS = tuple(_DESCRIPTIONS)
"""The names of the checks of partitions."""
_RECONCILED = {Kind.COARSER_BARS, Kind.OFFICIAL_DAY}
_RECENT = timedelta(days=7)
"""How far back sessions that pass are reported; those that fail are over the last 30 days."""
_SECONDS = 30
_ERROR = dg.AssetCheckSeverity.ERROR
_NEVER = datetime.min.replace(tzinfo=UTC)

Judged = Mapping[tuple[str, Timeframe, date], StoredJudgement]
Verified = Mapping[tuple[str, Timeframe, date], Sequence[StoredVerification]]


def partition_check_specs(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetCheckSpec]:
    """Return the checks of every candle asset's partitions."""
    with warnings.catch_warnings():
        # Dagster says of partitioned checks that they are in preview; defs/test_verdicts.py holds what is used of them.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(name, asset=asset, description=description, partitions_def=partitions)
            for asset in CANDLES
            for name, description in _DESCRIPTIONS.items()
        ]


def evaluate(rows: Iterable[StoredCoverage], judged: Judged, verified: Verified) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield the evaluations of the checks of these sessions; those that are not over have none."""
    for row in rows:
        coverage = row.coverage
        if not coverage.final:
            continue
        judgement = judged.get((row.symbol, coverage.timeframe, coverage.trade_date))
        findings = judgement.findings if judgement is not None else []
        yield _evaluation(
            row,
            COMPLETE,
            passed=coverage.ok,
            description=None if coverage.ok else coverage.reason(),
            metadata={
                "expected": coverage.expected,
                "received": coverage.received,
                "rejected": coverage.rejected,
                "longest_gap_minutes": coverage.longest_gap,
            },
        )
        if not coverage.ok:
            continue
        yield _evaluation(
            row,
            BELIEVABLE,
            passed=not coverage.is_doubtful,
            description=coverage.doubt,
            metadata={"verdict": str(coverage.verdict or "not judged"), **_table(findings)},
        )
        compared = [finding for finding in findings if finding.kind in _RECONCILED]
        contradicts = any(finding.severity > Severity.NOTE for finding in compared)
        yield _evaluation(
            row,
            RECONCILES,
            passed=not (contradicts and coverage.is_doubtful),
            description=compared[0].message if compared else None,
            metadata=_table(compared),
        )
        yield from _verified(row, _verifications(row, verified))


def evaluate_stored(
    database: Database, symbols: Sequence[Symbol], timeframes: Sequence[Timeframe], first: date, last: date
) -> list[dg.AssetCheckEvaluation]:
    """Return the evaluations of the sessions of these series between two trade dates, both included."""
    rows = read_coverage(database.engine, symbols, timeframes, first, last)
    judged = read_judged(database.engine, symbols, first, last)
    return list(evaluate(rows, judged, read_verifications(database.engine, symbols, first, last)))


def build_quality_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that reports what has changed: checks that fail, that fail no more, and recent sessions."""

    @dg.sensor(
        name="quality",
        minimum_interval_seconds=_SECONDS,
        default_status=sensor_status(settings),
        description="Report which sessions are complete and believable, without a run.",
    )
    @on_database(settings)
    def sensor(context: dg.SensorEvaluationContext, database: Database) -> dg.SensorResult | dg.SkipReason:
        now, symbols = database.clock.now(), read_symbols(database.engine)
        first = (now - LOOKBACK).date()
        rows = read_coverage(database.engine, symbols, list(Timeframe), first, date.max)
        judged = read_judged(database.engine, symbols, first, date.max)
        known = _Known.read(context.cursor)
        verified = read_verifications(database.engine, symbols, first, date.max)
        older, verified_older = _read_older(database, symbols, before=first, since=known.at)
        # Of the others all checks pass, as before: making their evaluations took a tick of many symbols longest.
        open_rows = [
            row
            for row in rows
            if _is_new(row, known.at, now) or _may_fail(row, verified) or (known.failing and known.has(row))
        ]
        evaluations = {_name(evaluation): evaluation for evaluation in evaluate(open_rows, judged, verified)}
        for row in older:
            evaluations |= {_name(result): result for result in _verified(row, _verifications(row, verified_older))}
        failing = {name: row.description or "" for name, row in evaluations.items() if not row.passed}
        recent = {_partition(row) for row in rows if _is_new(row, known.at, now)}
        asked = {
            _partition(row)
            for of_rows, known_of in ((rows, verified), (older, verified_older))
            for row in of_rows
            if _is_verified_since(_verifications(row, known_of), known.at)
        }
        reported = [
            row
            for name, row in evaluations.items()
            if known.failing.get(name) != failing.get(name)
            or (row.passed and (row.asset_key, row.partition) in (asked if row.check_name == VERIFIED else recent))
        ]
        cursor = _Known(at=now, failing=failing).as_text()
        if not reported:
            context.update_cursor(cursor)
            return dg.SkipReason(f"nothing has changed; {len(failing)} checks fail")
        forget_evaluations(context.instance, reported)
        return dg.SensorResult(asset_events=reported, cursor=cursor)

    return sensor


@dataclass(frozen=True)
class _Known:
    """What the sensor has reported: until when, and why which checks fail."""

    at: datetime = _NEVER
    failing: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: str | None) -> Self:
        if not cursor:
            return cls()
        values = json.loads(cursor)
        return cls(at=datetime.fromisoformat(values["at"]), failing=values["failing"])

    @cached_property
    def _partitions(self) -> set[tuple[str, str]]:
        return {(asset, partition) for asset, _, partition in (name.split(" ", 2) for name in self.failing)}

    def has(self, row: StoredCoverage) -> bool:
        """Whether a check of a session has failed."""
        asset, partition = _partition(row)
        return (asset.to_user_string(), partition) in self._partitions

    def as_text(self) -> str:
        return json.dumps({"at": self.at.isoformat(), "failing": self.failing})


def _may_fail(row: StoredCoverage, verified: Verified) -> bool:
    """Whether a check of a session may fail, see :func:`evaluate`."""
    return not row.coverage.ok or row.coverage.is_doubtful or bool(_verifications(row, verified))


def _is_new(row: StoredCoverage, since: datetime, now: datetime) -> bool:
    return row.checked_at > since and row.coverage.trade_date >= (now - _RECENT).date()


def _name(evaluation: dg.AssetCheckEvaluation) -> str:
    return f"{evaluation.asset_key.to_user_string()} {evaluation.check_name} {evaluation.partition}"


def _partition(row: StoredCoverage) -> tuple[dg.AssetKey, str]:
    key = PartitionKey(row.coverage.trade_date, row.symbol)
    return candle_asset(row.coverage.timeframe), str(key)


def _read_older(
    database: Database, symbols: Sequence[Symbol], *, before: date, since: datetime
) -> tuple[list[StoredCoverage], Verified]:
    """Return the older sessions that vendors were asked for since, or said otherwise of, and what they said."""
    by_name = {symbol.name: symbol for symbol in symbols}
    last = before - timedelta(days=1)
    verified = read_verifications(database.engine, symbols, date.min, last, since=since)
    rows = [
        row
        for name, day in sorted({(name, day) for name, _, day in verified})
        for row in read_coverage(database.engine, [by_name[name]], list(Timeframe), day, day)
        if row.coverage.ok and row.coverage.final
    ]
    return rows, verified


def _verifications(row: StoredCoverage, verified: Verified) -> Sequence[StoredVerification]:
    """Return what vendors said of a session's series, or of the finer one that it is resampled from."""
    timeframe, day = row.coverage.timeframe, row.coverage.trade_date
    names = [timeframe] if timeframe is Timeframe.D1 else [timeframe, *INTRADAY[: INTRADAY.index(timeframe)]]
    of_session = (verified.get((row.symbol, name, day)) for name in names)
    return [
        stored
        for stored in next((stored for stored in of_session if stored), ())
        if stored.verification.comparison.outcome is not Outcome.UNAVAILABLE
    ]


def _is_verified_since(verifications: Sequence[StoredVerification], since: datetime) -> bool:
    return any(stored.verified_at > since for stored in verifications)


def _verified(row: StoredCoverage, verifications: Sequence[StoredVerification]) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield the evaluation of a session that vendors were asked for again."""
    if not verifications:
        return
    different = [stored.verification for stored in verifications if stored.is_different]
    said = "; ".join(f"{result.vendor} {_otherwise(result.comparison)}" for result in different)
    yield _evaluation(
        row,
        VERIFIED,
        passed=not different,
        # What another vendor says is no error of the one that the session is stored from.
        severity=_ERROR if any(result.own for result in different) else dg.AssetCheckSeverity.WARN,
        description=said or None,
        metadata={
            stored.verification.vendor: f"{stored.verification.comparison.outcome}, "
            f"{stored.verified_at:%Y-%m-%d %H:%M} UTC"
            for stored in verifications
        },
    )


def _otherwise(comparison: Comparison) -> str:
    if comparison.largest is None or comparison.what == ABSENT:
        return "has other bars"
    return f"says otherwise; largest difference: {comparison.largest:g}, of {comparison.what}"


def _evaluation(
    row: StoredCoverage,
    name: str,
    *,
    passed: bool,
    description: str | None,
    metadata: Mapping[str, object],
    severity: dg.AssetCheckSeverity = _ERROR,
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=candle_asset(row.coverage.timeframe),
        check_name=name,
        passed=passed,
        severity=severity,
        description=description,
        metadata=metadata,  # type: ignore[arg-type]  # plain values: Dagster makes metadata of them
        partition=str(PartitionKey(row.coverage.trade_date, row.symbol)),
    )


def _table(findings: Sequence[Finding]) -> dict[str, dg.MetadataValue]:
    if not findings:
        return {}
    records = [
        dg.TableRecord(
            {
                "kind": str(finding.kind),
                "severity": finding.severity.name.lower(),
                "value": finding.value,
                "threshold": finding.threshold,
                "at": f"{finding.at:%Y-%m-%d %H:%M} UTC" if finding.at else "",
                "finding": finding.message,
            }
        )
        for finding in findings
    ]
    return {"findings": dg.MetadataValue.table(records)}


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this module."""
    return dg.Definitions(sensors=[build_quality_sensor(installation().settings)])
