"""Two sets of rows, compared: counts, sizes, and the first place."""

import numpy as np
import pytest

from tradematrix_pipelines.moving.differences import Difference, Rows, compare

DAY = "2026-11-20T09:0"


def rows(*values: tuple[int, float], volume: float | None = None) -> Rows:
    keys = np.array([f"{DAY}{minute}" for minute, _ in values], dtype="datetime64[us]")
    columns = {"close": np.array([value for _, value in values])}
    if volume is not None:
        columns["volume"] = np.full(len(values), volume)
    return Rows.of(keys, columns)


def at(minute: int) -> np.datetime64:
    return np.datetime64(f"{DAY}{minute}", "us")


def test_what_is_missing_extra_and_different() -> None:
    ours, theirs = rows((0, 1.0), (1, 2.0), (2, 3.0), (4, 5.0)), rows((1, 2.0), (2, 3.25), (3, 4.0), (5, 1.0))
    assert compare(ours, theirs) == Difference(equal=1, missing=2, extra=2, different=1, largest=0.25, at=at(2))
    assert compare(theirs, ours) == Difference(equal=1, missing=2, extra=2, different=1, largest=0.25, at=at(2))
    assert compare(ours, theirs, tolerance=0.25).different == 0


def test_equal_rows_differ_in_nothing() -> None:
    ours = rows((0, 1.13725), (1, np.nan))
    difference = compare(ours, rows((0, 1.13725 + 1e-12), (1, np.nan)))
    assert difference == Difference(equal=2)
    assert difference.is_none


def test_a_price_that_only_one_has_differs() -> None:
    assert compare(rows((0, np.nan)), rows((0, 1.0))).different == 1


@pytest.mark.parametrize(
    ("ours", "theirs", "zero_is_none", "different"),
    [
        (np.nan, 0.0, True, 0),
        (np.nan, 0.0, False, 1),
        (5.0, 5.0, False, 0),
        (5.0, 6.0, True, 1),
        (np.nan, np.nan, False, 0),
    ],
)
def test_volumes(ours: float, theirs: float, zero_is_none: bool, different: int) -> None:
    difference = compare(rows((0, 1.0), volume=ours), rows((0, 1.0), volume=theirs), zero_is_none=zero_is_none)
    assert difference.different == different
    assert difference.largest == 0


def test_only_what_both_have_is_compared() -> None:
    assert compare(rows((0, 1.0), volume=3.0), rows((0, 1.0))).is_none


def test_nothing_beside_something() -> None:
    assert compare(rows(), rows((1, 1.0))) == Difference(missing=1, at=at(1))
    assert compare(rows((1, 1.0)), rows()) == Difference(extra=1, at=at(1))
    assert compare(rows(), rows()).is_none


def test_keys_are_sorted_and_each_counts_once() -> None:
    mixed = rows((3, 3.0), (1, 1.0), (1, 9.0))
    assert compare(rows((1, 1.0), (3, 3.0)), mixed).is_none
    unknown = Rows.of(np.array(["NaT", f"{DAY}1"], dtype="datetime64[us]"), {"close": np.array([7.0, 1.0])})
    assert compare(rows((1, 1.0)), unknown).is_none
