"""Vendors by name, built in and added."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from tradematrix_pipelines.errors import UsageError
from tradematrix_pipelines.markets.symbols import DEFAULT_SYMBOLS
from tradematrix_pipelines.markets.timeframes import Timeframe
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.simulator import Simulator
from tradematrix_pipelines.vendors.credits import NoLedger
from tradematrix_pipelines.vendors.files.client import FilesVendor
from tradematrix_pipelines.vendors.protocol import CandleRequest
from tradematrix_pipelines.vendors.registry import open_vendor, open_vendors, vendor_names
from tradematrix_pipelines.vendors.twelve_data import TwelveData

REQUEST = CandleRequest(
    symbol=DEFAULT_SYMBOLS[0],
    timeframe=Timeframe.H1,
    start=datetime(2026, 3, 19, tzinfo=UTC),
    end=datetime(2026, 3, 20, tzinfo=UTC),
)


@pytest.fixture
def plain(tmp_path: Path) -> Settings:
    """Settings without a vendor."""
    return load_settings({"TRADEMATRIX_HOME": str(tmp_path), "TRADEMATRIX_CLOCK": "2026-03-20T15:00:00Z"})


def test_without_a_key_the_simulator_is_started_and_stopped(plain: Settings) -> None:
    vendor = open_vendor(plain, ledger=NoLedger())
    answer = vendor.fetch(REQUEST)
    assert (vendor.name, answer.source) == ("simulator", "simulator")
    assert len(answer.candles) == 9  # Xetra trades for eight and a half hours
    vendor.close()
    with pytest.raises(RuntimeError):
        vendor.fetch(REQUEST)


def test_with_a_key_it_is_twelve_data_at_the_address_of_the_settings(
    plain: Settings, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate(key="the key")
    vendor = open_vendor(
        plain.model_copy(update={"twelve_data_key": SecretStr("the key"), "twelve_data_url": simulator.url}),
        ledger=NoLedger(),
    )
    assert isinstance(vendor, TwelveData)
    assert len(vendor.fetch(REQUEST).candles) == 9
    assert simulator.counts.calls == 1
    vendor.close()


def test_twelve_data_without_a_key(plain: Settings) -> None:
    with pytest.raises(UsageError, match="TWELVE_DATA_API_KEY is not set"):
        open_vendor(plain.model_copy(update={"vendor": "twelve_data"}), ledger=NoLedger())


def test_files(plain: Settings, tmp_path: Path) -> None:
    files = plain.model_copy(update={"vendor": "files"})
    vendor = open_vendor(files.model_copy(update={"files_dir": tmp_path}), ledger=NoLedger())
    assert isinstance(vendor, FilesVendor)
    with pytest.raises(UsageError, match="TRADEMATRIX_FILES_DIR is not set"):
        open_vendor(files, ledger=NoLedger())
    with pytest.raises(UsageError, match="is not a folder"):
        open_vendor(files.model_copy(update={"files_dir": tmp_path / "absent"}), ledger=NoLedger())


def test_an_unknown_name_lists_the_known_ones(plain: Settings) -> None:
    with pytest.raises(UsageError, match=rf"'stooq' is not a vendor: there are {', '.join(vendor_names())}"):
        open_vendor(plain.model_copy(update={"vendor": "stooq"}), ledger=NoLedger())


def test_fallbacks_are_opened_in_their_order_and_closed_together(plain: Settings, tmp_path: Path) -> None:
    settings = plain.model_copy(update={"vendor": "yahoo", "fallback_vendors": ("files",), "files_dir": tmp_path})
    with open_vendors(settings, ledger=NoLedger()) as vendors:
        assert [vendor.name for vendor in vendors] == ["yahoo", "files"]


@pytest.mark.parametrize(
    ("fallbacks", "message"),
    [
        (("stooq",), r"^TRADEMATRIX_FALLBACK_VENDORS: 'stooq' is not a vendor"),
        (("yahoo",), r"TRADEMATRIX_FALLBACK_VENDORS repeats a vendor"),
        (("simulator",), r"would mix simulated and real prices"),
    ],
)
def test_fallbacks_that_make_no_sense(plain: Settings, fallbacks: tuple[str, ...], message: str) -> None:
    settings = plain.model_copy(update={"vendor": "yahoo", "fallback_vendors": fallbacks})
    with pytest.raises(UsageError, match=message), open_vendors(settings, ledger=NoLedger()):
        pass


@pytest.mark.slow
def test_yahoo_without_its_extra_says_how_to_install_it(tmp_path: Path) -> None:
    # In a process of its own, in which yfinance can't be imported.
    code = """
import sys
from tradematrix_pipelines.cli.main import main

sys.modules["yfinance"] = None
sys.argv = ["tradematrix", "symbols", "add", "SPX", "--calendar", "XNYS"]
main()
"""
    environment = {**os.environ, "TRADEMATRIX_VENDOR": "yahoo", "TRADEMATRIX_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1:] == [
        "Error: the vendor yahoo needs yfinance, which is not installed: pip install 'tradematrix-pipelines[yahoo]'"
    ]


def test_an_installation_from_the_lock_has_every_extra() -> None:
    lock = (Path(__file__).parents[2] / "requirements.lock").read_text()
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    extras = [re.split(r"[<>=]", one)[0] for extra in project["optional-dependencies"].values() for one in extra]
    assert sorted(extras) == [
        "celery",
        "dagster-docker",
        "dagster-k8s",
        "opentelemetry-exporter-otlp-proto-http",
        "opentelemetry-sdk",
        "polars",
        "redis",
        "yfinance",
    ]
    assert all(re.search(rf"^{name}==", lock, re.MULTILINE) for name in extras)
    assert not any(one.startswith(tuple(extras)) for one in project["dependencies"])
    assert "://" not in lock, "whoever installs chooses the package index"


def test_a_package_adds_a_vendor(plain: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site"
    (package / "acme-1.0.dist-info").mkdir(parents=True)
    (package / "acme-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (package / "acme-1.0.dist-info" / "entry_points.txt").write_text(
        "[tradematrix_pipelines.vendors]\nacme = acme_vendor:make\n"
    )
    (package / "acme_vendor.py").write_text(
        "from tradematrix_pipelines.vendors.files.client import FilesVendor\n"
        "def make(settings, ledger):\n    return FilesVendor(settings.home)\n"
    )
    monkeypatch.syspath_prepend(package)
    assert "acme" in vendor_names()
    assert isinstance(open_vendor(plain.model_copy(update={"vendor": "acme"}), ledger=NoLedger()), FilesVendor)
