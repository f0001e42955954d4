"""Every command, query and program that README, CONTRIBUTING and docs show is run, or its page says why not.

All pages share one installation with two weeks of DAX and EUR/USD, brought in evening by evening as far as the last two
sessions go; its clock stands on the Friday evening after.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner

from tradematrix_pipelines.board.app import make_app
from tradematrix_pipelines.board.server import running
from tradematrix_pipelines.cli.main import main
from tradematrix_pipelines.settings import Settings, load_settings
from tradematrix_pipelines.storage.database import Database
from tradematrix_pipelines_tests.docs.blocks import PAGES, REPOSITORY, Block, blocks, name
from tradematrix_pipelines_tests.docs.shell import Shell

pytestmark = pytest.mark.system

EVENINGS = {"2026-11-09": "2026-11-19", "2026-11-20": "2026-11-20"}
"""The first and the last session of what is brought in on the evening of the last one."""

BEFORE: dict[str, list[str]] = {
    # A range that leaves out the day's extremes: these minutes are rejected.
    "docs/how-to/quarantine.md": [
        "tradematrix symbols set DAX --price-range 1000 25150",
        "tradematrix backfill DAX --from 2026-11-19 --to 2026-11-20 --refresh",
        "tradematrix symbols set DAX --price-range 1000 100000",
    ],
    "docs/explanation/quality.md": [
        "tradematrix symbols set EUR/USD --threshold range=0.1",
        "tradematrix backfill EUR/USD --from 2026-11-18 --to 2026-11-18 --refresh",
    ],
    # It adds a symbol that no vendor knows, which `doctor` reports.
    "docs/how-to/calendars.md": [],
    # Its first command takes the day's allowance.
    "docs/explanation/verification.md": ["export TRADEMATRIX_VERIFY_CREDITS=1000"],
}
"""What makes it so that a page's commands have something to show. These pages come last: others want a sound market."""

SHOWN = {
    page: [block for block in blocks(page) if block.mark is None]
    for page in sorted(PAGES, key=lambda page: name(page) in BEFORE)
}


@pytest.fixture(scope="module")
def market(module_installation: Callable[..., Settings]) -> Settings:
    settings = module_installation()
    for first, last in EVENINGS.items():
        arguments = ["backfill", "DAX", "EUR/USD", "--from", first, "--to", last]
        result = CliRunner().invoke(main, arguments, env={"TRADEMATRIX_CLOCK": f"{last}T23:00:00Z"})
        assert result.exit_code == 0, result.output
    return settings


@pytest.fixture(scope="module")
def board(market: Settings) -> Iterator[str]:
    with running(make_app(market)) as url:
        yield url


@pytest.fixture
def shell(board: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A shell in an empty folder, which the user of an embedded server may enter."""
    with TemporaryDirectory(prefix="tradematrix-") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.chdir(folder)
        yield Shell(monkeypatch, board=board)


@pytest.mark.parametrize("page", [page for page, shown in SHOWN.items() if shown], ids=name)
def test_what_a_page_shows_works(shell: Shell, page: Path) -> None:
    for line in BEFORE.get(name(page), []):
        shell.type(line, must_succeed=False)
    for block in SHOWN[page]:
        shell.run(block)


def test_what_is_not_run_says_why() -> None:
    marked = [block for page in PAGES for block in blocks(page) if block.mark is not None]
    for block in marked:
        assert block.why, block
        if block.mark == "run by":
            test = REPOSITORY / "tradematrix_pipelines_tests" / block.why
            assert test.is_file(), block
            assert block.page.name in test.read_text(), block
    assert len([block for block in marked if block.mark == "not run"]) < len(_run(SHOWN))


def _run(shown: dict[Path, list[Block]]) -> list[Block]:
    return [block for of_page in shown.values() for block in of_page]


def test_the_views_are_those_that_there_are(market: Settings) -> None:
    del market
    page = (REPOSITORY / "docs" / "how-to" / "read-with-sql.md").read_text()
    rows = [row.split("|")[1:4] for row in page.partition("| view |")[2].splitlines()[2:] if row.startswith("| `api.")]
    documented = {view.strip(" `").removeprefix("api."): set(_columns(columns)) for view, _, columns in rows}
    with Database.connect(load_settings()) as database, database.engine.connect() as connection:
        stored = connection.exec_driver_sql(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'api'"
        ).all()
    there: dict[str, set[str]] = {}
    for view, column in stored:
        there.setdefault(view, set()).add(column)
    assert documented == there


def _columns(cell: str) -> Iterator[str]:
    """Yield the names of a cell, ``r1 to r5`` spelt out."""
    for part in cell.split(","):
        names = [word for index, word in enumerate(part.split("`")) if index % 2]
        if len(names) == 2:
            family = names[0][0]
            yield from (f"{family}{number}" for number in range(int(names[0][1:]), int(names[1][1:]) + 1))
        else:
            yield from names
