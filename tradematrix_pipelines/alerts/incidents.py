"""Which incidents open and close when the system is judged again. Pure.

Not here: the kinds and what makes one (``alerts.detectors``), where incidents are kept (``storage.incidents``), and how
they are worded (``alerts.messages``).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from tradematrix_pipelines.alerts.detectors import Incident, IncidentKind


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
