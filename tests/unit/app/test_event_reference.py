"""What docs/events says of events is what the code says."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_schemas_and_the_table_of_all_types_are_those_of_the_code() -> None:
    """After a change to events run `make events`."""
    rendered = runpy.run_path(str(ROOT / ".ci" / "events.py"))["rendered"]()

    assert rendered == {path.name: path.read_text() for path in (ROOT / "docs/events").iterdir()}
