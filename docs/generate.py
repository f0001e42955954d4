"""Write what is made from the code into README.md and .env.example; a test compares them. Run it with ``make docs``."""

from pathlib import Path

from tradematrix_pipelines.cli.settings import env_example, markdown_table

_ROOT = Path(__file__).parents[1]
_BEGIN, _END = "<!-- settings: made by `make docs` -->\n", "<!-- end of settings -->\n"


def generated() -> dict[Path, str]:
    """Return the files that are made from the code, each with the text that it should have."""
    readme = _ROOT / "README.md"
    before, begin, rest = readme.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise SystemExit(f"README.md needs these two lines, between which its settings are written:\n{_BEGIN}{_END}")
    return {readme: f"{before}{begin}\n{markdown_table()}\n{end}{after}", _ROOT / ".env.example": env_example()}


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text)
