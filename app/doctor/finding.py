"""What an examination finds."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and will hurt some day."""
    ERROR = "error"
    """It does not work, or not safely."""


class Finding(msgspec.Struct, frozen=True):
    """One line for an operator, and what to do if it is not `OK`. It holds no secret."""

    level: Level
    about: str
    text: str
    advice: str = ""


def told(findings: Iterable[Finding]) -> Iterator[str]:
    """The findings as lines, advice below what it is about."""
    for found in findings:
        yield f"{found.level:<8} {found.about:<14} {found.text}"
        if found.advice:
            yield f"{'':<23} → {found.advice}"
