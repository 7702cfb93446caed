"""Pages of lists in order of an id: how many, and after which."""

import base64
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from auth_core.kernel import FieldProblem, InvalidInput

DEFAULT_LIMIT, MAX_LIMIT = 50, 100

T = TypeVar("T")


def page_size(limit: int) -> int:
    """How many to ask for: one more says whether there is another page. Raises InvalidInput."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(_problem("limit", f"from 1 to {MAX_LIMIT}"))
    return limit + 1


def page_of(found: Sequence[T], limit: int) -> tuple[Sequence[T], T | None]:
    """What the page shows, and the last of it if there are more."""
    more = len(found) > limit
    return found[:limit], found[limit - 1] if more else None


def cursor_of(last: UUID | None) -> str | None:
    """Where the next page begins."""
    if last is None:
        return None
    return base64.urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def after(cursor: str | None) -> UUID | None:
    """What a cursor says. Raises InvalidInput."""
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.b64decode(cursor + "==", altchars=b"-_", validate=True))
    except ValueError as error:
        raise InvalidInput(_problem("cursor", "not a cursor of this list")) from error


def _problem(field: str, message: str) -> FieldProblem:
    return FieldProblem(field=field, type="invalid", message=message, source="query")
