"""The simulator as a vendor: a server of its own and a Twelve Data client on it, opened and closed together."""

from tradematrix_pipelines.clock import Clock
from tradematrix_pipelines.settings import Settings
from tradematrix_pipelines.simulator.server import Simulator
from tradematrix_pipelines.vendors.credits import Ledger
from tradematrix_pipelines.vendors.protocol import Adapter
from tradematrix_pipelines.vendors.twelve_data import TwelveData


class SimulatorVendor(TwelveData):
    """A Twelve Data client on a simulator in this process, over real HTTP, with an unlimited plan."""

    def __init__(self, *, clock: Clock, ledger: Ledger) -> None:
        self._simulator = Simulator(clock=clock).start()
        super().__init__(base_url=self._simulator.url, key="simulator", ledger=ledger, clock=clock, name="simulator")

    def close(self) -> None:
        """Close the connections and stop the server."""
        super().close()
        self._simulator.stop()


def _open(settings: Settings, ledger: Ledger) -> SimulatorVendor:
    return SimulatorVendor(clock=settings.clock, ledger=ledger)


adapter = Adapter(_open)
