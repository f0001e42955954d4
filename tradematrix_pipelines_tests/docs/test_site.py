"""The site is built strictly without a network, and its pages fetch nothing from elsewhere."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tradematrix_pipelines_tests.docs.blocks import REPOSITORY

_NOWHERE = "http://127.0.0.1:9"
_FETCHED = re.compile(r"""<(?:script|img|link|iframe)\b[^>]*\b(?:src|href)=["']?(https?:)?//[^>]*""")


def test_it_is_built_and_shown_without_a_network(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "docs", tmp_path / "docs")
    shutil.copy(REPOSITORY / "zensical.toml", tmp_path)
    done = subprocess.run(
        [Path(sys.executable).parent / "zensical", "build", "--strict"],
        cwd=tmp_path,
        env={"HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE, "ALL_PROXY": _NOWHERE, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 30
    assert {page.name: found for page in pages if (found := _FETCHED.findall(page.read_text()))} == {}
    assert not list((tmp_path / "site").rglob("*.py"))
