"""How the benchmarks measure: ways in interleaved rounds, by the clock or by the processor.

Here: taking the times. Not here: what is measured (a script each), and how it is printed (``lines``).
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

Rounds = list[dict[str, float]]


def seconds(way: Callable[[], object]) -> float:
    """Return how long a way takes."""
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


def cpu_seconds(way: Callable[[], object]) -> float:
    """Return the CPU that a way takes in this process: of what only computes, a busy machine disturbs it less."""
    start = time.process_time()
    way()
    return time.process_time() - start


def in_rounds(
    ways: Mapping[str, Callable[[], object]],
    rounds: int,
    cost: Callable[[Callable[[], object]], float] = seconds,
) -> Rounds:
    """Return the cost of each way, round by round.

    Each round begins with another way: what comes after the dearest pays for its memory.
    """
    names = [*ways, *ways]
    orders = [names[start % len(ways) :][: len(ways)] for start in range(rounds)]
    return [{name: cost(ways[name]) for name in order} for order in orders]


def ratios(rounds: Rounds, way: str, baseline: str) -> list[float]:
    """Return a way's cost as a multiple of the baseline's, one a round."""
    return [one[way] / one[baseline] for one in rounds]


def children_cpu() -> float:
    """Return the seconds of CPU of all processes that this one has started and waited for, and of theirs."""
    times = os.times()
    return times.children_user + times.children_system


def cpu_of(command: Sequence[str], env: Mapping[str, str] | None = None) -> float:
    """Run a command to its end, and return the seconds of CPU that it and its children took.

    Raises:
        SystemExit: it failed.
    """
    before = children_cpu()
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} exited with {done.returncode}: {done.stdout}{done.stderr}")
    return children_cpu() - before


def server_of(home: Path) -> psutil.Process:
    """Return the postmaster of an installation's own server, which runs."""
    return psutil.Process(int((home / "postgres" / "postmaster.pid").read_text().split()[0]))


def family(*roots: psutil.Process) -> list[psutil.Process]:
    """Return these processes and all that descend from them."""
    return [*roots, *(child for root in roots for child in root.children(recursive=True))]


def cpu_used(processes: Iterable[psutil.Process]) -> float:
    """Return the seconds of CPU that processes have used, and those that they waited for.

    The sum over a family doesn't fall: what an ended member had used is its parent's.
    """
    total = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total


def cpu_of_family(way: Callable[[], object], *roots: psutil.Process) -> float:
    """Return the seconds of CPU of these processes, and of all that descend from them, during a way."""
    before = cpu_used(family(*roots))
    way()
    time.sleep(0.05)  # a server's process is counted when it has answered
    return cpu_used(family(*roots)) - before
