"""Makes the parts of the docs that follow from the code.

Here: which files, and what they should contain. ``make docs`` writes them, a test compares them with what is committed.
Not here: the pages themselves; a page is written by hand around its generated parts.
"""

from pathlib import Path

from docs.generate.commands import commands
from docs.generate.dagster_definitions import assets, automation, checks
from docs.generate.http_api import http
from docs.generate.markdown import replaced
from docs.generate.performance import measured, open_bars
from docs.generate.python_reader import functions
from docs.generate.settings import settings
from docs.generate.tables import tables
from docs.generate.thresholds import thresholds
from tradematrix_pipelines.cli.settings import env_example

ROOT = Path(__file__).parents[2]
_PARTS = {
    "explanation/performance.md": {"measured": measured, "open bars": open_bars},
    "explanation/quality.md": {"thresholds": thresholds},
    "reference/assets.md": {"assets": assets, "checks": checks},
    "reference/automation.md": {"automation": automation},
    "reference/commands.md": {"options": commands},
    "reference/http.md": {"http": http},
    "reference/python.md": {"functions": functions},
    "reference/settings.md": {"settings": settings},
    "reference/tables.md": {"columns": tables},
}
"""What is made of each page, by the name of its marks."""


def generated() -> dict[Path, str]:
    """Return the files that are made from the code, each with the text that it should have."""
    files = {ROOT / ".env.example": env_example()}
    for page, parts in _PARTS.items():
        path = ROOT / "docs" / page
        text = path.read_text()
        for name, part in parts.items():
            text = replaced(text, name, part(), page=page)
        files[path] = text
    return files
