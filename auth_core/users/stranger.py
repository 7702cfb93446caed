"""Whoever has a name that nobody has."""

from datetime import UTC, datetime
from typing import cast
from uuid import UUID

from auth_core.kernel import NOBODY, UserId, Username
from auth_core.users.model import User

_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

STRANGER = User(
    id=cast("UserId", UUID(int=0)),
    username=Username(NOBODY.value),
    email=NOBODY,
    display_name="Nobody",
    created_at=_LONG_AGO,
    updated_at=_LONG_AGO,
)
"""Stands in for an account that is not there, so that the same work is done for it (SEC-01).

Nothing is stored under its id, and its address has no mailbox.
"""
