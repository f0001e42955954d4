"""Every link of README, CONTRIBUTING, CHANGELOG and docs leads to a file that is there, and every anchor to a heading.

Here: links within the project, pictures included, and pages that code names. Not here: links to other sites.
"""

import re
from functools import cache
from pathlib import Path

import pytest

from tradematrix_pipelines_tests.docs.blocks import PAGES, REPOSITORY, name

LINKING = [*PAGES, REPOSITORY / "CHANGELOG.md"]
_FENCE = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@cache
def prose(page: Path) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", page.read_text())


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as both the site and repository hosts make them."""
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in _HEADING.findall(prose(page))]
    return {re.sub(r"[^\w -]", "", heading).strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", LINKING, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        target, _, anchor = link.partition("#")
        if re.match(r"https?:|mailto:", link):
            continue
        file = (page.parent / target).resolve() if target else page
        assert file.is_file(), link
        assert not anchor or anchor in anchors(file), link


def test_pages_link_only_to_pages_of_the_site() -> None:
    docs = REPOSITORY / "docs"
    for page in docs.rglob("*.md"):
        for link in _LINK.findall(prose(page)):
            assert re.match(r"https?:", link) or (page.parent / link.partition("#")[0]).resolve().is_relative_to(docs)


def test_every_page_is_in_the_navigation() -> None:
    navigation = (REPOSITORY / "zensical.toml").read_text()
    pages = [str(page.relative_to(REPOSITORY / "docs")) for page in (REPOSITORY / "docs").rglob("*.md")]
    assert sorted(pages) == sorted(re.findall(r'"([\w/-]+\.md)"', navigation))


def test_pages_that_code_and_messages_name_are_there() -> None:
    code = (REPOSITORY / "tradematrix_pipelines").rglob("*.py")
    named = {page for path in code for page in re.findall(r"\bdocs/[\w/-]+\.md", path.read_text())}
    assert len(named) > 5
    assert {page for page in named if not (REPOSITORY / page).is_file()} == set()
