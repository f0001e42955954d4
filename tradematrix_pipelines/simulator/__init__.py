"""A loopback server that speaks Twelve Data's protocol, faults included: for use without a key, and for tests."""

from tradematrix_pipelines.simulator.faults import fault_help
from tradematrix_pipelines.simulator.server import Simulator, serve_simulator

__all__ = ["Simulator", "fault_help", "serve_simulator"]
