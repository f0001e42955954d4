"""The architecture's page and rules, held to the code."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tradematrix_pipelines"
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text()


def test_the_page_lists_the_layers_of_the_import_contract() -> None:
    listed = re.findall(r"^  (\w+)(?:/|\.py) ", PAGE.partition("```")[2].partition("```")[0], re.MULTILINE)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    assert listed == [layer.removeprefix("tradematrix_pipelines.") for layer in reversed(layers)]
    assert set(listed) == {path.parent.name for path in PACKAGE.glob("*/__init__.py")} | {"definitions"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_belongs_in_it(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), path


def test_private_names_of_dagster_are_imported_in_one_room_only() -> None:
    offenders = []
    for path in PACKAGE.rglob("*.py"):
        if "internals" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else []
            )
            offenders += [(path.name, name) for name in names if re.match(r"dagster(_\w+)?\._", name)]
    assert offenders == []


def test_only_the_settings_read_the_environment() -> None:
    readers = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "putenv"}:
                readers.add(str(path.relative_to(PACKAGE)))
            if isinstance(node, ast.ImportFrom) and node.module == "os":
                readers |= {str(path.relative_to(PACKAGE)) for name in node.names if name.name in {"environ", "getenv"}}
    assert readers == {"settings.py"}


def test_every_module_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:\w+/)*\w+\.py)`", PAGE))
    assert len(named) > 20
    assert {name for name in named if not list(PACKAGE.rglob(name))} == set()
