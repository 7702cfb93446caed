"""The names of the IANA time zones, from a package: the same on every machine."""

from functools import cache
from importlib.resources import files


@cache
def time_zones() -> frozenset[str]:
    """Every name that a person may choose, like ``Europe/Berlin``."""
    listed = (files("tzdata") / "zones").read_text(encoding="ascii")
    return frozenset(listed.split())
