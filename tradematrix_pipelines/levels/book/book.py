"""The level book of a session: the levels of all its kinds, and what is absent.

Here: that sum. Not here: which kinds there are (``kinds``), nor reading candles (``storage.book_inputs``).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tradematrix_pipelines.levels.book.history import Unavailable
from tradematrix_pipelines.levels.book.kinds import KINDS, REAL_VOLUME, kinds_of
from tradematrix_pipelines.levels.book.model import Absent, BookContext, BookLevel, Kind, Known


@dataclass(frozen=True, kw_only=True, slots=True)
class Book:
    """The levels of a session that are known, and what is absent of each kind."""

    levels: Sequence[BookLevel]
    absent: Mapping[Kind, Sequence[Absent]]


def level_book(context: BookContext, now: datetime, *, kinds: Iterable[Kind] | None = None) -> Book:
    """Return the book of a session as it is known at ``now`` (aware).

    No level uses a candle that closes after its ``known_at``, and none is later than ``now``.

    Args:
        kinds: those to compute; all that the symbol has where it is ``None``.
    """
    context = context.at(now)
    levels: list[BookLevel] = []
    absent: dict[Kind, list[Absent]] = {}
    for kind in kinds_of(context.symbol) if kinds is None else kinds:
        for entry in _entries(kind, context):
            if isinstance(entry, Absent):
                absent.setdefault(kind, []).append(entry)
            else:
                levels.append(_of_kind(kind, entry))
    return Book(levels=levels, absent=absent)


def _entries(kind: Kind, context: BookContext) -> Iterator[Known | Absent]:
    row = KINDS[kind]
    if row.real_volume and context.symbol.instrument not in REAL_VOLUME:
        yield Absent(reason=f"no volume is traded in an instrument of type {context.symbol.instrument}")
        return
    try:
        yield from row.compute(context)
    except Unavailable as error:
        yield Absent(reason=str(error))


def _of_kind(kind: Kind, known: Known) -> BookLevel:
    return BookLevel(
        kind=kind,
        name=known.name,
        price=known.price,
        known_at=known.known_at,
        source=known.source,
        unit=known.unit,
    )
