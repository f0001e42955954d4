"""Which host names are the board's, and what its own look like."""

import pytest

from tradematrix_pipelines.board.access import Access, is_loopback


@pytest.mark.parametrize(
    ("host", "named", "answers"),
    [
        ("127.0.0.1", "localhost:3001", True),
        ("127.0.0.1", "LOCALHOST", True),
        ("127.0.0.1", "[::1]:3001", True),
        ("127.0.0.1", "desk.example:3001", True),
        ("127.0.0.1", "192.0.2.7", False),
        ("127.0.0.1", "evil.example", False),
        ("127.0.0.1", "localhost.evil.example", False),
        ("127.0.0.1", "evil.example:127.0.0.1", False),
        ("127.0.0.1", "", False),
        ("192.0.2.7", "192.0.2.7:3001", True),
        ("192.0.2.7", "192.0.2.8:3001", False),
        ("0.0.0.0", "192.0.2.7:3001", True),
        ("::", "[2001:db8::7]:3001", True),
        ("0.0.0.0", "evil.example", False),
    ],
)
def test_only_its_own_names_are_answered(host: str, named: str, answers: bool) -> None:
    assert Access(host=host, names=("Desk.example",)).answers_to(named) is answers


def test_loopback_is_what_only_this_machine_reaches() -> None:
    assert [host for host in ("127.0.0.1", "127.8.9.1", "::1", "localhost", "0.0.0.0", "::", "desk", "192.0.2.7")
            if is_loopback(host)] == ["127.0.0.1", "127.8.9.1", "::1", "localhost"]  # fmt: skip
