"""Pivot points against examples worked out by hand or published by others, and properties of the formulas."""

import csv
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.levels.pivots import LEVELS, Method, Pivots, pivots

NAN = float("nan")


def examples(path: Path) -> dict[str, dict[str, str]]:
    with path.open() as file:
        return {row["case_id"]: row for row in csv.DictReader(file)}


OURS = examples(Path(__file__).parents[1] / "golden" / "pivots.csv")


def number(cell: str) -> float | None:
    return float(cell) if cell else None


def worked(row: dict[str, str]) -> Pivots:
    return pivots(
        Method(row["method"]),
        high=float(row["high"]),
        low=float(row["low"]),
        close=float(row["close"]),
        open_=number(row["open"]),
        session_open=number(row["session_open"]),
    )


def check(row: dict[str, str]) -> None:
    levels = worked(row).as_dict()
    given_levels = {name: float(row[name]) for name in LEVELS if row[name]}
    assert given_levels
    for name, level in given_levels.items():
        assert levels[name] == pytest.approx(level, abs=float(row["tolerance"]), rel=0), name


@pytest.mark.parametrize("case_id", OURS)
def test_examples_worked_out_by_hand(case_id: str) -> None:
    check(OURS[case_id])
    # They are complete: a level without a value is one that the method does not define.
    empty = {name for name in LEVELS if not OURS[case_id][name]}
    assert {name for name, level in worked(OURS[case_id]).as_dict().items() if level is None} == empty


def test_the_examples_worked_out_by_hand_are_of_all_methods() -> None:
    assert len(OURS) > 20
    assert {row["method"] for row in OURS.values()} == set(Method)


@pytest.fixture
def published(shared_data: Path) -> dict[str, dict[str, str]]:
    return examples(shared_data / "pivots" / "golden.csv")


PUBLISHED = [
    *(f"{name}-{n:02}" for name in ("floor", "demark") for n in (1, 3, 5, 7, 9, 11, 13, 15, 17)),
    *(f"camarilla-{n:02}" for n in (1, 3, 5, 7, 9, 11, 13)),
    *("floor-19", "fibonacci-01", "fibonacci-03", "woodie-10", "woodie-12", "woodie-14"),
]


def test_every_published_example_is_a_case(published: dict[str, dict[str, str]]) -> None:
    assert sorted(published) == sorted(PUBLISHED)


@pytest.mark.parametrize("case_id", PUBLISHED)
def test_published_examples(published: dict[str, dict[str, str]], case_id: str) -> None:
    check(published[case_id])


def test_levels_by_hand() -> None:
    # High 110, low 100, close 106, so R = 10 and PP = 316 / 3 for the first three; open 103.
    prices = {"high": 110.0, "low": 100.0, "close": 106.0, "open_": 103.0}
    fibonacci = pivots(Method.FIBONACCI, **prices)
    assert (fibonacci.r1, fibonacci.s3) == pytest.approx((316 / 3 + 3.82, 316 / 3 - 10))
    camarilla = pivots(Method.CAMARILLA, **prices)
    assert (camarilla.pp, camarilla.r4, camarilla.s4) == pytest.approx((316 / 3, 111.5, 100.5))
    woodie = pivots(Method.WOODIE, **prices)
    assert [*woodie.as_dict().values()] == [105.5, 111, 115.5, 121, 131, None, 101, 95.5, 91, 81, None]
    opened = pivots(Method.WOODIE, **prices, session_open=104.0)
    assert (opened.pp, opened.r1) == (104.5, 109.0)
    # Close above open: X = 2 * 110 + 100 + 106 = 426.
    demark = pivots(Method.DEMARK, **prices)
    assert (demark.pp, demark.r1, demark.s1) == (106.5, 113.0, 103.0)


@pytest.mark.parametrize(
    ("method", "highest"),
    [("classic", 3), ("fibonacci", 3), ("camarilla", 4), ("woodie", 4), ("demark", 1)],
)
def test_each_method_defines_its_levels_and_no_others(method: str, highest: int) -> None:
    computed = pivots(Method(method), high=2, low=1, close=1.5, open_=1.2)
    assert computed.method == method
    levels = computed.as_dict()
    assert list(levels) == ["pp", "r1", "r2", "r3", "r4", "r5", "s1", "s2", "s3", "s4", "s5"]
    defined = {"pp", *(f"{side}{n}" for side in "rs" for n in range(1, highest + 1))}
    assert {name for name, level in levels.items() if level is not None} == defined


def test_demark_needs_the_open() -> None:
    with pytest.raises(UsageError, match="demark pivots need the session's open"):
        pivots(Method.DEMARK, high=2, low=1, close=1.5)


@pytest.mark.parametrize("method", Method)
def test_a_method_that_does_not_need_the_open_does_without(method: Method) -> None:
    if not method.needs_open:
        assert pivots(method, high=2, low=1, close=1.5).pp
        return
    with pytest.raises(UsageError, match=f"{method} pivots need the session's open"):
        pivots(method, high=2, low=1, close=1.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"high": 0.5}, "high 0.5 is below low 1.0: are they swapped?"),
        ({"close": 2.5}, "close 2.5 is outside 1.0 to 2.0"),
        ({"close": 0.9}, "close 0.9 is outside 1.0 to 2.0"),
        ({"open_": 2.1}, "open 2.1 is outside 1.0 to 2.0"),
        ({"low": 0.0}, "low 0.0 is not a price"),
        ({"low": -1.0}, "low -1.0 is not a price"),
        ({"high": float("inf")}, "high inf is not a price"),
        ({"close": NAN}, "close nan is not a price"),
        ({"open_": NAN}, "open nan is not a price"),
        ({"session_open": 0.0}, "session open 0.0 is not a price"),
    ],
)
@pytest.mark.parametrize("method", Method)
def test_impossible_prices_are_refused(method: Method, change: dict[str, float], message: str) -> None:
    prices = {"high": 2.0, "low": 1.0, "close": 1.5, "open_": 1.2, "session_open": 5.0} | change
    with pytest.raises(UsageError) as caught:
        pivots(method, **prices)
    assert message in str(caught.value)
    assert os.linesep not in str(caught.value)


def test_a_flat_session_is_possible() -> None:
    for method in Method:
        levels = pivots(method, high=100, low=100, close=100, open_=100).as_dict()
        assert {level for level in levels.values() if level is not None} == {100}


@st.composite
def sessions(draw: st.DrawFn) -> dict[str, float]:
    low, *inner, high = sorted(draw(st.lists(st.floats(1, 1000), min_size=4, max_size=4)))
    open_, close = draw(st.permutations(inner))
    return {"high": high, "low": low, "close": close, "open_": open_}


def known(levels: Pivots) -> dict[str, float]:
    return {name: level for name, level in levels.as_dict().items() if level is not None}


@given(prices=sessions(), method=st.sampled_from(Method), power=st.integers(-6, 6))
def test_levels_scale_with_the_price(prices: dict[str, float], method: Method, power: int) -> None:
    # By powers of two, so that the scaled prices and their order are exact.
    scale = 2.0**power
    scaled = known(pivots(method, **{name: price * scale for name, price in prices.items()}))
    assert scaled == pytest.approx({name: level * scale for name, level in known(pivots(method, **prices)).items()})


@given(prices=sessions(), method=st.sampled_from(Method), shift=st.integers(1, 1000))
def test_levels_move_with_the_price(prices: dict[str, float], method: Method, shift: int) -> None:
    moved = {name: price + shift for name, price in prices.items()}
    # DeMark asks which of open and close is higher: a shift must not round a difference away.
    assume((moved["close"] > moved["open_"]) == (prices["close"] > prices["open_"]))
    assume((moved["close"] < moved["open_"]) == (prices["close"] < prices["open_"]))
    expected = {name: level + shift for name, level in known(pivots(method, **prices)).items()}
    assert known(pivots(method, **moved)) == pytest.approx(expected, abs=1e-9)


@given(prices=sessions(), method=st.sampled_from(Method))
def test_levels_are_ordered(prices: dict[str, float], method: Method) -> None:
    levels = known(pivots(method, **prices))
    rising = [levels[name] for name in ("s4", "s3", "s2", "s1", "r1", "r2", "r3", "r4") if name in levels]
    for lower, upper in pairwise(rising):
        assert lower <= upper + 1e-9
    if method is Method.CAMARILLA:
        assert levels["s1"] <= prices["close"] <= levels["r1"]
    else:
        assert levels["s1"] - 1e-9 <= levels["pp"] <= levels["r1"] + 1e-9


@given(prices=sessions(), method=st.sampled_from([Method.CLASSIC, Method.FIBONACCI, Method.CAMARILLA]))
def test_open_and_coming_open_matter_to_demark_and_woodie_only(prices: dict[str, float], method: Method) -> None:
    bare = {name: price for name, price in prices.items() if name != "open_"}
    assert pivots(method, **prices, session_open=prices["high"]) == pivots(method, **bare)
