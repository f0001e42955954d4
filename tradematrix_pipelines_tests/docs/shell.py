"""Runs the blocks of a page as a reader would: one after the other, in one folder, with one environment.

``tradematrix`` runs in this process, anything else in a shell that finds the project's programs and PostgreSQL's.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.postgres.programs import bin_dir
from tradematrix_pipelines.settings import load_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines_tests.docs.blocks import Block

BOARD = "http://127.0.0.1:3001"
"""Where pages say that the board is."""

_OWN_PROCESS = {"psql"}
"""Commands that become another program, which would replace the tests."""


class Shell:
    """What a page's blocks share: the environment, the names of its Python, and a running board."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, board: str) -> None:
        self._monkeypatch = monkeypatch
        self._board = board
        self._names: dict[str, Any] = {}

    def run(self, block: Block) -> None:
        """Run a block; anything but success is an error that shows what was printed."""
        if block.language == "python":
            exec(compile(block.text.replace(BOARD, self._board), block.page.name, "exec"), self._names)
        elif block.language == "sql":
            with Database.connect(load_settings()) as database, database.engine.connect() as connection:
                assert connection.exec_driver_sql(block.text).all(), block.text
        elif block.language == "sh":
            self._in_a_shell(block.text)
        else:
            for line in block.text.replace("\\\n", " ").splitlines():
                self.type(line.removeprefix("$ "))

    def type(self, line: str, *, must_succeed: bool = True) -> None:
        """Run one line."""
        line = line.replace(BOARD, self._board)
        words = shlex.split(line, comments=True)
        if not words:
            return
        if words[0] == "export":
            self._export(words[1:])
        elif words[0] == "tradematrix" and words[1] not in _OWN_PROCESS and not re.search(r"[$|<>]", line):
            result = CliRunner().invoke(main, words[1:])
            assert result.exit_code == 0 or not must_succeed, f"{line}\n{result.output}\n{result.exception!r}"
        else:
            self._in_a_shell(line)

    def _export(self, assignments: list[str]) -> None:
        for name, _, value in (assignment.partition("=") for assignment in assignments):
            self._monkeypatch.setenv(name, value)
            if name == "TRADEMATRIX_HOME":  # a reader's home has its own server
                self._monkeypatch.delenv("TRADEMATRIX_DATABASE_URL", raising=False)

    def _in_a_shell(self, text: str) -> None:
        programs = [Path(sys.executable).parent, bin_dir(), os.environ["PATH"]]
        done = subprocess.run(
            ["bash", "-e", "-u", "-o", "pipefail", "-c", text],
            env={**os.environ, "PATH": os.pathsep.join(map(str, programs))},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
