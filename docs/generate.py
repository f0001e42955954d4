"""Write what is made from the code into README.md, docs/quality.md and .env.example; a test compares them.

Run it with ``make docs``.
"""

from pathlib import Path

from tradematrix_pipelines.cli.settings import env_example, markdown_table
from tradematrix_pipelines.quality.thresholds import table

_ROOT = Path(__file__).parents[1]


def generated() -> dict[Path, str]:
    """Return the files that are made from the code, each with the text that it should have."""
    readme, quality = _ROOT / "README.md", _ROOT / "docs" / "quality.md"
    return {
        readme: _replaced(readme, "settings", markdown_table()),
        quality: _replaced(quality, "thresholds", _thresholds()),
        _ROOT / ".env.example": env_example(),
    }


def _thresholds() -> str:
    rows = [f"| `{row.name}` | {row.value:g} | {row.unit} | {row.reason} |" for row in table()]
    return "\n".join(["| threshold | value | unit | why |", "|---|---|---|---|", *rows, ""])


def _replaced(path: Path, what: str, text: str) -> str:
    """Return the text of a file with what is between its two marks replaced."""
    begin_mark, end_mark = f"<!-- {what}: made by `make docs` -->\n", f"<!-- end of {what} -->\n"
    before, begin, rest = path.read_text().partition(begin_mark)
    _, end, after = rest.partition(end_mark)
    if not (begin and end):
        raise SystemExit(f"{path.name} needs these two lines, between which it is written:\n{begin_mark}{end_mark}")
    return f"{before}{begin}\n{text}\n{end}{after}"


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text)
