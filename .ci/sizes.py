"""Small rooms: no module over 350 lines, no function over 40. Exits 1 and names those that are."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE_MAX, FUNCTION_MAX = 350, 40
ROOTS = ("auth_core", "adapters", "app")


def too_long(path: Path) -> Iterator[str]:
    """One line for each thing in ``path`` that is too long."""
    source = path.read_text()
    lines = source.count("\n")
    if lines > MODULE_MAX:
        yield f"{path}: {lines} lines, at most {MODULE_MAX}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_MAX:
                place = f"{path}:{node.lineno}: {node.name}"
                yield f"{place} has {length} lines, at most {FUNCTION_MAX}"


def main() -> int:
    """Check every source file."""
    files = [path for root in ROOTS for path in sorted(Path(root).rglob("*.py"))]
    found = [line for path in files for line in too_long(path)]
    sys.stdout.write("\n".join([*found, f"{len(files)} files, {len(found)} too long\n"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
