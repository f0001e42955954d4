"""Which of a vendor's bars are candles: normalise, validate, and give the reason of each rejection.

Pure and total: any frame with the columns and dtypes of ``candles.frame`` is divided into candles, rejected rows
with a reason, and counts of dropped rows. Not here: whether the candles are complete (``coverage``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradematrix_pipelines.candles.frame import COLUMNS, PRICES, TS_DTYPE, VALUES, as_candles, instants
from tradematrix_pipelines.candles.jumps import jumps
from tradematrix_pipelines.candles.placement import Indices, Spans, spans
from tradematrix_pipelines.candles.spacing import misspaced_sessions
from tradematrix_pipelines.markets.sessions import Instants, Session, to_instant
from tradematrix_pipelines.markets.timeframes import Timeframe

# Real bars stay far below: the largest one-day loss of the DJI is 23% (1987-10-19), and the flash crash of
# 2010-05-06 took its 9% over minutes. A tick with a digit too many or a shifted point is off by 90% and more.
INTRADAY_JUMP = 0.2
DAILY_JUMP = 0.5

_DAY = 24 * 60

Mask = npt.NDArray[np.bool_]
Values = Mapping[str, npt.NDArray[np.float64]]


class Reason(StrEnum):
    """Why a bar is rejected. Of several faults the first in this order is given."""

    NO_TIME = "it has no time"
    NOT_FINITE = "a price is missing or infinite"
    NOT_POSITIVE = "a price is zero or negative"
    HIGH_TOO_LOW = "high is below open or close"
    LOW_TOO_HIGH = "low is above open or close"
    BAD_VOLUME = "volume is negative or infinite"
    OUT_OF_RANGE = "a price is outside the symbol's price range"
    OFF_GRID = "its time is not on the timeframe's grid"
    PAST_CLOSE = "it reaches past the close of its session, or into the break"
    SPACING = "the bars around it are not one timeframe apart"
    CONFLICT = "another bar of the same time has other values"
    JUMP = "a price is far from those of the bars around it"
    REFUSED = "its whole session can't be true"
    """Given by the judgement of the session (``quality``), not by the screening."""


@dataclass(frozen=True, slots=True)
class Screened:
    """A frame of bars, divided into candles, rejected and dropped rows.

    Attributes:
        candles: rows that passed; columns and dtypes of ``candles.frame``, strictly increasing ``ts``.
        rejected: rows that failed: raw values, raw ``ts``, and a ``reason`` (:class:`Reason` as text); by ``ts``.
        outside: rows that lie in none of the sessions.
        forming: rows whose bar had not closed.
    """

    candles: pd.DataFrame
    rejected: pd.DataFrame
    outside: int
    forming: int


@dataclass(frozen=True, slots=True)
class _Placed:
    """Times of rows and the sessions they belong to; all arrays of one length.

    ``opens`` is the ``ts`` of the candle made from the row: of a daily bar the open of its session. ``index`` is the
    row's session, -1 where it has none.
    """

    opens: Instants
    index: Indices
    outside: Mask
    forming: Mask
    on_grid: Mask
    past_close: Mask


def screen(
    raw: pd.DataFrame,
    *,
    timeframe: Timeframe,
    sessions: Sequence[Session],
    now: datetime,
    price_range: tuple[float, float] | None = None,
    cut_at_close: bool = False,
    max_jump: float | None = None,
) -> Screened:
    """Divide a vendor's bars into candles, rejected and dropped rows.

    Rows outside the sessions (a midday break is outside) and bars that had not closed at ``now`` are counted and
    dropped. The rest is tested for everything that :class:`Reason` lists. Identical rows collapse into one. Where
    several rows of one time with different values pass the other tests, all of them are rejected, because it can't be
    known which one is right.

    Args:
        raw: columns and dtypes of ``candles.frame``, any order. ``ts`` of a daily bar is midnight UTC of its trade
            date; the candle made from it opens with the session.
        sessions: ascending, as ``SessionCalendar.sessions`` gives them.
        now: aware; a bar closes with its timeframe's length or with its session, whichever comes first.
        price_range: lowest and highest plausible price of the symbol; ``None`` = any.
        cut_at_close: whether the vendor builds its bars for these sessions, so that the close cuts the last one short.
            Otherwise a bar that reaches past the close contains prices from after it. A bar that opens between a close
            and the end of such a bar shows that they are not cut, and overrides the flag.
        max_jump: how far a price may be from the median close around it, as a fraction of it (``jumps``);
            ``None`` is 0.2 for intraday bars and 0.5 for daily ones.
    """
    rows = as_candles(raw)
    ts = instants(rows["ts"])
    placed = _place(ts, timeframe, spans(sessions), to_instant(now), cut_at_close=cut_at_close)
    kept = np.flatnonzero(~placed.outside & ~placed.forming)
    kept = kept[np.argsort(ts[kept], kind="stable")]
    kept = _collapse(rows, ts, kept)
    limit = max_jump if max_jump is not None else DAILY_JUMP if timeframe is Timeframe.D1 else INTRADAY_JUMP
    values = {name: rows[name].to_numpy()[kept] for name in VALUES}
    faults = _faults(ts[kept], values, price_range) | {
        Reason.OFF_GRID: ~placed.on_grid[kept],
        Reason.PAST_CLOSE: placed.past_close[kept],
        # Finer bars on the grid of a coarser series would otherwise pass for its own.
        Reason.SPACING: _misspaced(ts[kept], placed.index[kept], timeframe, only_finer=True),
    }
    reasons = _reasons(ts[kept], values, faults, max_jump=limit)
    passed = np.flatnonzero(reasons < 0)
    misspaced = _misspaced(ts[kept][passed], placed.index[kept][passed], timeframe)
    reasons[passed[misspaced]] = list(Reason).index(Reason.SPACING)
    sound = reasons < 0
    return Screened(
        candles=_frame(placed.opens[kept], values, sound),
        rejected=_frame(ts[kept], values, ~sound).assign(reason=_texts(reasons[~sound])),
        outside=int(placed.outside.sum()),
        forming=int(placed.forming.sum()),
    )


def _place(ts: Instants, timeframe: Timeframe, where: Spans, now: np.datetime64, *, cut_at_close: bool) -> _Placed:
    index = where.locate_raw(ts, timeframe)
    inside = index >= 0
    opens, on_grid, forming = ts.copy(), np.zeros(len(ts), dtype=bool), np.zeros(len(ts), dtype=bool)
    mine, times = index[inside], ts[inside]
    anchors: Instants = times.astype("datetime64[D]") if timeframe.minutes is None else where.opens[mine]
    on_grid[inside] = (times - anchors) % np.timedelta64(timeframe.minutes or _DAY, "m") == np.timedelta64(0, "us")
    forming[inside] = where.bar_closes(times, mine, timeframe) > now
    if timeframe.minutes is None:
        opens[inside] = where.opens[mine]
    outside = ~inside & ~np.isnat(ts)
    past_close = where.reach_out(ts, index, timeframe)
    if cut_at_close and not where.follow_close(ts[outside], timeframe).any():
        past_close[:] = False
    return _Placed(opens=opens, index=index, outside=outside, forming=forming, on_grid=on_grid, past_close=past_close)


def _collapse(rows: pd.DataFrame, ts: Instants, kept: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return ``kept`` (row numbers, by time) with one of each identical rows."""
    twin = _shared(ts[kept])
    if not twin.any():
        return kept
    repeated = rows.iloc[kept[twin]].duplicated().to_numpy()
    return np.delete(kept, np.flatnonzero(twin)[repeated])


def _shared(ts: Instants) -> Mask:
    """Return which of these times, ascending, occur more than once."""
    twin = np.zeros(len(ts), dtype=bool)
    same = ts[1:] == ts[:-1]
    twin[1:] |= same
    twin[:-1] |= same
    return twin


def _misspaced(ts: Instants, index: Indices, timeframe: Timeframe, *, only_finer: bool = False) -> Mask:
    located = index >= 0
    return np.isin(index, misspaced_sessions(ts[located], index[located], timeframe, only_finer=only_finer))


def _faults(ts: Instants, values: Values, price_range: tuple[float, float] | None) -> dict[Reason, Mask]:
    """Return, for each fault that depends on a single row, which rows have it."""
    opens, highs, lows, closes = (values[name] for name in PRICES)
    volumes = values["volume"]
    finite = np.isfinite(opens) & np.isfinite(highs) & np.isfinite(lows) & np.isfinite(closes)
    lowest, highest = price_range or (-np.inf, np.inf)
    return {
        Reason.NO_TIME: np.isnat(ts),
        Reason.NOT_FINITE: ~finite,
        Reason.NOT_POSITIVE: (opens <= 0) | (highs <= 0) | (lows <= 0) | (closes <= 0),
        Reason.HIGH_TOO_LOW: highs < np.maximum(opens, closes),
        Reason.LOW_TOO_HIGH: lows > np.minimum(opens, closes),
        Reason.BAD_VOLUME: (volumes < 0) | np.isposinf(volumes),
        Reason.OUT_OF_RANGE: (lows < lowest) | (highs > highest),
    }


def _reasons(ts: Instants, values: Values, faults: Mapping[Reason, Mask], *, max_jump: float) -> npt.NDArray[np.intp]:
    """Return for each row, by time, the position of its reason in :class:`Reason`, or -1."""
    order = list(Reason)
    reasons = np.select(list(faults.values()), [order.index(reason) for reason in faults], default=-1)
    sound = np.flatnonzero(reasons < 0)
    conflicting = _shared(ts[sound])
    reasons[sound[conflicting]] = order.index(Reason.CONFLICT)
    sound = sound[~conflicting]
    closes, lows, highs = (values[name] for name in ("close", "low", "high"))
    far = jumps(closes[sound], lows[sound], highs[sound], max_jump=max_jump)
    reasons[sound[far]] = order.index(Reason.JUMP)
    return reasons


def _frame(ts: Instants, values: Values, which: Mask) -> pd.DataFrame:
    times = pd.Series(ts[which]).dt.tz_localize("UTC").astype(TS_DTYPE)
    return pd.DataFrame({"ts": times, **{name: column[which] for name, column in values.items()}}, columns=COLUMNS)


def _texts(reasons: npt.NDArray[np.intp]) -> "pd.api.extensions.ExtensionArray":
    texts = np.array([reason.value for reason in Reason], dtype=object)
    return pd.array(texts[reasons], dtype="str")
