"""The simulator as a server: addresses, stopping, signals, and real files in place of synthetic prices."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pandas as pd
import pytest

from tradematrix_pipelines.clock import FrozenClock
from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.symbols import Symbol
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.simulator import Simulator
from tradematrix_pipelines.vendors.errors import BadSymbol
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines.vendors.twelve_data import TwelveData

SERVE = """
import signal
from tradematrix_pipelines.simulator import serve_simulator
serve_simulator(on_ready=lambda url: print(url, flush=True))
print("stopped", signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


def test_it_stops_and_frees_its_port() -> None:
    simulator = Simulator()
    with simulator:
        port = int(simulator.url.rsplit(":", 1)[1])
        for wrong in (port, 70_000):
            with pytest.raises(UsageError, match=f"can't listen on 127.0.0.1 port {wrong}"):
                Simulator(port=wrong).start()
    with socket.create_server(("127.0.0.1", port)):
        pass
    with simulator:
        assert httpx.get(f"{simulator.url}/_control/stats", verify=False).status_code == 200, "it starts again"
    simulator.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = simulator.url


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_foreground_server_in_peace(number: signal.Signals) -> None:
    command = [sys.executable, "-c", SERVE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(number)
        rest, complaints = process.communicate(timeout=20)
    assert (process.returncode, rest, complaints) == (0, "stopped True\n", "")


def test_real_files_are_served_inside_the_sessions_of_their_market(
    shared_data: Path,
    simulate: Callable[..., Simulator],
    connect: Callable[..., TwelveData],
    symbols: dict[str, Symbol],
) -> None:
    simulator = simulate(
        files_dir=shared_data / "market", clock=FrozenClock(datetime(2019, 2, 21, 12, 0, 30, tzinfo=UTC))
    )
    client = connect(simulator.url, clock=FrozenClock(datetime(2019, 2, 21, 12, 0, 30, tzinfo=UTC)))
    window = {"start": datetime(2019, 2, 20, tzinfo=UTC), "end": datetime(2019, 2, 23, tzinfo=UTC)}
    with pytest.raises(BadSymbol):
        client.fetch(CandleRequest(symbol=symbols["NDX"], timeframe=Timeframe.D1, **window))
    days = client.fetch(CandleRequest(symbol=symbols["DAX"], timeframe=Timeframe.D1, **window)).candles
    minutes = client.fetch(CandleRequest(symbol=symbols["DAX"], timeframe=Timeframe.M1, **window)).candles
    answers = pd.read_csv(shared_data / "market" / "answers_sessions.csv").set_index(["symbol", "trade_date"])
    expected = answers.loc[("DAX", "2019-02-20")]
    for name in ("open", "high", "low", "close"):
        assert days.iloc[0][name] == expected[name]
    # The file has longer days than Xetra, and no minute is served before its time.
    assert minutes["ts"].min() == pd.Timestamp("2019-02-20T08:00Z")
    assert minutes["ts"].max() == pd.Timestamp("2019-02-21T12:00Z")
    assert minutes["ts"].lt(pd.Timestamp("2019-02-21", tz="UTC")).sum() == expected["bars"]
    assert client.earliest(symbols["DAX"], Timeframe.M1, purpose="backfill") == datetime(2019, 2, 20, 8, tzinfo=UTC)
