"""What the pages say, in the language that the browser prefers."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("en", "de")
_MAX_HEADER = 256
_PREFERENCE = re.compile(
    r"([a-zA-Z]{1,8}|\*)(?:-[a-zA-Z0-9-]{1,35})?(?:;q=([01](?:\.[0-9]{1,3})?))?"
)


@cache
def words(language: str) -> Mapping[str, Any]:
    """All texts in one of `LANGUAGES`."""
    return tomllib.loads((files("app.pages") / "texts" / f"{language}.toml").read_text("utf-8"))


def preferred(accept_language: str) -> str:
    """The best of our languages for an ``Accept-Language`` header (RFC 9110 §12.5.4)."""
    best, best_quality = LANGUAGES[0], 0.0
    for item in accept_language[:_MAX_HEADER].split(","):
        preference = _PREFERENCE.fullmatch(item.replace(" ", ""))
        if preference is None:
            continue
        language, quality = preference[1].lower(), float(preference[2] or 1)
        if language in LANGUAGES and quality > best_quality:
            best, best_quality = language, quality
    return best
