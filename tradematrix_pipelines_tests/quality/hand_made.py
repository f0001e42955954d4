"""Sessions made by hand for the tests of single detectors."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from tradematrix_pipelines.candles.frame import PRICES, as_candles
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import InstrumentType, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.findings import Finding, Kind, Severity
from tradematrix_pipelines.quality.judge import Beside, Judgement, judge
from tradematrix_pipelines.quality.summary import SessionSummary

INDEX = Symbol(name="DAX", calendar="XETR", instrument=InstrumentType.INDEX, tick_size=0.1, currency="EUR")
PAIR = Symbol(
    name="EUR/USD",
    calendar="FX",
    instrument=InstrumentType.FOREX,
    tick_size=0.1,
    currency="USD",
    gap_tolerance=15,
)
MONDAY = date(2026, 11, 2)
BARS = 240


def session(day: int = 0, *, bars: int = BARS) -> Session:
    """The session of the ``day``-th day: so many minutes from 12:00 UTC."""
    opens_at = datetime(2026, 11, 2, 12, tzinfo=UTC) + timedelta(days=day)
    return Session(MONDAY + timedelta(days=day), opens_at, opens_at + timedelta(minutes=bars))


def walk(day: int = 0, *, bars: int = BARS, start: float = 1000.0, minutes: int = 1) -> pd.DataFrame:
    """A seeded random walk in tenths; bars open where the ones before closed, within a tenth or two."""
    rng = np.random.default_rng(1000 + day)
    steps = rng.integers(-5, 6, bars)
    close = start + np.cumsum(steps - steps.mean().round()) / 10
    open_ = np.concatenate([[start], close[:-1]]) + rng.integers(-1, 2, bars) / 10
    high = np.maximum(open_, close) + rng.integers(0, 4, bars) / 10
    low = np.minimum(open_, close) - rng.integers(0, 4, bars) / 10
    ts = pd.date_range(session(day).opens_at, periods=bars, freq=f"{minutes}min")
    prices = dict(zip(PRICES, (open_.round(1), high.round(1), low.round(1), close.round(1)), strict=True))
    return as_candles(pd.DataFrame({"ts": ts, **prices}))


def judged(candles: pd.DataFrame, day: int = 0, **given: Any) -> Judgement:
    """Judge the candles of a day; ``given`` are arguments of ``judge``, or fields of ``Beside``."""
    own = {"symbol": INDEX, "timeframe": Timeframe.M1, "session": session(day)}
    fields = {name: given.pop(name) for name in list(given) if name in Beside.__dataclass_fields__}
    return judge(candles, **{**own, **given}, beside=Beside(**fields))


def history(days: int, **given: Any) -> list[SessionSummary]:
    """Summaries of days before day 0."""
    return [judged(walk(day), day, **given).summary for day in range(-days, 0)]


def kinds(judgement: Judgement) -> set[Kind]:
    """What makes the session doubtful or refused."""
    return {finding.kind for finding in judgement.findings if finding.severity > Severity.NOTE}


def the(kind: Kind, judgement: Judgement) -> Finding:
    """The only finding of its kind."""
    [finding] = [finding for finding in judgement.findings if finding.kind is kind]
    return finding
