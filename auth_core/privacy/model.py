"""Everything that is stored about one person, in a form that any program can read."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Final
from uuid import UUID

import msgspec

from auth_core.kernel import UserId

SCHEMA_VERSION: Final = 1
"""Of the document. Raised when a reader of the last one could misunderstand the next."""
MAX_RECORDS: Final = 10_000
"""Records of one kind in a document, the newest: it is made and sent as a whole."""
PRESENT: Final = "present"
"""Stands for a secret: that there is one is personal data, its value helps nobody but a thief."""

Record = Mapping[str, object]


class ErasureReason(StrEnum):
    """Why an account was erased."""

    GRACE_OVER = "grace_over"
    OPERATOR = "operator"


class PersonalData(msgspec.Struct, frozen=True, kw_only=True):
    """All records of a person by the name of their table, newest first, plain JSON values only.

    ``truncated`` names the tables of which no more than the newest `MAX_RECORDS` are here.
    """

    schema_version: int = SCHEMA_VERSION
    generated_at: str
    user_id: UserId
    records: Mapping[str, Sequence[Record]]
    truncated: tuple[str, ...] = ()


def as_json(value: object) -> object:
    """A stored value as JSON: moments in ISO 8601 with ``+00:00``, ids as text, sets as lists.

    Raises TypeError for bytes, which nobody can read: tell those as `PRESENT`.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return as_json(value.value)
    if isinstance(value, Mapping):
        return {str(name): as_json(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(member) for member in value]
    if value is None or isinstance(value, str | int | float):
        return value
    message = f"a value of {type(value).__name__} has no form in JSON"
    raise TypeError(message)
