"""Repeatable random numbers: they depend on a key alone, not on the process or on the order of calls."""

from hashlib import blake2b

import numpy as np
import numpy.typing as npt


def hashed(key: str) -> int:
    """Return 64 bits of ``key``. Python's own ``hash`` differs from process to process."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest())


def spread(numbers: npt.NDArray[np.int64], key: str) -> npt.NDArray[np.float64]:
    """Return a number in 0 to 1 for each of ``numbers``, evenly spread (the finaliser of splitmix64)."""
    z = numbers.view(np.uint64) ^ np.uint64(hashed(key))
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    evenly: npt.NDArray[np.float64] = (z ^ (z >> np.uint64(31))) / 2.0**64
    return evenly
