"""The words of the trail."""

from enum import StrEnum


class AuditAction(StrEnum):
    """What happened, as ``subject:action``."""

    # accounts
    USER_CREATED = "user:created"
    USER_REGISTERED = "user:registered"
    USER_UPDATED = "user:updated"
    USER_DISABLED = "user:disabled"
    USER_ENABLED = "user:enabled"
    USER_DELETED = "user:deleted"
    USER_ROLES_CHANGED = "user:roles_changed"
    USER_ERASED = "user:erased"
    USER_EXPORTED = "user:exported"
    EMAIL_VERIFIED = "user:email_verified"
    EMAIL_CHANGED = "user:email_changed"
    DELETION_SCHEDULED = "user:deletion_scheduled"
    DELETION_CANCELLED = "user:deletion_cancelled"

    # signing in and out
    SIGN_IN_SUCCEEDED = "sign_in:succeeded"
    SIGN_IN_FAILED = "sign_in:failed"
    SIGNED_IN_BY_MAIL = "user:signed_in_by_mail"
    REAUTHENTICATED = "sign_in:renewed"
    CREDENTIAL_STUFFING_SUSPECTED = "credential_stuffing:suspected"
    SESSION_ENDED = "session:ended"
    SESSION_REUSE_DETECTED = "session:reuse_detected"
    SESSION_IMPERSONATED = "session:impersonated"
    ORGANIZATION_SWITCHED = "session:organization_switched"

    # passwords
    PASSWORD_CHANGED = "password:changed"  # noqa: S105 - an action
    PASSWORD_CHANGE_REQUIRED = "password:change_required"  # noqa: S105 - an action
    PASSWORD_DISABLED = "password:disabled"  # noqa: S105 - a word
    PASSWORD_UNLOCKED = "password:unlocked"  # noqa: S105
    PASSWORD_RESET = "user:password_reset"  # noqa: S105 - an action

    # organizations
    ORGANIZATION_CREATED = "organization:created"
    ORGANIZATION_UPDATED = "organization:updated"
    ORGANIZATION_DELETED = "organization:deleted"
    ORGANIZATION_RESTORED = "organization:restored"
    ORGANIZATION_ERASED = "organization:erased"
    OWNERSHIP_TRANSFERRED = "organization:ownership_transferred"
    DOMAIN_CLAIMED = "domain:claimed"
    DOMAIN_VERIFIED = "domain:verified"
    DOMAIN_REMOVED = "domain:removed"
    MEMBERSHIP_ADDED = "membership:added"
    MEMBERSHIP_REFUSED = "membership:refused"
    MEMBERSHIP_REMOVED = "membership:removed"
    MEMBERSHIP_LEFT = "membership:left"
    MEMBERSHIP_ROLE_CHANGED = "membership:role_changed"
    TEAM_CREATED = "team:created"
    TEAM_UPDATED = "team:updated"
    TEAM_DELETED = "team:deleted"
    TEAM_MEMBER_ADDED = "team:member_added"
    TEAM_MEMBER_REMOVED = "team:member_removed"
    TEAM_ROLE_CHANGED = "team:role_changed"
    INVITATION_CREATED = "invitation:created"
    INVITATION_RESENT = "invitation:resent"
    INVITATION_REVOKED = "invitation:revoked"
    INVITATION_ACCEPTED = "invitation:accepted"
    INVITATION_REFUSED = "invitation:refused"

    # access
    ROLE_CREATED = "role:created"
    ROLE_UPDATED = "role:updated"
    ROLE_DELETED = "role:deleted"
    ROLE_ASSIGNED = "role:assigned"
    ROLE_REVOKED = "role:revoked"
    ACCESS_DENIED = "access:denied"

    # webhooks and events
    WEBHOOK_CREATED = "webhook:created"
    WEBHOOK_CHANGED = "webhook:changed"
    WEBHOOK_DELETED = "webhook:deleted"
    WEBHOOK_SECRET_ROTATED = "webhook:secret_rotated"  # noqa: S105 - an action
    WEBHOOK_DISABLED = "webhook:disabled"
    WEBHOOK_REDELIVERED = "webhook:redelivered"
    EVENTS_REPLAYED = "events:replayed"

    # the service itself
    KEY_ROTATED = "key:rotated"
    KEY_REVOKED = "key:revoked"
    AUDIT_EXPORTED = "audit:exported"
    AUDIT_CHAIN_STARTED = "audit:chain_started"
    AUDIT_TRIMMED = "audit:trimmed"
