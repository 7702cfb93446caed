"""What the trail keeps. It names people by id only: erasing one leaves nothing here (SEC-71)."""

from datetime import datetime
from enum import StrEnum

import msgspec

from auth_core.kernel import EventId, OrganizationId, SessionId, UserId, current_actor


class AuditAction(StrEnum):
    """What happened, as ``subject:action``."""

    SESSION_REUSE_DETECTED = "session:reuse_detected"
    SESSION_ENDED = "session:ended"
    SESSION_IMPERSONATED = "session:impersonated"
    USER_CREATED = "user:created"
    USER_UPDATED = "user:updated"
    USER_DISABLED = "user:disabled"
    USER_ENABLED = "user:enabled"
    USER_DELETED = "user:deleted"
    USER_ROLES_CHANGED = "user:roles_changed"
    ROLE_CREATED = "role:created"
    ROLE_UPDATED = "role:updated"
    ROLE_DELETED = "role:deleted"
    PASSWORD_CHANGED = "password:changed"  # noqa: S105 - an action
    PASSWORD_CHANGE_REQUIRED = "password:change_required"  # noqa: S105 - an action
    USER_ERASED = "user:erased"
    SIGN_IN_FAILED = "sign_in:failed"
    PASSWORD_DISABLED = "password:disabled"  # noqa: S105 - a word
    PASSWORD_UNLOCKED = "password:unlocked"  # noqa: S105
    USER_REGISTERED = "user:registered"
    EMAIL_VERIFIED = "user:email_verified"
    EMAIL_CHANGED = "user:email_changed"
    PASSWORD_RESET = "user:password_reset"  # noqa: S105 - an action
    SIGNED_IN_BY_MAIL = "user:signed_in_by_mail"
    DELETION_SCHEDULED = "user:deletion_scheduled"
    DELETION_CANCELLED = "user:deletion_cancelled"


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. ``reason`` is a stable word, never prose and never a secret.

    ``actor_id`` is the administrator who did it, in their own name or in that of the user.
    ``detail`` says more: the roles before and after, or why somebody acts for another user.
    """

    id: EventId
    occurred_at: datetime
    action: AuditAction
    reason: str
    user_id: UserId
    session_id: SessionId | None = None
    organization_id: OrganizationId | None = None
    actor_id: UserId | None = msgspec.field(default_factory=current_actor)
    detail: str | None = None
