"""Hosts of their own on one machine: network namespaces on a bridge, each with a link, an address and a name.

A process on a host also has a process space of its own, and ends with this one. Here: making hosts, cutting them off,
ending them. Not here: what runs on them, and what is expected.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tradematrix_pipelines.cli.guard import Guard

_PREFIX = "tmx"
_PROGRAMS = ("ip", "bridge", "unshare", "setpriv")
_DISABLED, _FORWARDING = "0", "3"
"""States of a bridge's port: one that is disabled drops what comes and goes, and its link stays up."""

_AS_HOST = 'hostname "$0" && exec "$@"'


@dataclass(kw_only=True)
class Host:
    """A namespace with an address on the network.

    Attributes:
        namespace: its name in ``ip netns``.
        link: the bridge's end of its cable.
    """

    name: str
    namespace: str
    address: str
    link: str
    guard: Guard
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str, arguments: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a process on this host; its output goes to ``name.log`` in the network's folder."""
        inside = ("unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")
        with (self.folder / f"{name}.log").open("ab") as log:
            started = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, *inside, "sh", "-c", _AS_HOST, self.name, *arguments],
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=self.guard.group,
            )
        self.processes.append(started)
        return started

    def run(self, *arguments: str) -> str:
        """Run a short command on this host, and return what it prints."""
        inside = ["ip", "netns", "exec", self.namespace, *arguments]
        return subprocess.run(inside, capture_output=True, text=True, timeout=60, check=True).stdout

    def pids(self) -> list[int]:
        """Return the processes on this host, as this process sees them."""
        return [int(pid) for pid in _quietly("netns", "pids", self.namespace).split()]

    def take_address(self, address: str) -> None:
        """Answer to one more address."""
        _ip("-n", self.namespace, "address", "add", f"{address}/24", "dev", "eth0")

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """Have its cable pulled out: the host sees that its link is down."""
        _ip("link", "set", self.link, "down")
        try:
            yield
        finally:
            _ip("link", "set", self.link, "up")

    @contextmanager
    def silenced(self) -> Iterator[None]:
        """Lose all that it sends and is sent, without an answer to either side."""
        self.silence()
        try:
            yield
        finally:
            self._set_port(_FORWARDING)

    def silence(self) -> None:
        """The same, for good."""
        self._set_port(_DISABLED)

    def _set_port(self, state: str) -> None:
        _run("bridge", "link", "set", "dev", self.link, "state", state)
        assert Path(f"/sys/class/net/{self.link}/brport/state").read_text().strip() == state


@dataclass(kw_only=True)
class Network:
    """A bridge that hosts are connected to, and this process with them."""

    number: int
    bridge: str
    guard: Guard
    folder: Path
    hosts: list[Host] = field(default_factory=list)

    def address(self, last: int) -> str:
        """Return an address on this network, of the range that is set aside for tests of networks."""
        return f"198.18.{self.number}.{last}"

    def host(self, name: str) -> Host:
        """Add a host."""
        last = len(self.hosts) + 1
        host = Host(
            name=name,
            namespace=f"{self.bridge}-{name}",
            address=self.address(last),
            link=f"{self.bridge}x{last}",
            guard=self.guard,
            folder=self.folder,
        )
        _ip("netns", "add", host.namespace)
        self.hosts.append(host)
        _ip("link", "add", host.link, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
        _ip("link", "set", host.link, "master", self.bridge, "up")
        host.take_address(host.address)
        for device in ("lo", "eth0"):
            _ip("-n", host.namespace, "link", "set", device, "up")
        return host


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    """Make a network that is gone after the block, with all that runs on its hosts; logs go to ``folder``.

    The test is skipped where such a thing is not allowed, with the reason.
    """
    _sweep()
    guard = Guard()
    made = Network(number=os.getpid() % 250, bridge=f"{_PREFIX}{os.getpid()}", guard=guard, folder=folder)
    try:
        reason = _reason_against(made.bridge)
        if reason is not None:
            pytest.skip(f"hosts can't be made of network namespaces: {reason}")
        _ip("address", "add", f"{made.address(254)}/24", "dev", made.bridge)
        _ip("link", "set", made.bridge, "up")
        yield made
    finally:
        guard.end()
        for process in [process for host in made.hosts for process in host.processes]:
            process.wait()
        _remove(made.bridge)


def _reason_against(bridge: str) -> str | None:
    """Make the bridge, and return why there can be no hosts on it, if so."""
    absent = [program for program in _PROGRAMS if shutil.which(program) is None]
    if absent:
        return f"{', '.join(absent)} not there (apt-get install iproute2 util-linux)"
    tries = (
        ["ip", "link", "add", bridge, "type", "bridge"],
        ["unshare", "--net", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "true"],
    )
    for attempt in tries:
        done = subprocess.run(attempt, capture_output=True, text=True, check=False)
        if done.returncode:
            return done.stderr.strip() or f"{attempt[0]} failed"
    return None


def _sweep() -> None:
    """Remove what tests that were killed have left."""
    for path in Path("/sys/class/net").glob(f"{_PREFIX}*"):
        owner = path.name.removeprefix(_PREFIX)
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            _remove(path.name)


def _remove(bridge: str) -> None:
    namespaces = Path("/run/netns").glob(f"{bridge}-*")
    for name in [path.name for path in namespaces]:
        for pid in _quietly("netns", "pids", name).split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        _quietly("netns", "delete", name)
    # The host's end of a cable ends with its namespace.
    _quietly("link", "delete", bridge)


def _quietly(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False).stdout


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
