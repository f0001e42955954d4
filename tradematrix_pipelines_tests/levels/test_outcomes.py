"""What levels did: the rules on sessions made by hand, and intervals that keep their promise on random walks."""

from collections.abc import Iterable
from datetime import date, timedelta

import numpy as np
import pytest

from tradematrix_pipelines.levels.book.model import Kind
from tradematrix_pipelines.levels.outcomes import (
    Event,
    Outcome,
    Path,
    Result,
    Share,
    Statistic,
    judge,
    judge_gap,
    selected,
    statistics,
)
from tradematrix_pipelines.levels.pivots import Method, pivots

FIRST = date(2026, 1, 5)


# The level is 100, the tick 0.5, ATR-14 20: a close at 102 or beyond breaks it from below.
@pytest.mark.parametrize(
    ("path", "result"),
    [
        pytest.param((90, 99, 85, 95), Result.UNTOUCHED, id="a point short"),
        pytest.param((90, 99.5, 85, 95), Result.HELD, id="within a tick"),
        pytest.param((90, 104, 85, 99.9), Result.HELD, id="beyond and back"),
        pytest.param((90, 104, 85, 100), Result.UNDECIDED, id="closes at it"),
        pytest.param((90, 104, 85, 101.9), Result.UNDECIDED, id="closes a little beyond"),
        pytest.param((90, 104, 85, 102), Result.BROKEN, id="a tenth of ATR-14 beyond"),
        pytest.param((99.5, 104, 85, 102), None, id="starts within a tick"),
        pytest.param((99.4, 104, 85, 102), Result.BROKEN, id="starts just below it"),
    ],
)
def test_what_a_level_did(path: tuple[float, float, float, float], result: Result | None) -> None:
    open_, high, low, close = path
    assert judge(100, Path(open=open_, high=high, low=low, close=close), tick=0.5, atr=20) is result
    mirrored = Path(open=200 - open_, high=200 - low, low=200 - high, close=200 - close)
    assert judge(100, mirrored, tick=0.5, atr=20) is result, "from above"


@pytest.mark.parametrize(
    ("path", "result"),
    [
        pytest.param((104, 109, 101, 107), Result.UNFILLED, id="up"),
        pytest.param((104, 109, 100.5, 107), Result.FILLED, id="up, within a tick"),
        pytest.param((96, 99, 90, 95), Result.UNFILLED, id="down"),
        pytest.param((96, 108, 90, 95), Result.FILLED, id="down, and beyond"),
        pytest.param((100.5, 109, 90, 107), None, id="opens within a tick"),
    ],
)
def test_gaps(path: tuple[float, float, float, float], result: Result | None) -> None:
    open_, high, low, close = path
    assert judge_gap(100, Path(open=open_, high=high, low=low, close=close), tick=0.5) is result


# R. G. Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17 (1998), table I.
@pytest.mark.parametrize(
    ("times", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval(times: int, of: int, low: float, high: float) -> None:
    assert Share(times=times, of=of).interval == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    mirrored = Share(times=of - times, of=of).interval
    assert mirrored == (pytest.approx(1 - high, abs=5e-5), pytest.approx(1 - low, abs=5e-5))


def test_nothing_says_nothing() -> None:
    assert Share(times=0, of=0).interval == (0, 1)
    assert Share(times=0, of=0).share is None


def outcomes(results: Iterable[Result], kind: Kind = Kind.DAY_PIVOTS, name: str = "classic r1") -> list[Outcome]:
    return [
        Outcome(trade_date=FIRST + timedelta(days=n), kind=kind, name=name, result=result)
        for n, result in enumerate(results)
    ]


def test_shares_and_halves() -> None:
    un, held, broken, undecided = Result.UNTOUCHED, Result.HELD, Result.BROKEN, Result.UNDECIDED
    rows = outcomes([un, held, un, broken, held, undecided, held])
    counted = {s.event: (s.whole, s.first, s.second) for s in statistics(reversed(rows))}
    assert counted == {
        Event.TOUCHED: (Share(times=5, of=7), Share(times=1, of=3), Share(times=4, of=4)),
        Event.HELD: (Share(times=3, of=5), Share(times=1, of=2), Share(times=2, of=3)),
        Event.BROKEN: (Share(times=1, of=5), Share(times=1, of=2), Share(times=0, of=3)),
    }
    [gap] = statistics(outcomes([Result.FILLED, Result.UNFILLED], Kind.GAP, "fill"))
    assert (gap.event, gap.whole, gap.event.base) == (Event.FILLED, Share(times=1, of=2), "gaps")
    # A level that was never touched held nothing, of nothing.
    assert [s.whole for s in statistics(outcomes([un, un]))] == [Share(times=0, of=n) for n in (2, 0, 0)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("R1", True), ("classic r1", True), ("day_pivots", True), ("DAY_PIVOTS classic  r1", True),
        ("day_pivots r1", True), ("r2", False), ("week_pivots r1", False), ("camarilla r1", False), ("pivots", False),
    ],
)  # fmt: skip
def test_how_a_level_is_named(written: str, meant: bool) -> None:
    assert selected(written)(Kind.DAY_PIVOTS, "classic r1") is meant


MARKETS, SESSIONS, STEPS, ATR = 500, 120, 64, 14


def random_markets() -> list[dict[tuple[Kind, Event], Statistic]]:
    """What yesterday's high, the first resistance and gaps did in markets that are nothing but chance."""
    rng = np.random.default_rng(1978)
    steps = rng.normal(0, 1, (MARKETS, SESSIONS + ATR + 1, STEPS))
    steps[:, :, 0] *= 4  # overnight
    prices = 10_000 + steps.reshape(MARKETS, -1).cumsum(axis=1).reshape(steps.shape)
    opens, highs, lows, closes = prices[:, :, 0], prices.max(axis=2), prices.min(axis=2), prices[:, :, -1]
    counted = []
    for market in range(MARKETS):
        rows = []
        for n in range(ATR + 1, SESSIONS + ATR + 1):
            before = slice(n - ATR, n)
            last = closes[market, n - ATR - 1 : n - 1]
            true = np.maximum(highs[market, before], last) - np.minimum(lows[market, before], last)
            path = Path(open=opens[market, n], high=highs[market, n], low=lows[market, n], close=closes[market, n])
            high, low, close = highs[market, n - 1], lows[market, n - 1], closes[market, n - 1]
            r1 = pivots(Method.CLASSIC, high=high, low=low, close=close).r1
            judged = {
                (Kind.PREVIOUS_DAY, "high"): judge(high, path, tick=0.01, atr=true.mean()),
                (Kind.DAY_PIVOTS, "classic r1"): judge(r1 or 0, path, tick=0.01, atr=true.mean()),
                (Kind.GAP, "fill"): judge_gap(close, path, tick=0.01),
            }
            rows += [
                Outcome(trade_date=FIRST + timedelta(days=n), kind=kind, name=name, result=result)
                for (kind, name), result in judged.items()
                if result is not None
            ]
        counted.append({(s.kind, s.event): s for s in statistics(rows)})
    return counted


def test_on_random_walks_the_intervals_cover_what_they_say() -> None:
    markets = random_markets()
    assert len(markets[0]) == 7
    for key in markets[0]:
        shares = [market[key].whole for market in markets]
        true = sum(share.times for share in shares) / sum(share.of for share in shares)
        covered = np.mean([share.interval[0] <= true <= share.interval[1] for share in shares])
        # 95 %, give or take what 500 markets leave to chance.
        assert 0.925 <= covered <= 0.98, (key, covered)
        # In a market without memory, the halves differ no more than two shares of one truth.
        first, second = ([getattr(market[key], half) for market in markets] for half in ("first", "second"))
        means = [sum(s.times for s in half) / sum(s.of for s in half) for half in (first, second)]
        assert abs(means[0] - means[1]) < 4 * np.sqrt(2 * true * (1 - true) / (sum(s.of for s in first))), key
