"""What was decided, and why."""

from enum import StrEnum
from typing import Final

import msgspec

from auth_core.access.scope import RoleScope
from auth_core.kernel import NotFound, PermissionDenied


class Reason(StrEnum):
    """Why something is allowed or not: stable words."""

    ROLE = "role"
    """Allowed: a role of the subject permits it."""
    OWNER = "owner"
    """Allowed: it is the subject's own."""
    MISSING_PERMISSION = "missing_permission"
    NOT_A_MEMBER = "not_a_member"
    """It belongs to an organization in which the subject is nobody."""
    NOT_YOURS = "not_yours"
    """It is another person's own and belongs to no organization."""
    IMPERSONATION = "impersonation"
    """It would be allowed to the user, but not to somebody who acts in their name (SEC-70)."""
    UNKNOWN_SUBJECT = "unknown_subject"
    """There is no such person, or their account is not active."""
    UNKNOWN_PERMISSION = "unknown_permission"
    """This deployment has no such permission."""


_CONCEALED = frozenset({Reason.NOT_A_MEMBER, Reason.NOT_YOURS})


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whether, and why. ``role`` on the level ``scope`` is the one that permits it, if one does."""

    allowed: bool
    reason: Reason
    scope: RoleScope | None = None
    role: str | None = None

    @property
    def conceals(self) -> bool:
        """Whether the subject may not even know that there is such an object: 404, not 403."""
        return self.reason in _CONCEALED

    def enforce(self) -> None:
        """Raises NotFound or PermissionDenied unless it is allowed."""
        if self.allowed:
            return
        if self.conceals:
            raise NotFound
        raise PermissionDenied


OWNER: Final = Decision(allowed=True, reason=Reason.OWNER)
MISSING_PERMISSION: Final = Decision(allowed=False, reason=Reason.MISSING_PERMISSION)
NOT_A_MEMBER: Final = Decision(allowed=False, reason=Reason.NOT_A_MEMBER)
NOT_YOURS: Final = Decision(allowed=False, reason=Reason.NOT_YOURS)
IMPERSONATION: Final = Decision(allowed=False, reason=Reason.IMPERSONATION)
UNKNOWN_SUBJECT: Final = Decision(allowed=False, reason=Reason.UNKNOWN_SUBJECT)
UNKNOWN_PERMISSION: Final = Decision(allowed=False, reason=Reason.UNKNOWN_PERMISSION)
