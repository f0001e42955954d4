"""Fingerprints of a session's bars, by which repeated bars are recognised without keeping them.

Here: hashes of three bars in a row, and a small sketch of a session's. Not here: how many repeats are too many
(``values``). The sketch has the smallest hashes of a session (bottom-k sampling: Cohen and Kaplan 2007, "Summarizing
data using bottom-k sketches"), so that equal bars are in both sketches or in neither, at any offset.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]

KEPT = 64
_ROW = 3
_BITS = np.uint64(64 - 52)  # JSON numbers are exact up to 2**53


def fingerprints(prices: Floats) -> Hashes:
    """Return a hash (52 bits) of each three bars in a row of which none is flat; empty for fewer bars.

    Args:
        prices: the rows are open, high, low and close, the columns bars by time.
    """
    row, moving = _bar_hashes(prices), prices[1] > prices[2]
    if len(row) < _ROW:
        return row[:0]
    triple = _mix(_mix(row[:-2]) ^ row[1:-1])
    triple = _mix(triple ^ row[2:]) >> _BITS
    hashes: Hashes = triple[moving[:-2] & moving[1:-1] & moving[2:]]
    return hashes


def day_fingerprint(prices: Floats) -> Hashes:
    """Return the hash of each daily bar that is not flat; ``prices`` as for :func:`fingerprints`."""
    hashes: Hashes = (_bar_hashes(prices) >> _BITS)[prices[1] > prices[2]]
    return hashes


def sketch(hashes: Hashes) -> tuple[int, ...]:
    """Return the smallest of the hashes, at most 64, ascending."""
    smallest = np.partition(hashes, KEPT)[:KEPT] if len(hashes) > KEPT else hashes
    return tuple(np.unique(smallest).tolist())


def _bar_hashes(prices: Floats) -> Hashes:
    row = np.zeros(prices.shape[1], dtype=np.uint64)
    for column in np.ascontiguousarray(prices).view(np.uint64):
        row = _mix(row ^ column)
    return row


def _mix(z: Hashes) -> Hashes:
    """Spread the bits evenly (the finaliser of splitmix64)."""
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = z ^ (z >> np.uint64(31))
    return mixed
