"""Where the labels of levels go, so that none covers another."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class _Block:
    """Labels that touch each other and are moved as one; ``start`` is where the first one's row would begin."""

    start: float
    count: int


def spread(wanted: Sequence[float], *, height: float, top: float, bottom: float) -> list[float]:
    """Return the middles of labels, each as near as possible to where it is wanted, none over another.

    Those that touch are moved together, by the least sum of squares (the pool of adjacent violators). Where all of them
    have no room between ``top`` and ``bottom``, they begin at ``top``, and stand closer.

    Args:
        wanted: the middles that are wanted, ascending.
        height: of a label, in pixels.
    """
    if len(wanted) * height > bottom - top:
        height = (bottom - top) / len(wanted)
    blocks: list[_Block] = []
    for index, middle in enumerate(wanted):
        block = _Block(start=middle - height / 2 - index * height, count=1)
        while blocks and blocks[-1].start > block.start:
            above = blocks.pop()
            total = above.count + block.count
            start = (above.start * above.count + block.start * block.count) / total
            block = _Block(start=start, count=total)
        blocks.append(block)
    lowest = max(top, bottom - len(wanted) * height)
    starts = [min(max(block.start, top), lowest) for block in blocks for _ in range(block.count)]
    return [start + (index + 0.5) * height for index, start in enumerate(starts)]
