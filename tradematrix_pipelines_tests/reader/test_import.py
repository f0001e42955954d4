"""``import tradematrix_pipelines`` costs nothing, and reading needs neither Dagster nor a vendor."""

import inspect
import subprocess
import sys

import pytest

import tradematrix_pipelines as tm
from tradematrix_pipelines.reader import candles as reader_of_candles
from tradematrix_pipelines.reader import levels as reader_of_levels
from tradematrix_pipelines.settings import Settings, child_environment

LOADED = "print(*sorted({name.partition('.')[0] for name in sys.modules} & set(sys.argv[1:])))"
UNWANTED = ("alembic", "dagster", "dagster_postgres", "httpx", "yfinance", "pandas", "sqlalchemy", "pyarrow", "polars")


def loaded(code: str, settings: Settings | None = None, *, unwanted: tuple[str, ...] = UNWANTED) -> str:
    """Return which unwanted packages a fresh process has loaded after this code."""
    environment = None if settings is None else child_environment(settings)
    command = [sys.executable, "-c", f"import sys\n{code}\n{LOADED}", *unwanted]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


def test_the_import_loads_nothing() -> None:
    assert loaded("import tradematrix_pipelines as tm") == ""
    assert loaded("import tradematrix_pipelines as tm; tm.candles; tm.levels") == ""


def test_reading_loads_neither_dagster_nor_a_vendor(market: Settings) -> None:
    code = """
import tradematrix_pipelines as tm
assert len(tm.candles("EUR/USD", "1d")) == 10
assert len(tm.levels("EUR/USD")) == 10
assert len(tm.coverage("EUR/USD")) == 50
assert len(tm.symbols()) == 5
assert not [name for name in sys.modules if name.startswith("tradematrix_pipelines.vendors.twelve")]
"""
    assert loaded(code, market, unwanted=("dagster", "dagster_postgres", "httpx", "yfinance")) == ""


@pytest.mark.parametrize(
    "first",
    [
        "import tradematrix_pipelines.candles.frame, tradematrix_pipelines.levels.daily",
        "from tradematrix_pipelines.candles import frame; from tradematrix_pipelines import levels",
        "import tradematrix_pipelines.candles as candles; candles.__path__",
        "pass",
    ],
)
def test_packages_can_be_called_whatever_is_imported_first(market: Settings, first: str) -> None:
    code = f"""
{first}
import tradematrix_pipelines as tm
assert len(tm.candles("EUR/USD", "1d")) == 10
assert len(tm.levels("EUR/USD")) == 10
from tradematrix_pipelines.candles.frame import COLUMNS
import tradematrix_pipelines.levels.pivots
"""
    assert loaded(code, market, unwanted=("dagster",)) == ""


def test_a_notebook_sees_the_arguments() -> None:
    assert inspect.signature(tm.candles) == inspect.signature(reader_of_candles.candles)
    assert inspect.signature(tm.levels) == inspect.signature(reader_of_levels.levels)
    assert {"candles", "connected", "coverage", "levels", "symbols"} <= set(dir(tm))
    with pytest.raises(AttributeError, match="has no attribute 'prices'"):
        _ = tm.prices  # type: ignore[attr-defined]  # that is the point
