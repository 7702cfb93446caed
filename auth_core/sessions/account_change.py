"""What a change of an account means to others: its events, its trail, the end of its sessions."""

from collections.abc import Callable, Mapping
from datetime import datetime

from auth_core.audit import AuditAction, AuditRecord
from auth_core.kernel import DomainEvent, EventId, UserId
from auth_core.sessions.model import EndReason
from auth_core.users import (
    RoleAssigned,
    RoleRevoked,
    User,
    UserDeleted,
    UserDisabled,
    UserStatus,
    UserUpdated,
)

REQUESTED = "requested"
"""The reason of what somebody asked for; the record's actor says who."""

_PROFILE = ("display_name", "locale", "time_zone", "picture_url", "claims")
_STATUS_ACTIONS: Mapping[UserStatus, AuditAction] = {
    UserStatus.ACTIVE: AuditAction.USER_ENABLED,
    UserStatus.DISABLED: AuditAction.USER_DISABLED,
    UserStatus.DELETED: AuditAction.USER_DELETED,
}
_STATUS_ENDINGS: Mapping[UserStatus, EndReason] = {
    UserStatus.DISABLED: EndReason.USER_DISABLED,
    UserStatus.DELETED: EndReason.USER_DELETED,
}


class AccountChange:
    """The difference between an account ``before`` and ``after``, which is its next version."""

    def __init__(self, before: User, after: User, new_id: Callable[[], EventId]) -> None:
        self._after = after
        self._new_id = new_id
        self._status = after.status if after.status is not before.status else None
        self._gained = [role for role in after.roles if role not in before.roles]
        self._lost = [role for role in before.roles if role not in after.roles]
        self._profile = tuple(
            name for name in _PROFILE if getattr(before, name) != getattr(after, name)
        )
        self._roles_before = before.roles

    @property
    def end_reason(self) -> EndReason | None:
        """Why every session of the account ends, or None when none does."""
        ending = None if self._status is None else _STATUS_ENDINGS.get(self._status)
        return ending or (EndReason.ROLES_LOST if self._lost else None)

    def events(self) -> list[DomainEvent]:
        """What is published."""
        at, user_id = self._after.updated_at, self._after.id
        events: list[DomainEvent] = []
        if self._status is UserStatus.DISABLED:
            events.append(UserDisabled(id=self._new_id(), occurred_at=at, user_id=user_id))
        elif self._status is UserStatus.DELETED:
            events.append(UserDeleted(id=self._new_id(), occurred_at=at, user_id=user_id))
        fields = self._updated_fields()
        if fields:
            events.append(
                UserUpdated(id=self._new_id(), occurred_at=at, user_id=user_id, fields=fields)
            )
        events += [
            kind(id=self._new_id(), occurred_at=at, user_id=user_id, role=role)
            for kind, roles in ((RoleAssigned, self._gained), (RoleRevoked, self._lost))
            for role in roles
        ]
        return events

    def records(self) -> list[AuditRecord]:
        """What the trail keeps: of a profile which fields, of roles which before and after."""
        records = []
        if self._status is not None:
            records.append(self._record(_STATUS_ACTIONS[self._status]))
        if self._gained or self._lost:
            detail = f"{','.join(self._roles_before)} -> {','.join(self._after.roles)}"
            records.append(self._record(AuditAction.USER_ROLES_CHANGED, detail))
        if self._profile:
            records.append(self._record(AuditAction.USER_UPDATED, ",".join(self._profile)))
        return records

    def _updated_fields(self) -> tuple[str, ...]:
        status = ("status",) if self._status is UserStatus.ACTIVE else ()
        roles = ("roles",) if self._gained or self._lost else ()
        return (*self._profile, *status, *roles)

    def _record(self, action: AuditAction, detail: str | None = None) -> AuditRecord:
        return AuditRecord(
            id=self._new_id(),
            occurred_at=self._after.updated_at,
            action=action,
            reason=REQUESTED,
            user_id=self._after.id,
            detail=detail,
        )


def password_record(
    record_id: EventId, at: datetime, user_id: UserId, *, required: bool = False
) -> AuditRecord:
    """That a password was replaced, or is ``required`` to be."""
    action = AuditAction.PASSWORD_CHANGE_REQUIRED if required else AuditAction.PASSWORD_CHANGED
    return AuditRecord(
        id=record_id, occurred_at=at, action=action, reason=REQUESTED, user_id=user_id
    )
