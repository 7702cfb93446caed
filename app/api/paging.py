"""Pages of lists in order of an id: how many, and after which."""

import base64
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar
from uuid import UUID

from litestar.params import QueryParameter

from auth_core.kernel import FieldProblem, InvalidInput

DEFAULT_LIMIT, MAX_LIMIT = 50, 100

Limit = Annotated[
    int,
    QueryParameter(
        description="How many to list at most.",
        schema_extra={"minimum": 1, "maximum": MAX_LIMIT},
    ),
]
Cursor = Annotated[
    str | None,
    QueryParameter(
        description="`next_cursor` of the page before this one.",
        schema_extra={"pattern": "^[A-Za-z0-9_-]{22}$"},
    ),
]

LIMIT_PROBLEM = FieldProblem(
    field="limit", type="out_of_range", message=f"from 1 to {MAX_LIMIT}", source="query"
)
_CURSOR_PROBLEM = FieldProblem(
    field="cursor", type="invalid", message="not a cursor of this list", source="query"
)

T = TypeVar("T")


def page_size(limit: int) -> int:
    """How many to ask for: one more says whether there is another page. Raises InvalidInput."""
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(LIMIT_PROBLEM)
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


def after(cursor: str | None, id_of: Callable[[UUID], T]) -> T | None:
    """The id that a cursor names. Raises InvalidInput."""
    if cursor is None:
        return None
    try:
        return id_of(UUID(bytes=base64.b64decode(cursor + "==", altchars=b"-_", validate=True)))
    except ValueError as error:
        raise InvalidInput(_CURSOR_PROBLEM) from error
