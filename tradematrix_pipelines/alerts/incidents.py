"""What an incident is, and which ones open and close when the system is judged again. Pure.

Not here: where incidents are kept (``storage.incidents``), and how they are worded (``alerts.messages``).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar


class IncidentKind(StrEnum):
    """What went wrong. One source judges all incidents of a kind at once."""

    RUN_FAILURE = "run_failure"
    LEVELS_MISSING = "levels_missing"
    CREDITS_LOW = "credits_low"
    STALE_MARKET = "stale_market"
    VENDOR_DISAGREEMENT = "vendor_disagreement"
    SESSION_EXHAUSTED = "session_exhausted"  # a session is exhausted: no more attempts by itself
    NOT_JUDGED = "not_judged"  # another kind could not be judged


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """Something that a person should look at.

    Attributes:
        key: what it is about, the same each time it is detected: ``stale_market|EUR/USD``.
        message: one line that says what is wrong and what to do. It is sent to services: no secrets.
    """

    key: str
    kind: IncidentKind
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedIncident(Incident):
    """An incident as it is stored. Instants are aware, UTC.

    Attributes:
        opening_notified_at: when its opening was notified; ``None`` = not yet.
        closed_at: when it was over; ``None`` = it is open.
    """

    id: int
    opened_at: datetime
    opening_notified_at: datetime | None = None
    closed_at: datetime | None = None
    closing_notified_at: datetime | None = None


_Known = TypeVar("_Known", bound=Incident)


def changes(
    current: Sequence[Incident], open_: Sequence[_Known], *, kinds: Collection[IncidentKind]
) -> tuple[list[Incident], list[_Known]]:
    """Return which of ``current`` are new, each key once, and which of ``open_`` are over.

    Args:
        kinds: the kinds that were judged completely. Only incidents of these kinds can be over: a source that could
            not judge must not report that all is well.
    """
    first: dict[str, Incident] = {}
    for incident in current:
        first.setdefault(incident.key, incident)
    known = {incident.key for incident in open_}
    opened = [incident for key, incident in first.items() if key not in known]
    return opened, [incident for incident in open_ if incident.kind in kinds and incident.key not in first]
