"""The code blocks of a page, and what a page says of those that are not run here.

Here: reading them. Not here: running them (``shell``). A comment directly above a block says why it is not run, or
which test runs it:

    <!-- not run: it takes a key -->
    <!-- run by: cli/test_files_docs.py -->
"""

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

REPOSITORY = Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
RUNNABLE = ("console", "sh", "python", "sql")
"""Languages whose blocks are run. Others are data (csv, json), parts of files (ini, toml) and pictures (text)."""

_BLOCK = re.compile(
    r"(?:^ *<!-- (?P<mark>not run|run by): (?P<why>[^\n]+?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A code block. ``mark`` is ``not run``, ``run by`` or nothing, ``why`` what follows it."""

    page: Path
    language: str
    text: str
    mark: str | None
    why: str | None


def blocks(page: Path) -> list[Block]:
    """Return the runnable blocks of a page, in their order."""
    return [
        Block(
            page=page,
            language=found["language"],
            text=dedent(found["text"]),
            mark=found["mark"],
            why=found["why"],
        )
        for found in _BLOCK.finditer(page.read_text())
        if found["language"] in RUNNABLE
    ]


def name(page: Path) -> str:
    """Return a page's path within the project."""
    return str(page.relative_to(REPOSITORY))
