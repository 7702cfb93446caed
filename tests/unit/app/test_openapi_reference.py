"""What docs/reference/openapi.json says of the API is what the code says."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_snapshot_is_the_api_of_the_code() -> None:
    """After a change of the API run `make openapi`, and look at the difference."""
    rendered = runpy.run_path(str(ROOT / ".ci" / "openapi.py"))["rendered"]()

    assert rendered == (ROOT / "docs/reference/openapi.json").read_text(encoding="utf-8")
