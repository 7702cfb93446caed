"""Links of the documents lead somewhere, and who runs the code in them is known."""

import ast
import configparser
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), ROOT / "auth_core" / "README.md", *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!`)\[[^\]\n]*\]\(([^)\s]+)\)")

READ: Mapping[str, Callable[[str], object]] = {
    "yaml": yaml.safe_load,
    "ini": lambda text: configparser.ConfigParser(interpolation=None).read_string(text),
}
"""Blocks that are no program: it is read as what it is for."""

NOT_RUN = {
    "docs/guides/contracts.md": "`make pact` runs tests of this very run",
    "docs/guides/pgbouncer.md": "its servers are nowhere; tests/operations/pgbouncer has real ones",
    "docs/guides/redis-cluster.md": "its nodes are nowhere; tests/operations has real ones",
    "docs/operations/doctor.md": "it shows a deployment; test_doctor.py has one in each state",
}
"""Pages with commands that no test runs as they stand there, and why."""


def blocks() -> Iterator[tuple[str, str, str]]:
    for page in PAGES:
        for language, text in BLOCK.findall(page.read_text()):
            yield str(page.relative_to(ROOT)), language, text


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(BLOCK.sub("", page.read_text())):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        assert found.exists(), f"{page.name} links to {target}"
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in links."""
    titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text()), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower() for title in titles)
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain}


def test_what_is_configuration_can_be_read() -> None:
    found = [(language, text) for _, language, text in blocks() if language in READ]

    assert found
    for language, text in found:
        READ[language](text)


def test_programs_compile() -> None:
    for page, language, text in blocks():
        if language == "python":
            # an await on its own is a piece of something
            compile(text, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_a_test_runs_what_can_be_run() -> None:
    tests = (ROOT / "tests").rglob("test_*.py")
    sources = "".join(each.read_text() for each in tests if each.name != Path(__file__).name)
    runnable = {
        page for page, language, text in blocks() if language == "python" or text.startswith("$ ")
    }

    named = {page for page in runnable if re.search(rf"[/\"]{Path(page).name}\"", sources)}
    assert runnable - named == NOT_RUN.keys()
