"""What is loaded before the workers are forked, each of them has, and every start waits for."""

import json
import subprocess
import sys

_LOADED = "import json, sys; import app.cli.supervisor; print(json.dumps([*sys.modules]))"
TOO_HEAVY = {"litestar", "advanced_alchemy", "pydantic", "sqlalchemy", "opentelemetry"}


def test_the_supervisor_loads_no_framework() -> None:
    """It has `_UNUSED` to tell Litestar what not to load, and does so before it loads Litestar."""
    said = subprocess.run(
        [sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True
    ).stdout

    assert not TOO_HEAVY & {name.split(".")[0] for name in json.loads(said)}
