"""Which files an export has to write, keep and remove. Pure: from what is stored and the last manifest.

Here: the decision. Not here: reading what is stored, or writing files (``export_files``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tradematrix_pipelines.candles.coverage import Coverage, Status, StoredCoverage, Verdict
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.files.manifest import ExportedFile, ExportedSession, Manifest

RevisionMarks = Mapping[tuple[str, Timeframe, date], int]
"""The last revision of a session's candles, by symbol's name, timeframe and trade date, where there is one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """What is to be exported.

    Attributes:
        first: first trade date.
        last: last one.
        doubtful: doubtful sessions, too.
        incomplete: partial and open sessions, too, as far as they are stored.
    """

    symbols: frozenset[str]
    timeframes: frozenset[Timeframe]
    first: date = date.min
    last: date = date.max
    doubtful: bool = False
    incomplete: bool = False

    def has(self, symbol: str, timeframe: str, trade_date: date) -> bool:
        """Whether a session is asked for at all."""
        return symbol in self.symbols and timeframe in self.timeframes and self.first <= trade_date <= self.last

    def accepts(self, coverage: Coverage) -> bool:
        """Whether a session that is asked for is good enough."""
        if not coverage.received or coverage.is_pruned or coverage.status in {Status.CLOSED, Status.MISSING}:
            return False
        if coverage.verdict is Verdict.DOUBTFUL:
            return self.doubtful
        settled = coverage.is_settled and coverage.verdict is Verdict.ACCEPTED
        return settled or self.incomplete


@dataclass(frozen=True, kw_only=True, slots=True)
class Month:
    """One file to be written: a month of a series, and the sessions that it is to have, by trade date."""

    symbol: str
    timeframe: Timeframe
    month: str
    sessions: tuple[ExportedSession, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is to be done, by series and month.

    Attributes:
        write: months that are new or have changed.
        keep: files that are as they should be.
        remove: files of months without sessions.
    """

    write: tuple[Month, ...]
    keep: tuple[ExportedFile, ...]
    remove: tuple[ExportedFile, ...]


def plan_export(
    stored: Iterable[StoredCoverage], selection: Selection, manifest: Manifest, marks: RevisionMarks
) -> Plan:
    """Return what makes the export equal to the selection.

    Sessions that were exported and are not asked for now stay exported, as they are stored now. Those that were pruned
    since stay as they were exported.

    Args:
        stored: every session of the symbols.
    """
    exported = {
        (file.symbol, file.timeframe, session.trade_date): session
        for file in manifest.files
        for session in file.sessions
    }
    wanted: dict[tuple[str, str, str], list[ExportedSession]] = {}
    for row in stored:
        coverage = row.coverage
        key = row.symbol, str(coverage.timeframe), coverage.trade_date
        asked = selection.has(*key)
        if coverage.is_pruned:
            sessions = [exported[key]] if key in exported else []
        elif (asked and selection.accepts(coverage)) or (not asked and key in exported and coverage.received):
            sessions = [_session(row, marks.get((row.symbol, coverage.timeframe, coverage.trade_date)))]
        else:
            sessions = []
        if sessions:
            wanted.setdefault((key[0], key[1], f"{coverage.trade_date:%Y-%m}"), []).extend(sessions)
    files = {file.key: file for file in manifest.files}
    months = {key: _sorted(sessions) for key, sessions in wanted.items()}
    return Plan(
        write=tuple(
            Month(symbol=symbol, timeframe=Timeframe(timeframe), month=month, sessions=sessions)
            for (symbol, timeframe, month), sessions in sorted(months.items())
            if (symbol, timeframe, month) not in files or files[symbol, timeframe, month].sessions != sessions
        ),
        keep=tuple(file for key, file in files.items() if months.get(key, file.sessions) == file.sessions),
        remove=tuple(file for key, file in files.items() if key not in months and file.symbol in selection.symbols),
    )


def _session(row: StoredCoverage, revision: int | None) -> ExportedSession:
    coverage = row.coverage
    return ExportedSession(
        trade_date=coverage.trade_date,
        status=str(coverage.status),
        final=coverage.final,
        verdict=None if coverage.verdict is None else str(coverage.verdict),
        version=f"{row.checked_at.isoformat()} {coverage.received} {revision or 0}",
    )


def _sorted(sessions: Sequence[ExportedSession]) -> tuple[ExportedSession, ...]:
    return tuple(sorted(sessions, key=lambda session: session.trade_date))
