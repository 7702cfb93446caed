"""docs/operations/failing-closed.md names tests that exist and prove SEC-72."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operations" / "failing-closed.md"
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_ROW = re.compile(r"^\| (?!what is wrong|---)", re.MULTILINE)
ROWS = [line for line in PAGE.read_text().splitlines() if _ROW.match(line)]
NAMED = sorted(set(_TEST.findall(PAGE.read_text())))


def test_every_row_names_a_test() -> None:
    assert len(ROWS) > 25
    assert [] == [row for row in ROWS if not _TEST.search(row)]


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_named_test_exists_and_is_marked(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    [found] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    ]

    assert "SEC-72" in "".join(map(ast.unparse, found.decorator_list))
