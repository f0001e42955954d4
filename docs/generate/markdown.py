"""Markdown as the generated parts need it: tables, texts of docstrings, and the marks between which a part lies."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

_DOCS = Path(__file__).parents[1]


def replaced(text: str, what: str, part: str, *, page: str) -> str:
    """Return a page's text with what is between the two marks of a part replaced."""
    begin_mark, end_mark = f"<!-- {what}: made by `make docs` -->\n", f"<!-- end of {what} -->\n"
    before, begin, rest = text.partition(begin_mark)
    _, end, after = rest.partition(end_mark)
    if not (begin and end):
        raise SystemExit(f"{page} needs these two lines, between which it is written:\n{begin_mark}{end_mark}")
    return f"{before}{begin}\n{part.strip()}\n\n{end}{after}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def code(words: Iterable[str]) -> str:
    """Return names as code, separated by commas."""
    return ", ".join(f"`{word}`" for word in words)


def prose(text: str) -> str:
    """Return a help text or docstring as Markdown: its code stays code, and pages that it names are links."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"``\1``", text).replace("``", "`")
    pieces = text.split("`")
    pieces[::2] = [re.sub(r"([*<\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", piece) for piece in pieces[::2]]
    return re.sub(r"\bdocs/([\w/-]+\.md)", _link, "`".join(pieces))


def _link(page: re.Match[str]) -> str:
    title = (_DOCS / page[1]).read_text().partition("\n")[0].removeprefix("# ")
    return f"[{title}](../{page[1]})"
