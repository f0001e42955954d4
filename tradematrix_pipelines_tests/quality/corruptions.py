"""Kinds of corruption, put into the last session of a series by a seed."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pandas as pd

from tradematrix_pipelines.candles.frame import PRICES
from tradematrix_pipelines_tests.quality.series import Series

Corruption = Callable[[Series, np.random.Generator], pd.DataFrame]
"""Returns the raw bars of the series with its last session corrupted."""

HOUR = 60


def own(series: Series) -> np.ndarray:
    """Positions of the raw bars of the last session."""
    session = series.sessions[-1]
    inside = (series.raw["ts"] >= session.opens_at) & (series.raw["ts"] < session.closes_at)
    return np.flatnonzero(inside)


def some(rows: np.ndarray, rng: np.random.Generator, count: int) -> np.ndarray:
    """``count`` positions in a row, neither the first nor the last ten."""
    start = int(rng.integers(10, len(rows) - count - 10))
    return rows[start : start + count]


def multiplied(factor: float, count: int | None) -> Corruption:
    """Prices times ``factor``: of the session, or of so many bars in a row."""

    def corrupt(series: Series, rng: np.random.Generator) -> pd.DataFrame:
        rows = own(series) if count is None else some(own(series), rng, count)
        raw = series.raw.copy()
        raw.loc[rows, PRICES] *= factor
        return raw

    return corrupt


def moved(minutes: int) -> Corruption:
    """All stamps of the vendor moved, the sessions before as they were."""

    def corrupt(series: Series, rng: np.random.Generator) -> pd.DataFrame:
        session, raw = series.sessions[-1], series.raw.copy()
        late = raw["ts"] >= session.opens_at - timedelta(hours=3)
        raw.loc[late, "ts"] += timedelta(minutes=minutes)
        return raw.drop_duplicates("ts", keep="last").sort_values("ts", ignore_index=True)

    return corrupt


def repeated_day(series: Series, rng: np.random.Generator) -> pd.DataFrame:
    before, session = series.sessions[-2:]
    raw = series.raw
    kept = raw[(raw["ts"] < session.opens_at) | (raw["ts"] >= session.closes_at)]
    copy = raw[(raw["ts"] >= before.opens_at) & (raw["ts"] < before.closes_at)]
    copy = copy.assign(ts=copy["ts"] + (session.opens_at - before.opens_at))
    return pd.concat([kept, copy]).sort_values("ts", ignore_index=True)


def repeated_hour(series: Series, rng: np.random.Generator) -> pd.DataFrame:
    """An hour has the prices of the day before."""
    before, session = series.sessions[-2:]
    raw, rows = series.raw.copy(), some(own(series), rng, HOUR)
    times = raw["ts"] - (session.opens_at - before.opens_at)
    yesterday = raw.set_index("ts")[PRICES].reindex(times.iloc[rows]).to_numpy()
    known = ~np.isnan(yesterday).any(axis=1)
    raw.loc[rows[known], PRICES] = yesterday[known]
    return raw


def frozen_hour(series: Series, rng: np.random.Generator) -> pd.DataFrame:
    raw, rows = series.raw.copy(), some(own(series), rng, HOUR)
    raw.loc[rows, PRICES] = raw["close"].iloc[rows[0]]
    return raw


def without(which: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Corruption:
    def corrupt(series: Series, rng: np.random.Generator) -> pd.DataFrame:
        return series.raw.drop(index=which(own(series), rng)).reset_index(drop=True)

    return corrupt


def without_extreme(series: Series, rng: np.random.Generator) -> pd.DataFrame:
    rows = own(series)
    top = rows[int(series.raw["high"].iloc[rows].to_numpy().argmax())]
    return series.raw.drop(index=top).reset_index(drop=True)


def wick(share: float) -> Corruption:
    """One bar's high that much above, or its low below; the extreme of the session by it."""

    def corrupt(series: Series, rng: np.random.Generator) -> pd.DataFrame:
        raw, [row] = series.raw.copy(), some(own(series), rng, 1)
        if rng.integers(2):
            raw.loc[row, "high"] *= 1 + share
        else:
            raw.loc[row, "low"] *= 1 - share
        return raw

    return corrupt


def with_extremes(change: Callable[[pd.DataFrame, np.ndarray], None]) -> Corruption:
    """Change twenty bars, among them those with the session's high and low."""

    def corrupt(series: Series, rng: np.random.Generator) -> pd.DataFrame:
        rows, raw = own(series), series.raw.copy()
        extremes = [raw["high"].iloc[rows].to_numpy().argmax(), raw["low"].iloc[rows].to_numpy().argmin()]
        change(raw, np.union1d(rng.choice(rows, 18, replace=False), rows[extremes]))
        return raw

    return corrupt


def _negative_volume(raw: pd.DataFrame, rows: np.ndarray) -> None:
    raw.loc[rows, "volume"] = -1.0


def _zero(raw: pd.DataFrame, rows: np.ndarray) -> None:
    raw.loc[rows, PRICES] = 0.0


def _empty(raw: pd.DataFrame, rows: np.ndarray) -> None:
    raw.loc[rows, "high"] = np.nan


def _swap(raw: pd.DataFrame, rows: np.ndarray) -> None:
    raw.loc[rows, ["high", "low"]] = raw.loc[rows, ["low", "high"]].to_numpy()


def swapped(series: Series, rng: np.random.Generator) -> pd.DataFrame:
    raw = series.raw.copy()
    _swap(raw, own(series))
    return raw


def reversed_bars(series: Series, rng: np.random.Generator) -> pd.DataFrame:
    raw, rows = series.raw.copy(), own(series)
    raw.loc[rows, PRICES] = raw[PRICES].to_numpy()[rows[::-1]]
    return raw


def shuffled_bars(series: Series, rng: np.random.Generator) -> pd.DataFrame:
    raw, rows = series.raw.copy(), own(series)
    raw.loc[rows, PRICES] = raw[PRICES].to_numpy()[rng.permutation(rows)]
    return raw


def inverted(series: Series, rng: np.random.Generator) -> pd.DataFrame:
    raw, rows = series.raw.copy(), own(series)
    raw.loc[rows, PRICES] = 1 / raw[["open", "low", "high", "close"]].to_numpy()[rows]
    return raw


def other_instrument(series: Series, rng: np.random.Generator) -> pd.DataFrame:
    raw, rows = series.raw.copy(), some(own(series), rng, HOUR)
    prices = raw[PRICES].to_numpy()[rows]
    raw.loc[rows, PRICES] = prices[0, 0] * 0.93 * (prices / prices[0, 0]) ** 2
    return raw


def after_close(series: Series, rng: np.random.Generator) -> pd.DataFrame:
    """Thirty bars after the close, far from the others."""
    raw, session = series.raw, series.sessions[-1]
    extra = raw.iloc[own(series)[-30:]].copy()
    extra["ts"] = [session.closes_at + timedelta(minutes=n) for n in range(len(extra))]
    extra[PRICES] *= 1.05
    return pd.concat([raw[(raw["ts"] < session.closes_at)], extra]).reset_index(drop=True)


def drifting(series: Series, rng: np.random.Generator) -> pd.DataFrame:
    """The prices drift away, to 5% at the close."""
    raw, rows = series.raw.copy(), own(series)
    raw.loc[rows, PRICES] *= np.linspace(1, 1.05, len(rows))[:, None]
    return raw


def rounded(series: Series, rng: np.random.Generator) -> pd.DataFrame:
    """Rounded to a power of ten above three median bar ranges."""
    raw, rows = series.raw.copy(), own(series)
    ranges = (raw["high"] - raw["low"]).iloc[rows]
    digits = -int(np.ceil(np.log10(3 * ranges.median())))
    raw.loc[rows, PRICES] = raw.loc[rows, PRICES].round(digits)
    return raw


def doubled_stamps(series: Series, rng: np.random.Generator) -> pd.DataFrame:
    """Each bar two minutes after the one before: the session stretched to twice its length, and cut."""
    raw, rows, session = series.raw.copy(), own(series), series.sessions[-1]
    ts = raw["ts"].iloc[rows]
    raw.loc[rows, "ts"] = session.opens_at + 2 * (ts - session.opens_at)
    return raw[raw["ts"] < session.closes_at].sort_values("ts", ignore_index=True)


def wrong_close(share: float) -> Corruption:
    def corrupt(series: Series, rng: np.random.Generator) -> pd.DataFrame:
        raw, last = series.raw.copy(), own(series)[-1]
        raw.loc[last, "close"] *= 1 + share
        raw.loc[last, "high"] = max(raw.loc[last, ["high", "close"]])
        return raw

    return corrupt


def wrong_open(share: float) -> Corruption:
    def corrupt(series: Series, rng: np.random.Generator) -> pd.DataFrame:
        raw, first = series.raw.copy(), own(series)[0]
        raw.loc[first, ["open", "high"]] = raw.loc[first, "open"] * (1 + share), raw.loc[first, "high"] * (1 + share)
        return raw

    return corrupt


def two_sources(series: Series, rng: np.random.Generator) -> pd.DataFrame:
    """Every other bar from a source whose prices are 1% higher."""
    raw, rows = series.raw.copy(), own(series)
    raw.loc[rows[::2], PRICES] *= 1.01
    return raw


CORRUPTIONS: dict[str, Corruption] = {
    "session x 100": multiplied(100, None),
    "session x 10,000": multiplied(10_000, None),
    "session / 10": multiplied(0.1, None),
    "session + 3%": multiplied(1.03, None),
    "hour x 100": multiplied(100, HOUR),
    "bar x 100": multiplied(100, 1),
    "five bars + 10%": multiplied(1.1, 5),
    "another instrument for an hour": other_instrument,
    "every other bar + 1%": two_sources,
    "inverted quote": inverted,
    "high and low swapped": swapped,
    "high and low swapped in 20 bars": with_extremes(_swap),
    "stamps 1 h late": moved(60),
    "stamps 1 h early": moved(-60),
    "stamps 2 h late": moved(120),
    "stamps 2 h early": moved(-120),
    "stamps of bars' ends": moved(1),
    "doubled stamps": doubled_stamps,
    "the day before again": repeated_day,
    "an hour of the day before": repeated_hour,
    "frozen hour": frozen_hour,
    "missing hour": without(lambda rows, rng: some(rows, rng, HOUR)),
    "missing first 10 minutes": without(lambda rows, rng: rows[:10]),
    "missing last 10 minutes": without(lambda rows, rng: rows[-10:]),
    "missing minute of the high": without_extreme,
    "one tick 0.7%": wick(0.007),
    "one tick 3%": wick(0.03),
    "one tick 10%": wick(0.1),
    "last close + 3%": wrong_close(0.03),
    "first open + 3%": wrong_open(0.03),
    "drift to 5%": drifting,
    "reversed": reversed_bars,
    "shuffled": shuffled_bars,
    "rounded": rounded,
    "negative volume in 20 bars": with_extremes(_negative_volume),
    "zero in 20 bars": with_extremes(_zero),
    "empty cells in 20 bars": with_extremes(_empty),
    "bars after the close": after_close,
}
