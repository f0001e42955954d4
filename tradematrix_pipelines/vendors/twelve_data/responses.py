"""From the decoded body of a good answer to candles. Pure.

Here: the format of ``/time_series``. Not here: whether the answer is good (``outcomes``) and about the right instrument
(``identity``), whether a candle is plausible (the screening of ``candles``).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from tradematrix_pipelines.candles.frame import PRICES, as_candles
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.vendors.errors import MalformedAnswer
from tradematrix_pipelines.vendors.numbers import to_floats
from tradematrix_pipelines.vendors.twelve_data.query import INTERVALS

_DATE = r"(?!0000)\d{4}-\d\d-\d\d"
_FORMS = {
    len("2006-01-02"): re.compile(f"(?:{_DATE})+", re.ASCII),
    len("2006-01-02 15:04:05"): re.compile(rf"(?:{_DATE} \d\d:\d\d:\d\d)+", re.ASCII),
}
"""The forms of a datetime, of many in a row, by the length of one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Meta:
    """The instrument that the answer is about; ``None`` where a field is missing."""

    symbol: str | None = None
    interval: str | None = None
    type: str | None = None
    exchange: str | None = None
    mic_code: str | None = None
    currency: str | None = None
    currency_quote: str | None = None


def read_series(body: object, timeframe: Timeframe) -> tuple[Meta, pd.DataFrame]:
    """Return the meta object and all rows of one symbol's answer, in their given order.

    Raises:
        MalformedAnswer: a part that the protocol promises is missing, a datetime can't be read, or the bars are
            of another interval than ``timeframe``.
    """
    if not isinstance(body, dict):
        raise MalformedAnswer(f"an answer is an object, not {type(body).__name__}")
    meta = read_meta(body.get("meta"))
    if meta.interval is not None and meta.interval != INTERVALS[timeframe]:
        raise MalformedAnswer(f"asked for {INTERVALS[timeframe]} bars, the answer has {meta.interval}")
    rows = body.get("values")
    if not isinstance(rows, list) or not rows:
        raise MalformedAnswer("the answer has no list of values")
    return meta, _candles(rows, timeframe)


def read_meta(meta: object) -> Meta:
    """Return the parts of a meta object that identify an instrument.

    Raises:
        MalformedAnswer: it is not an object.
    """
    if not isinstance(meta, dict):
        raise MalformedAnswer("the answer has no meta object")
    return Meta(**{name: _text(meta, name) for name in Meta.__dataclass_fields__})


def _candles(rows: Sequence[object], timeframe: Timeframe) -> pd.DataFrame:
    try:
        columns = {
            name: [row[name] for row in rows]  # type: ignore[index]  # checked by the except clause, at no cost
            for name in ("datetime", *PRICES)
        }
        volumes = [row.get("volume") for row in rows]  # type: ignore[attr-defined]  # the same
    except (TypeError, KeyError, AttributeError) as error:
        raise MalformedAnswer(f"a field is missing in a row of the answer: {error}") from None
    values = {name: to_floats(columns[name]) for name in PRICES} | {"volume": to_floats(volumes)}
    return as_candles(pd.DataFrame({"ts": _instants(columns["datetime"], timeframe), **values}))


def _instants(texts: Sequence[object], timeframe: Timeframe) -> pd.DatetimeIndex:
    """Parse datetimes, all of one form, as UTC. A day may come with or without its midnight."""
    if set(map(type, texts)) != {str}:
        raise MalformedAnswer("a datetime of the answer is not text")
    stamps = cast(list[str], texts)
    lengths = set(map(len, stamps))
    form = _FORMS.get(lengths.pop()) if len(lengths) == 1 else None
    # numpy would read more than these: "now", a zone, a "T".
    if form is None or not form.fullmatch("".join(stamps)):
        raise MalformedAnswer("a datetime of the answer is neither like 2006-01-02 nor like 2006-01-02 15:04:05")
    try:
        instants = pd.DatetimeIndex(np.array(stamps, dtype="datetime64[us]"), tz="UTC")
    except ValueError as error:
        raise MalformedAnswer(f"a datetime of the answer can't be read: {str(error).splitlines()[0][:120]}") from None
    if timeframe is Timeframe.D1 and (instants != instants.normalize()).any():
        raise MalformedAnswer("a daily bar carries a time of day")
    return instants


def _text(meta: Mapping[str, object], name: str) -> str | None:
    value = meta.get(name)
    return value.strip() or None if isinstance(value, str) else None
