"""What docs/reference and .env.example say is what the code says."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGES = runpy.run_path(str(ROOT / ".ci" / "reference.py"))["pages"]()


def test_the_pages_are_those_of_the_code() -> None:
    """After a change run `make reference`."""
    for path, text in PAGES.items():
        assert text == path.read_text(encoding="utf-8"), path


def test_every_command_and_every_error_is_there() -> None:
    said = {path.name: text for path, text in PAGES.items()}

    for command in ("fm-auth serve", "fm-auth user erase", "fm-auth key rotate"):
        assert f"## {command}\n" in said["command-line.md"]
    for code in ("authentication_failed", "invalid_refresh_token", "too_many_requests"):
        assert f"| `{code}` |" in said["errors.md"]
