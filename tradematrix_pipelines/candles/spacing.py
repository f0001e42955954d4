"""How far apart the bars of a series are: bars that are five minutes apart are not one-minute bars.

Here: the distance that occurs most often, compared with the timeframe's. Not here: what becomes of the bars
(``screen``), or bars that are merely absent (``coverage``).
"""

import numpy as np
import numpy.typing as npt

from tradematrix_pipelines.candles.placement import Indices
from tradematrix_pipelines.markets.sessions import Instants
from tradematrix_pipelines.markets.timeframes import Timeframe

_LEAST_DISTANCES = 4
"""Fewer distances prove nothing: on a quiet night, minutes may be absent between two bars."""

_ONE_DAY = np.timedelta64(1, "D")


def misspaced_sessions(ts: Instants, index: Indices, timeframe: Timeframe, *, only_finer: bool = False) -> Indices:
    """Return the sessions whose bars are not one ``timeframe`` apart, as a rule, ascending.

    The rule is the distance between neighbouring bars that occurs most often; where several occur equally often, one of
    them has to be the timeframe's. Daily bars are judged together: in a daily series most are a day apart, in a weekly
    one a week.

    Args:
        ts: times of bars, any order, none of them NaT.
        index: the session of each bar.
        only_finer: whether only sessions with bars closer together are returned.
    """
    if not len(ts):
        return np.array([], dtype=np.intp)
    order = np.lexsort((ts, index))
    ts, index = ts[order], index[order]
    if timeframe.minutes is None:
        days = np.diff(ts.astype("datetime64[D]"))
        sound = _is_spaced(days, _ONE_DAY, only_finer=only_finer)
        return np.array([], dtype=np.intp) if sound else np.unique(index)
    length = np.timedelta64(timeframe.minutes, "m")
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    wrong = [
        session[0]
        for session, times in zip(np.split(index, starts[1:]), np.split(ts, starts[1:]), strict=True)
        if not _is_spaced(np.diff(times), length, only_finer=only_finer)
    ]
    return np.array(wrong, dtype=np.intp)


def _is_spaced(distances: npt.NDArray[np.timedelta64], length: np.timedelta64, *, only_finer: bool) -> bool:
    distances = distances[
        distances > np.timedelta64(0, "us")
    ]  # bars of the same time are judged elsewhere (``screen``)
    if len(distances) < _LEAST_DISTANCES or 2 * np.count_nonzero(distances == length) > len(distances):
        return True
    values, counts = np.unique(distances, return_counts=True)
    most = values[counts == counts.max()]
    return bool((most >= length).any()) if only_finer else bool((most == length).any())
