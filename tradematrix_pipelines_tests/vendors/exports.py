"""Candles as the programs of others export them, each in its documented form."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from tradematrix_pipelines.candles.frame import PRICES
from tradematrix_pipelines.markets.calendars import get_calendar
from tradematrix_pipelines_tests.quality.hand_made import walk

BROKER = "America/New_York+7"


def minutes(calendar: str, first: date, last: date, *, start: float = 24_000.0) -> pd.DataFrame:
    """Every minute of the sessions of a calendar, as a walk that goes on from session to session."""
    frames = []
    for number, session in enumerate(get_calendar(calendar).sessions(first, last)):
        count = int((session.closes_at - session.opens_at).total_seconds() // 60)
        day = walk(number, bars=count, start=start)
        frames.append(day.assign(ts=pd.date_range(session.opens_at, periods=count, freq="min").as_unit("us")))
        start = float(day["close"].iloc[-1])
    return pd.concat(frames, ignore_index=True)


def metatrader_4(candles: pd.DataFrame) -> str:
    """``2026.11.20,08:00,…`` in the server's time, without a header; volumes are ticks."""
    return _lines(candles, _broker_time, "%Y.%m.%d,%H:%M", end=",7")


def metatrader_5(candles: pd.DataFrame) -> str:
    """The export of the window of symbols, in the server's time."""
    header = "\t".join(
        f"<{name}>" for name in ("DATE", "TIME", "OPEN", "HIGH", "LOW", "CLOSE", "TICKVOL", "VOL", "SPREAD")
    )
    rows = _lines(candles, _broker_time, "%Y.%m.%d,%H:%M:%S", end=",7,0,12").replace(",", "\t")
    return f"{header}\n{rows}"


def tradingview(candles: pd.DataFrame) -> str:
    """``Export chart data`` with unix time, and an indicator."""
    stamps = candles["ts"].map(lambda ts: str(int(ts.timestamp())))
    rows = "".join(f"{stamp},{row},7,1.5\n" for stamp, row in zip(stamps, _prices(candles), strict=True))
    return f"time,open,high,low,close,Volume,Plot #1\n{rows}"


def tradingview_iso(candles: pd.DataFrame) -> str:
    """The same with ISO time."""
    rows = _lines(candles, lambda ts: ts.astimezone(ZoneInfo("Europe/Berlin")), "%Y-%m-%dT%H:%M:%S+01:00", end=",7")
    return f"time,open,high,low,close,Volume\n{rows}"


def dukascopy(candles: pd.DataFrame) -> str:
    """Historical data feed, in GMT, the day first."""
    rows = _lines(candles, lambda ts: ts, "%d.%m.%Y %H:%M:%S.000", end=",7.25")
    return f"Gmt time,Open,High,Low,Close,Volume\n{rows}"


def histdata(candles: pd.DataFrame) -> str:
    """Generic ASCII: EST without daylight saving, no header."""
    rows = _lines(candles, lambda ts: ts.astimezone(ZoneInfo("Etc/GMT+5")), "%Y%m%d %H%M%S", end=",0")
    return rows.replace(",", ";")


def stooq(candles: pd.DataFrame) -> str:
    """Intraday ASCII, in Warsaw's time."""
    rows = _lines(candles, lambda ts: ts.astimezone(ZoneInfo("Europe/Warsaw")), "^DAX,5,%Y%m%d,%H%M%S", end=",7,0")
    return f"<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n{rows}"


def spreadsheet(candles: pd.DataFrame) -> str:
    """Saved from a German spreadsheet: a comment, semicolons, decimal commas, the day first."""
    berlin = ZoneInfo("Europe/Berlin")
    rows = _lines(candles, lambda ts: ts.astimezone(berlin), "%d/%m/%Y;%H:%M", separator=";", end=";7")
    return "# by hand\nDate;Time;OPEN;High;Low;Close;Volume\n" + rows.replace(".", ",")


EXPORTS: dict[str, tuple[Callable[[pd.DataFrame], str], str | None]] = {
    "MetaTrader 4": (metatrader_4, BROKER),
    "MetaTrader 5": (metatrader_5, BROKER),
    "TradingView": (tradingview, None),
    "Dukascopy": (dukascopy, None),
    "HistData": (histdata, None),
    "Stooq": (stooq, "Europe/Warsaw"),
}
"""By the name that ``files check`` gives it: how it is written, and the zone that has to be set."""


def write(path: Path, text: str) -> Path:
    """Write a file, its folder included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _lines(
    candles: pd.DataFrame,
    clock: Callable[[datetime], datetime],
    form: str,
    *,
    end: str,
    separator: str = ",",
) -> str:
    stamps = [clock(ts.to_pydatetime()).strftime(form) for ts in candles["ts"]]
    rows = zip(stamps, _prices(candles, separator), strict=True)
    return "".join(f"{stamp}{separator}{row}{end}\n" for stamp, row in rows)


def _prices(candles: pd.DataFrame, separator: str = ",") -> list[str]:
    return [separator.join(f"{value:.10g}" for value in row) for row in candles[PRICES].to_numpy()]


def _broker_time(ts: datetime) -> datetime:
    new_york = ts.astimezone(ZoneInfo("America/New_York")).replace(tzinfo=None)
    return (pd.Timestamp(new_york) + pd.Timedelta(hours=7)).to_pydatetime()
