"""Real series for the tests of the judgement: raw bars, screened and judged as ingestion would."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd

from tradematrix_pipelines.candles.covering import cover_many
from tradematrix_pipelines.candles.frame import as_candles, instants
from tradematrix_pipelines.candles.placement import spans
from tradematrix_pipelines.candles.screen import Screened, screen
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.symbols import InstrumentType, Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.judge import Beside, Judgement, judge, judge_in_order
from tradematrix_pipelines.quality.summary import SessionSummary

LATER = datetime(2027, 1, 1, tzinfo=UTC)

SYMBOLS = {
    "DAX": Symbol(name="DAX", calendar="XETR", instrument=InstrumentType.INDEX, tick_size=0.1, currency="EUR"),
    "SPX": Symbol(name="SPX", calendar="XNYS", instrument=InstrumentType.INDEX, tick_size=0.01, currency="USD"),
    "SPY": Symbol(name="SPY", calendar="XNYS", instrument=InstrumentType.ETF, tick_size=0.01, currency="USD"),
    "EUR/USD": Symbol(
        name="EUR/USD",
        calendar="FX",
        instrument=InstrumentType.FOREX,
        tick_size=0.00001,
        currency="USD",
        gap_tolerance=15,
    ),
    "XAU/USD": Symbol(
        name="XAU/USD",
        calendar="FX",
        instrument=InstrumentType.METAL,
        tick_size=0.001,
        currency="USD",
        gap_tolerance=75,
    ),
}


@dataclass(frozen=True)
class Series:
    """Raw bars of some trade dates in a row, and the calendar's sessions of these dates."""

    symbol: Symbol
    timeframe: Timeframe
    raw: pd.DataFrame
    sessions: list[Session]

    def until(self, last: date) -> "Series":
        """The part of it whose last session is that of ``last``."""
        kept = [session for session in self.sessions if session.trade_date <= last]
        return replace(self, sessions=kept)

    def screened(self, raw: pd.DataFrame | None = None) -> Screened:
        rows = self.raw if raw is None else raw
        return screen(rows, timeframe=self.timeframe, sessions=self.sessions, now=LATER)

    def complete(self, screened: Screened) -> list[Session]:
        coverage = cover_many(
            screened.candles["ts"],
            timeframe=self.timeframe,
            sessions=self.sessions,
            now=LATER,
            gap_tolerance=self.symbol.gap_tolerance,
        )
        return [session for session, judged in zip(self.sessions, coverage, strict=True) if judged.is_settled]

    def judged(self, raw: pd.DataFrame | None = None) -> dict[date, Judgement]:
        """Judge every complete session in order of date."""
        screened = self.screened(raw)
        return judge_in_order(
            screened.candles,
            symbol=self.symbol,
            timeframe=self.timeframe,
            sessions=self.complete(screened),
            beside=Beside(rejected=screened.rejected, outside=self.outside(raw)),
        )

    def judged_last(self, raw: pd.DataFrame, history: list[SessionSummary]) -> tuple[Judgement | None, pd.DataFrame]:
        """Judge the last session of ``raw``; ``None`` where it is not complete. Its candles come along."""
        alone = replace(self, sessions=self.sessions[-1:])
        near = raw[raw["ts"].isna() | (raw["ts"] >= self.sessions[-2].closes_at - timedelta(hours=2))]
        screened = alone.screened(near)
        if not alone.complete(screened):
            return None, screened.candles
        judgement = judge(
            screened.candles,
            symbol=self.symbol,
            timeframe=self.timeframe,
            session=self.sessions[-1],
            history=history,
            beside=Beside(rejected=screened.rejected, outside=self.outside(near), session_before=self.sessions[-2]),
        )
        return judgement, screened.candles

    def outside(self, raw: pd.DataFrame | None = None) -> pd.DataFrame:
        """Bars in none of the sessions."""
        rows = self.raw if raw is None else raw
        if self.timeframe is Timeframe.D1:
            return rows[:0]
        return rows[spans(self.sessions).locate(instants(rows["ts"]), self.timeframe) < 0]


def read(path: Path) -> pd.DataFrame:
    rows = pd.read_csv(path)
    return as_candles(rows.assign(ts=pd.to_datetime(rows["ts"], utc=True)))


def load(folder: Path, symbol: str, timeframe: Timeframe = Timeframe.M1) -> Series:
    """Read a file of the folder of real data."""
    subfolder = "market/dirty" if (symbol, timeframe) == ("EUR/USD", Timeframe.M5) else "market"
    raw = read(folder / subfolder / f"{symbol.replace('/', '-')}_{timeframe}.csv")
    own = SYMBOLS[symbol]
    first, last = raw["ts"].iloc[0].date(), raw["ts"].iloc[-1].date()
    sessions = get_calendar(own.calendar).sessions(first, last + timedelta(days=1))
    return Series(own, timeframe, raw, sessions)
