"""What a text file says of its own form: encoding, separator, decimal sign, comments, and whose export it is.

Here: judged by its first lines. Not here: which column is what (``columns``), nor what times mean (``stamps``).
"""

import codecs
import csv
import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tradematrix_pipelines.markets.zones import WallClock, parse_wall_clock
from tradematrix_pipelines.vendors.errors import BadFile
from tradematrix_pipelines.vendors.files.options import DateOrder

_HEAD = 65_536
_COMMENT = "#"
_SEPARATORS = "\t;,"
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_DECIMAL_COMMA = re.compile(r"(?:^|[;\t])\s*\"?-?\d+,\d+\"?\s*(?=$|[;\t])", re.MULTILINE)
_BARE = ("date", "time", "open", "high", "low", "close", "volume")
_METATRADER_4 = re.compile(r"\d{4}\.\d{2}\.\d{2}[,;\t]\d{2}:\d{2}[,;\t]\d")
_HISTDATA = re.compile(r"\d{8} \d{6};\d")
_EASTERN_WITHOUT_DAYLIGHT_SAVING = parse_wall_clock("Etc/GMT+5")
_UTC = parse_wall_clock("UTC")
_FORMS = "MetaTrader's (2026.11.20,08:00,…) and HistData's (20261120 080000;…)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """The form of one text file.

    Attributes:
        name: whose export it is, for a person.
        names: of its columns, as they are written, or as they are documented where the file has none.
        header: whether its first line has them.
        comments: whether it has lines that begin with ``#``.
        clock: of its times, where the format documents it.
        dates: whether day or month comes first, where the format documents it.
    """

    name: str
    names: tuple[str, ...]
    header: bool = True
    encoding: str = "utf-8"
    separator: str = ","
    decimal: str = "."
    comments: bool = False
    clock: WallClock | None = None
    dates: DateOrder | None = None


def read_dialect(path: Path) -> Dialect:
    """Return the form of a text file.

    Raises:
        BadFile: it has none; the message says why.
    """
    text, encoding = _head(path)
    lines = [line for line in text.splitlines() if line.strip()]
    content = [line for line in lines if not line.lstrip().startswith(_COMMENT)]
    if not content:
        raise BadFile(f"{path} can't be read as CSV: it is empty")
    first = content[0]
    separator = next((separator for separator in _SEPARATORS if separator in first), ",")
    comma = separator != "," and any(map(_DECIMAL_COMMA.search, content))
    return replace(
        _form(path, first, separator),
        encoding=encoding,
        separator=separator,
        decimal="," if comma else ".",
        comments=len(content) < len(lines),
    )


def normal_name(name: str) -> str:
    """Return a column's name without case, brackets, blanks and signs: ``<DATE>`` is ``date``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _head(path: Path) -> tuple[str, str]:
    """Return the first lines of a file, and its encoding."""
    if path.is_dir():
        raise BadFile(f"{path} is a folder, not a file: put its files into the folder above, or remove it")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        encoding = next((name for mark, name in _MARKS.items() if head.startswith(mark)), "utf-8")
        if encoding != "utf-16" and b"\0" in head:
            raise BadFile(f"{path} can't be read as CSV: it is no text")
        # The last character of the head may be cut.
        return codecs.getincrementaldecoder(encoding)().decode(head), encoding
    except UnicodeDecodeError:
        raise BadFile(f"{path} can't be read as CSV: it is no text in UTF-8: save it as UTF-8") from None
    except OSError as error:
        raise BadFile(f"{path} can't be read ({error.strerror}): make it readable, or remove it") from None


def _form(path: Path, first: str, separator: str) -> Dialect:
    """Return what the first line decides of a dialect."""
    if _METATRADER_4.match(first):
        return Dialect(name="MetaTrader 4", names=_BARE, header=False)
    if _HISTDATA.match(first):
        bare = ("ts", *_BARE[2:])
        return Dialect(name="HistData", names=bare, header=False, clock=_EASTERN_WITHOUT_DAYLIGHT_SAVING)
    names = tuple(next(csv.reader([first], delimiter=separator, skipinitialspace=True)))
    if names[0][:1].isdigit() or sum(map(_is_number, names)) > len(names) / 2:
        raise BadFile(
            f"{path}: line 1 has no names of columns: write a first line like ts,open,high,low,close,volume; "
            f"only {_FORMS} forms need none"
        )
    return _export(names, first)


def _export(written: tuple[str, ...], first: str) -> Dialect:
    """Return whose export these columns are, and what its format documents."""
    names = tuple(map(normal_name, written))
    named = partial(Dialect, names=written)
    if "ticker" in names and "<" in first:
        return named(name="Stooq")
    if names[0] == "date" and ("tickvol" in names or (names[1:2] == ("time",) and "<" in first)):
        return named(name="MetaTrader 5")
    if names[0] == "gmttime":
        return named(name="Dukascopy", dates="day", clock=_UTC)
    if names[0] == "localtime":
        return named(name="Dukascopy", dates="day")
    if names[:5] == ("time", *_BARE[2:6]):
        return named(name="TradingView")
    return named(name="TradeMatrix" if "ts" in names else "columns by name")


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True
