"""Any history of writes, against a model in memory: what is read as of any instant is what the model had then.

The model knows how a session changes, and nothing of stamps, triggers or histories: it keeps a copy of all that is
stored after each write.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pandas as pd
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import text

from tradematrix_pipelines.candles.coverage import Coverage, Status, Verdict, closed_day
from tradematrix_pipelines.candles.frame import as_candles
from tradematrix_pipelines.ingest.batch import SeriesBatch
from tradematrix_pipelines.levels.daily import DailyLevels
from tradematrix_pipelines.levels.pivots import Method, Pivots
from tradematrix_pipelines.markets.corrections import Correction
from tradematrix_pipelines.markets.sessions import Session
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.quality.bars import SessionBars
from tradematrix_pipelines.quality.judge import Judgement
from tradematrix_pipelines.quality.summary import summarize
from tradematrix_pipelines.storage.candles import write
from tradematrix_pipelines.storage.corrections import correct
from tradematrix_pipelines.storage.coverage import read_coverage
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines.storage.judgements import accept_session
from tradematrix_pipelines.storage.levels import read_levels, write_levels
from tradematrix_pipelines.storage.symbols import find_symbols
from tradematrix_pipelines.storage.tables import levels_daily, pivot_levels

BEGIN = datetime(2026, 11, 20, 17, tzinfo=UTC)
DAYS = [date(2026, 11, day) for day in (17, 18)]
NAMES = ["DAX", "EUR/USD"]
H1, D1 = Timeframe.H1, Timeframe.D1
HOURS = 3
TABLES = (
    "ohlc, ohlc_revisions, session_coverage, session_coverage_history, levels_daily, pivot_levels, levels_history, "
    "rejected_candles, session_summaries, session_findings, session_acceptances, calendar_corrections"
)
CALENDARS = {"DAX": "XETR", "EUR/USD": "FX"}

Candle = tuple[float, float, float, float, float]


@dataclass(frozen=True)
class Stored:
    """All that is stored at one instant."""

    candles: Mapping[tuple[str, Timeframe, datetime], Candle] = field(default_factory=dict)
    coverage: Mapping[tuple[str, Timeframe, date], Coverage] = field(default_factory=dict)
    levels: Mapping[tuple[str, date], tuple[datetime, Candle]] = field(default_factory=dict)
    pivots: Mapping[tuple[str, date], tuple[datetime, float]] = field(default_factory=dict)


prices = st.sampled_from([1.1, 1.13725, 1.2, 1.30001])
candles = st.tuples(prices, prices, prices, prices).map(
    lambda drawn: (drawn[0], max(drawn), min(drawn), drawn[3], 7.0),
)
symbols, days = st.sampled_from(NAMES), st.sampled_from(DAYS)


def opens_at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 8, tzinfo=UTC)


def frame(rows: Mapping[datetime, Candle]) -> pd.DataFrame:
    names = ("open", "high", "low", "close", "volume")
    return as_candles(
        pd.DataFrame([{"ts": ts, **dict(zip(names, row, strict=True))} for ts, row in sorted(rows.items())])
    )


class PastMachine(RuleBasedStateMachine):
    """Writes to the database and to the model; reads the database as of any instant."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database, self.now, self.stored = database, BEGIN, Stored()
        self.closed: set[tuple[str, date]] = set()
        self.past: list[tuple[datetime, Stored]] = [(BEGIN - timedelta(days=1), self.stored)]
        self.symbols = {symbol.name: symbol for symbol in find_symbols(database.engine, NAMES)}

    @initialize()
    def empty(self) -> None:
        with self.database.engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {TABLES}"))

    @rule(seconds=st.integers(0, 3))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(name=symbols, day=days, official=candles, hours=st.lists(candles, min_size=1, max_size=HOURS), data=st.data())
    def store(self, name: str, day: date, official: Candle, hours: list[Candle], data: st.DataObject) -> None:
        """Store a session, or another answer about it: values change, bars come and are withdrawn."""
        chosen = data.draw(st.permutations(range(HOURS)), label="hours")[: len(hours)]
        rows = {opens_at(day) + timedelta(hours=hour): row for hour, row in zip(chosen, hours, strict=True)}
        # Another vendor's answer replaces what is there only where it is complete.
        source = data.draw(st.sampled_from(["first", "second"]), label="source") if len(rows) == HOURS else None
        known = self.stored.coverage.get((name, H1, day))
        source = source or (known and known.source) or "first"
        # Another vendor's doubtful answer replaces no complete session, so that it stays with the one it is from.
        may_doubt = len(rows) == HOURS and (known is None or known.source == source)
        doubtful = may_doubt and data.draw(st.booleans(), label="doubtful")
        self.write(name, day, {H1: rows, D1: {opens_at(day): official}}, source=source, doubtful=doubtful)

    @rule(name=symbols, day=days, hour=st.integers(0, HOURS - 1), row=candles)
    def revise(self, name: str, day: date, hour: int, row: Candle) -> None:
        """Change one candle of a session that has it."""
        ts = opens_at(day) + timedelta(hours=hour)
        known = self.stored.coverage.get((name, H1, day))
        if (name, H1, ts) in self.stored.candles and known is not None and known.status is not Status.CLOSED:
            rows = {at: old for (of, timeframe, at), old in self.stored.candles.items()
                    if (of, timeframe, at.date()) == (name, H1, day)}  # fmt: skip
            source = self.stored.coverage[name, H1, day].source
            assert source is not None
            self.write(name, day, {H1: rows | {ts: row}}, source=source)

    @rule(name=symbols, day=days, error=st.sampled_from(["down", "the day's credits are spent"]))
    def fail(self, name: str, day: date, error: str) -> None:
        answer = self.answer(H1, day, {}, source="first", error=error)
        key = (name, H1, day)
        known = self.stored.coverage.get(key)
        kept = answer if known is None or not known.received else replace(known, error=error)
        self.write_batches([self.batch(name, H1, {}, answer)])
        self.remember(replace(self.stored, coverage={**self.stored.coverage, key: kept}))

    @rule(name=symbols, day=days)
    def accept(self, name: str, day: date) -> None:
        """A person accepts what is doubtful of a session."""
        doubtful = {key: row for key, row in self.stored.coverage.items()
                    if (key[0], key[2]) == (name, day) and row.is_doubtful}  # fmt: skip
        accepted = accept_session(self.database.engine, self.symbols[name], day, reason="right", now=self.now)
        assert bool(accepted) >= bool(doubtful)
        if doubtful:
            believed = {key: replace(row, verdict=Verdict.ACCEPTED) for key, row in doubtful.items()}
            self.remember(replace(self.stored, coverage={**self.stored.coverage, **believed}))

    @rule(name=symbols, day=days)
    def close(self, name: str, day: date) -> None:
        """The calendar is corrected: the day was closed."""
        if (name, day) in self.closed:
            return
        self.closed.add((name, day))
        correct(self.database.engine, CALENDARS[name], Correction(trade_date=day), reason="storm", now=self.now)
        closed = {key: closed_day(day, key[1]) for key in self.stored.coverage if (key[0], key[2]) == (name, day)}
        if closed:
            self.remember(replace(self.stored, coverage={**self.stored.coverage, **closed}))

    @rule(name=symbols, day=days)
    def recompute(self, name: str, day: date) -> None:
        """Publish the levels that follow from the official day."""
        official = self.stored.candles.get((name, D1, opens_at(day)))
        if official is None:
            return
        coming, (open_, high, low, close, _) = day + timedelta(days=1), official
        pivot = (high + low + close) / 3
        daily = DailyLevels(
            trade_date=coming, y_trade_date=day, y_open=open_, y_high=high, y_low=low, y_close=close,
            prev_week_high=None, prev_week_low=None, atr_14=None,
        )  # fmt: skip
        symbol = self.symbols[name]
        write_levels(
            self.database.engine, daily=[(symbol, daily)], pivots=[(symbol, coming, Pivots(Method.CLASSIC, pivot))],
            now=self.now,
        )  # fmt: skip
        levels, pivots, key = dict(self.stored.levels), dict(self.stored.pivots), (name, coming)
        if key not in levels or levels[key][1][:4] != official[:4]:
            levels[key] = (self.now, official)
        if key not in pivots or pivots[key][1] != pivot:
            pivots[key] = (self.now, pivot)
        self.remember(replace(self.stored, levels=levels, pivots=pivots))

    @rule(ago=st.integers(-1, 20))
    def look_back(self, ago: int) -> None:
        self.check(self.now - timedelta(seconds=ago, microseconds=ago % 2))

    def teardown(self) -> None:
        for moment in {moment for moment, _ in self.past}:
            self.check(moment)
        self.check(self.now + timedelta(days=1))

    def write(
        self,
        name: str,
        day: date,
        rows: Mapping[Timeframe, Mapping[datetime, Candle]],
        *,
        source: str,
        doubtful: bool = False,
    ) -> None:
        kept = {key: row for key, row in self.stored.candles.items()
                if (key[0], key[2].date()) != (name, day) or key[1] not in rows}  # fmt: skip
        new = {(name, timeframe, ts): row for timeframe, of in rows.items() for ts, row in of.items()}
        answers = {timeframe: self.answer(timeframe, day, of, source=source) for timeframe, of in rows.items()}
        if doubtful:
            answers[H1] = replace(answers[H1], verdict=Verdict.DOUBTFUL, doubt="wick: far out")
        self.write_batches([self.batch(name, timeframe, of, answers[timeframe]) for timeframe, of in rows.items()])
        covered = {(name, timeframe, day): answer for timeframe, answer in answers.items()}
        self.remember(replace(self.stored, candles=kept | new, coverage={**self.stored.coverage, **covered}))

    def answer(
        self, timeframe: Timeframe, day: date, rows: Mapping[datetime, Candle], *, source: str, error: str | None = None
    ) -> Coverage:
        expected = HOURS if timeframe is H1 else 1
        status = Status.COMPLETE if len(rows) == expected else Status.PARTIAL
        return Coverage(
            timeframe=timeframe, trade_date=day, status=Status.FAILED if error else status, final=True,
            expected=expected, received=len(rows), source=source, error=error, opens_at=opens_at(day),
            closes_at=opens_at(day) + timedelta(hours=HOURS),
        )  # fmt: skip

    def batch(self, name: str, timeframe: Timeframe, rows: Mapping[datetime, Candle], answer: Coverage) -> SeriesBatch:
        assert answer.source is not None
        candles = {"candles": frame(rows)} if rows else {}
        judgements = {answer.trade_date: _judgement(answer, frame(rows))} if answer.is_doubtful else {}
        return SeriesBatch(
            symbol=self.symbols[name], timeframe=timeframe, coverage=(answer,), source=answer.source,
            judgements=judgements, **candles,
        )  # fmt: skip

    def write_batches(self, batches: list[SeriesBatch]) -> None:
        write(self.database.engine, batches, now=self.now)

    def remember(self, stored: Stored) -> None:
        self.stored = stored
        self.past.append((self.now, stored))

    def check(self, as_of: datetime) -> None:
        """Compare what is read as of an instant with what the model had then."""
        then = [stored for moment, stored in self.past if moment <= as_of]
        expected = then[-1] if then else Stored()
        database, of = self.database, list(self.symbols.values())
        read: dict[tuple[str, Timeframe, datetime], Candle] = {}
        start, end = opens_at(DAYS[0]), opens_at(DAYS[-1]) + timedelta(days=1)
        for timeframe in (H1, D1):
            rows = database.candles.rectangle(of, timeframe, start, end, as_of=as_of)
            for row in rows.itertuples(index=False):
                key = (row.symbol, timeframe, row.ts.to_pydatetime())
                assert key not in read
                read[key] = (row.open, row.high, row.low, row.close, row.volume)
        assert read == expected.candles
        covered = read_coverage(database.engine, of, [H1, D1], DAYS[0], DAYS[-1], as_of=as_of)
        assert {(row.symbol, row.coverage.timeframe, row.coverage.trade_date): row.coverage for row in covered} == (
            expected.coverage
        )
        assert len(covered) == len(expected.coverage)
        levels = _levels(read_levels(database.engine, levels_daily, of, date.min, date.max, as_of=as_of))
        assert levels == {key: (at, *row[:4], key[1] - timedelta(days=1)) for key, (at, row) in expected.levels.items()}
        pivots = read_levels(database.engine, pivot_levels, of, date.min, date.max, as_of=as_of).to_dict("records")
        assert {(row["symbol"], row["trade_date"]): (row["computed_at"], row["pp"]) for row in pivots} == (
            expected.pivots
        )
        assert len(pivots) == len(expected.pivots)


def _judgement(answer: Coverage, rows: pd.DataFrame) -> Judgement:
    assert answer.opens_at is not None
    assert answer.closes_at is not None
    session = Session(answer.trade_date, answer.opens_at, answer.closes_at)
    summary = summarize(SessionBars.of(rows, session, H1), session, H1)
    return Judgement(verdict=Verdict.DOUBTFUL, cold=True, findings=(), summary=summary)


def _levels(rows: pd.DataFrame) -> dict[tuple[str, date], tuple[Any, ...]]:
    names = ("computed_at", "y_open", "y_high", "y_low", "y_close", "y_trade_date")
    read = {(row["symbol"], row["trade_date"]): tuple(row[name] for name in names) for row in rows.to_dict("records")}
    assert len(read) == len(rows)
    return read


def test_what_is_read_as_of_any_instant_is_what_was_stored_then(database: Database) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # hypothesis gives it no types
        lambda: PastMachine(database),
        settings=hypothesis.settings(max_examples=15, stateful_step_count=25, deadline=None),
    )
