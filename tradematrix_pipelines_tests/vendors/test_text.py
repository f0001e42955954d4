"""Text from outside, cleaned: printable, one line, without the key, and of bounded length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradematrix_pipelines.vendors.errors import DayLimit, VendorFault
from tradematrix_pipelines.vendors.text import LIMIT, clean, clean_tree

KEY = "c0ffee00c0ffee00"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("as it is: äöü €", "as it is: äöü €"),
        ("two\nlines\tand\r\nmore", "two lines and more"),
        ("a\x00b\ud800c", "abc"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07text", "red text"),
        ("\x1bcursor\x9b2J", "cursor2J"),
        ("left\u202eright\u200b", "leftright"),
        (f"the key {KEY}!", "the key ***!"),
        (f"the key {KEY[:5]}\x00{KEY[5:]}!", "the key ***!"),
        ("x" * 900, "x" * (LIMIT - 1) + "…"),
    ],
)
def test_cleaning(text: str, cleaned: str) -> None:
    assert clean(text, secret=KEY) == cleaned


@given(st.text(), st.integers(10, 60))
def test_it_is_always_one_printable_line_that_fits(text: str, limit: int) -> None:
    cleaned = clean(text, limit=limit)
    assert cleaned.isprintable()
    assert len(cleaned) <= limit
    assert clean(cleaned, limit=limit) == cleaned
    cleaned.encode()


@given(st.text(max_size=40), st.text(max_size=700))
def test_no_part_of_a_key_is_left_by_cutting(before: str, after: str) -> None:
    cleaned = clean(before + KEY + after, secret=KEY, limit=50)
    assert KEY[:8] not in cleaned.replace(clean(before), "", 1)


def test_a_short_secret_blots_out_no_common_words() -> None:
    assert clean("the apple", secret="a") == "the apple"


def test_every_text_of_a_tree_is_cleaned_but_those_of_rows() -> None:
    tree = {f"a{KEY}": [{"b\x00": "c\x00"}, KEY, 7, None, True], "values": [{"open": "\x00"}]}
    cleaned = clean_tree(tree, secret=KEY, unread=frozenset({"values"}))
    assert cleaned == {"a***": [{"b": "c"}, "***", 7, None, True], "values": [{"open": "\x00"}]}


def test_an_error_cleans_what_it_says() -> None:
    error = VendorFault("down\x00 \x1b[2J" + KEY)
    assert str(error) == f"down {KEY}"
    error.redact(KEY)
    assert str(error) == "down ***"
    from datetime import UTC, datetime

    assert str(DayLimit("a\nb", resumes_at=datetime(2026, 1, 1, tzinfo=UTC))) == "a b"
