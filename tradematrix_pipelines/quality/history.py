"""The sessions that a session is judged by: the last accepted ones of its series, and what is usual there.

Here: aggregates of summaries. Not here: a session's own numbers (``summary``), or when several sessions that agree on
another scale become the reference (``scale.anchor``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tradematrix_pipelines.quality.bars import Floats, Positions
from tradematrix_pipelines.quality.fingerprints import Hashes
from tradematrix_pipelines.quality.profile import as_array
from tradematrix_pipelines.quality.summary import SessionSummary

DEPTH = 20
"""Sessions that count, the last ones."""
WARM = 5
"""Fewer sessions judge cold."""
RECENT = 10
"""Sessions that edges are compared with, of DEPTH."""


@dataclass(frozen=True)
class History:
    """Accepted sessions before the one that is judged, ascending; at most the last 20."""

    sessions: tuple[SessionSummary, ...] = ()

    @staticmethod
    def of(summaries: Sequence[SessionSummary]) -> "History":
        """Return the history of the last of these sessions."""
        return History(tuple(summaries[-DEPTH:]))

    def __len__(self) -> int:
        return len(self.sessions)

    @property
    def is_cold(self) -> bool:
        """Whether there are too few sessions to know what is usual."""
        return len(self) < WARM

    @property
    def last(self) -> SessionSummary | None:
        """The session before."""
        return self.sessions[-1] if self.sessions else None

    @cached_property
    def usual_range(self) -> float:
        """Median log range of the sessions that have one; NaN without any."""
        return _median([session.log_range for session in self.sessions if session.log_range > 0])

    @cached_property
    def usual_share(self) -> float:
        """Median share of the expected bars."""
        return _median([session.bars / session.expected for session in self.sessions])

    @cached_property
    def finest_step(self) -> float:
        """Finest price step of the last five sessions, as a part of the price; 0 where none has one."""
        return min((session.step / session.close for session in self.sessions[-5:] if session.step > 0), default=0.0)

    @cached_property
    def longest_freeze(self) -> int:
        """Longest run of flat, unchanged bars."""
        return max((session.longest_freeze for session in self.sessions), default=0)

    @cached_property
    def longest_hole(self) -> int:
        """Most bars missing in a row, of the last ten sessions."""
        return max((session.longest_hole for session in self.sessions[-RECENT:]), default=0)

    @cached_property
    def sketches(self) -> tuple[Hashes, Positions]:
        """The fingerprints kept of all sessions, and the position of the session of each."""
        hashes = np.array([value for session in self.sessions for value in session.sketch], dtype=np.uint64)
        return hashes, np.repeat(np.arange(len(self)), [len(session.sketch) for session in self.sessions])

    def usual_profile(self, length: int) -> Floats:
        """Return the mean profile of ``length`` buckets; NaN where no session has one."""
        profiles = [as_array(session.profile, length) for session in self.sessions]
        known = np.array([~np.isnan(values) for values in profiles]).reshape(-1, length)
        sums = np.where(known, np.array(profiles).reshape(-1, length), 0.0).sum(axis=0)
        counts = known.sum(axis=0)
        means: Floats = np.divide(sums, counts, out=np.full(length, np.nan), where=counts > 0)
        return means


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else float("nan")
