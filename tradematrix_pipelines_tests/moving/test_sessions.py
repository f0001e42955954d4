"""In which pieces series are brought over."""

from datetime import date

from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.moving.sessions import Piece, pieces

ALL = tuple(Timeframe)
M1, H1, D1 = Timeframe.M1, Timeframe.H1, Timeframe.D1


def test_nothing_finer_is_asked_for_than_there_is() -> None:
    ranges = {D1: (date(2026, 1, 5), date(2026, 3, 31)), H1: (date(2026, 2, 2), date(2026, 3, 31)),
              M1: (date(2026, 3, 2), date(2026, 3, 20))}  # fmt: skip
    assert pieces(ranges, quotes_all_day=False, days=92) == [
        Piece(date(2026, 1, 5), date(2026, 2, 1), (D1,)),
        Piece(date(2026, 2, 2), date(2026, 3, 1), (H1, D1)),
        Piece(date(2026, 3, 2), date(2026, 3, 20), ALL),
        Piece(date(2026, 3, 21), date(2026, 3, 31), (H1, D1)),
    ]


def test_days_alone_are_no_days_of_what_trades_around_the_clock() -> None:
    ranges = {D1: (date(2026, 1, 5), date(2026, 3, 31)), H1: (date(2026, 3, 2), date(2026, 3, 31))}
    assert pieces(ranges, quotes_all_day=True, days=92) == [Piece(date(2026, 3, 2), date(2026, 3, 31), (H1, D1))]


def test_long_ranges_are_cut_and_nothing_between_them_is_asked_for() -> None:
    ranges = {M1: (date(2026, 1, 1), date(2026, 1, 25))}
    assert [(one.first.day, one.last.day) for one in pieces(ranges, quotes_all_day=False, days=10)] == [
        (1, 10), (11, 20), (21, 25),
    ]  # fmt: skip
    assert pieces({}, quotes_all_day=False, days=10) == []
    one_day = {M1: (date(2026, 1, 2), date(2026, 1, 2)), D1: (date(2026, 1, 5), date(2026, 1, 5))}
    assert pieces(one_day, quotes_all_day=False, days=10) == [
        Piece(date(2026, 1, 2), date(2026, 1, 2), ALL),
        Piece(date(2026, 1, 5), date(2026, 1, 5), (D1,)),
    ]
