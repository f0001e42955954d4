"""The option with which stamps of another database are corrected. Not here: corrections (``moving.stamps``)."""

from collections.abc import Sequence

import click

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.symbols import Symbol, match_symbol
from tradematrix_pipelines.moving.stamps import Correction

correct_option = click.option(
    "--correct",
    "corrections",
    multiple=True,
    metavar="[SYMBOL=]HOW",
    help="Read the other's stamps as a zone's clock (Europe/Berlin), moved by minutes (-60m), or as they are (none); "
    "of one symbol (DAX=Europe/Berlin), or of all.",
)


def corrections_of(written: Sequence[str], symbols: Sequence[Symbol]) -> dict[str, Correction]:
    """Return the correction of each symbol that the option names; what is said of one symbol comes first.

    Raises:
        UsageError: a symbol is unknown, or what is said of it is no correction.
    """
    of_all: Correction | None = None
    named: dict[str, Correction] = {}
    for one in written:
        name, equals, how = one.rpartition("=")
        if not equals:
            of_all = Correction.parse(how)
            continue
        symbol = match_symbol(name, symbols)
        if symbol is None:
            raise UsageError(f"--correct {one}: {name!r} is not a symbol here: `tradematrix symbols list` has them")
        named[symbol.name] = Correction.parse(how)
    return named if of_all is None else {symbol.name: of_all for symbol in symbols} | named
