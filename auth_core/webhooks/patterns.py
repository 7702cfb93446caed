"""Which events an endpoint wants: types, and patterns such as ``user.*``."""

import re
from collections.abc import Iterable

from auth_core.kernel import FieldProblem, InvalidInput

EVERYTHING = "*"
_PATTERN = re.compile(r"\*|[a-z][a-z_]*(?:\.[a-z][a-z_]*){0,3}(?:\.\*)?")
_PATTERN_MAX = 100
_MOST = 50


def parse_patterns(patterns: Iterable[str]) -> tuple[str, ...]:
    """Valid patterns, sorted, each once. Types that this version does not have are valid, too.

    Raises InvalidInput.
    """
    given = sorted(set(patterns))
    if not 1 <= len(given) <= _MOST:
        raise _refused(f"1 to {_MOST} event types")
    if not all(len(each) <= _PATTERN_MAX and _PATTERN.fullmatch(each) for each in given):
        raise _refused("each must be an event type, a pattern such as user.*, or *")
    return (EVERYTHING,) if EVERYTHING in given else tuple(given)


def wants(patterns: Iterable[str], event_type: str) -> bool:
    """Whether one of ``patterns`` is for ``event_type``."""
    return any(
        pattern in {EVERYTHING, event_type}
        or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
        for pattern in patterns
    )


def _refused(message: str) -> InvalidInput:
    return InvalidInput(FieldProblem(field="event_types", type="invalid", message=message))
