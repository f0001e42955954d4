"""On which ports the UI and the board listen."""

import socket

import pytest

from tradematrix_pipelines.cli.services import check_port, free_port, listen_for_board
from tradematrix_pipelines.errors import TradeMatrixError, UsageError


def test_the_next_free_port_is_taken_where_the_first_is_not() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken: int = other.getsockname()[1]
        with pytest.raises(TradeMatrixError, match=f"can't listen on 127.0.0.1:{taken}"):
            check_port("127.0.0.1", taken)
        assert taken < free_port("127.0.0.1", taken) <= taken + 19
        with pytest.raises(TradeMatrixError, match=f"can't listen on 127.0.0.1:{taken}"):
            free_port("127.0.0.1", taken, tries=1)
    assert free_port("127.0.0.1", taken) == taken


def test_the_board_takes_the_next_free_port_unless_one_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken: int = other.getsockname()[1]
        with pytest.raises(TradeMatrixError, match=f"can't listen on 127.0.0.1:{taken} .* --board-port"):
            listen_for_board("127.0.0.1", taken, beside=1, named=True)
        board = listen_for_board("127.0.0.1", taken, beside=taken + 1, named=False)
        assert board is not None
        with board:
            port: int = board.getsockname()[1]
            assert taken + 1 < port < taken + 20
            assert capsys.readouterr().out == f"port {taken} is taken: the board opens on http://127.0.0.1:{port}\n"
    with pytest.raises(UsageError, match="the UI listens on port 3000"):
        listen_for_board("127.0.0.1", 3000, beside=3000, named=True)
    assert listen_for_board("127.0.0.1", 0, beside=3000, named=True) is None
