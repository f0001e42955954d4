"""``manifest.json``: which files an export consists of, and what each has.

Here: its form, read and written. Not here: what is exported (``cli.export``), or the candles of a file (``responses``).
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self

from tradematrix_pipelines.vendors.errors import BadFile

MANIFEST = "manifest.json"
_FORM = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedSession:
    """One session of a file.

    Attributes:
        version: differs from that of another state of the session.
    """

    trade_date: date
    status: str
    final: bool
    verdict: str | None
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedFile:
    """One month of one series.

    Attributes:
        path: relative to the manifest, with ``/``.
        month: of its trade dates: ``2026-11``.
        rows: candles.
        first: open of the first candle.
        last: open of the last one.
        sessions: by trade date.
    """

    path: str
    symbol: str
    timeframe: str
    month: str
    rows: int
    first: datetime
    last: datetime
    sha256: str
    sessions: tuple[ExportedSession, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """Series and month."""
        return self.symbol, self.timeframe, self.month


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """An export.

    Attributes:
        format: ``parquet`` or ``csv``.
        files: by series and month.
    """

    format: str
    files: tuple[ExportedFile, ...] = ()

    def with_files(self, files: Iterable[ExportedFile]) -> Self:
        """Return the manifest of the same export with other files."""
        return type(self)(format=self.format, files=tuple(sorted(files, key=lambda file: file.key)))

    def as_json(self) -> str:
        """Return its text; the same export has the same text."""
        content = {"form": _FORM, "format": self.format, "files": [_file_as_json(file) for file in self.files]}
        return json.dumps(content, indent=1, default=_plain) + "\n"


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a folder; ``None`` where it has none.

    Raises:
        BadFile: it is not one.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["form"] != _FORM:
            raise BadFile(f"{path} was written by another version: export to a new folder")
        return Manifest(format=content["format"], files=tuple(map(_file, content["files"])))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadFile(f"{path} is no manifest of an export ({type(error).__name__}): export to a new folder") from None


def _file_as_json(file: ExportedFile) -> dict[str, Any]:
    content = asdict(file)
    sessions = content.pop("sessions")
    verdicts = Counter(session.verdict or "not judged" for session in file.sessions)
    return {**content, "verdicts": dict(sorted(verdicts.items())), "sessions": sessions}


def _file(content: dict[str, Any]) -> ExportedFile:
    content = {name: value for name, value in content.items() if name != "verdicts"}
    sessions = tuple(
        ExportedSession(**{**session, "trade_date": date.fromisoformat(session["trade_date"])})
        for session in content.pop("sessions")
    )
    first, last = (datetime.fromisoformat(content.pop(name)) for name in ("first", "last"))
    return ExportedFile(**content, first=first, last=last, sessions=sessions)


def _plain(value: date) -> str:
    return value.isoformat()
