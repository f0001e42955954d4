"""On which port the UI listens."""

import socket

import pytest

from tradematrix_pipelines.cli.services import check_port, free_port
from tradematrix_pipelines.errors import TradeMatrixError


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
