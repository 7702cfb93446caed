"""The user aggregate."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, Self

import msgspec

from auth_core.kernel import Email, LifecycleConflict, OrganizationId, UserId, Username

Scope = Literal["personal", "team", "global"]

ADMIN_ROLES = frozenset({"admin", "platform_admin"})


DELETION_GRACE = timedelta(days=30)
"""From the deletion of an account to its erasure: long enough to notice, and to ask for help."""


class UserStatus(StrEnum):
    """Where an account is in its life."""

    PENDING = "pending"
    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


_LIFECYCLE: Mapping[UserStatus, frozenset[UserStatus]] = {
    UserStatus.PENDING: frozenset({UserStatus.ACTIVE, UserStatus.DISABLED, UserStatus.DELETED}),
    UserStatus.ACTIVE: frozenset({UserStatus.DISABLED, UserStatus.DELETED}),
    UserStatus.DISABLED: frozenset({UserStatus.ACTIVE, UserStatus.DELETED}),
    UserStatus.DELETED: frozenset(),
}


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person's account. Immutable: a change makes a new value with the next `version`."""

    id: UserId
    username: Username
    email: Email
    display_name: str
    created_at: datetime
    updated_at: datetime
    email_verified: bool = False
    status: UserStatus = UserStatus.ACTIVE
    roles: tuple[str, ...] = ("user",)
    is_dev_user: bool = False
    organization_id: OrganizationId | None = None
    """Where they acted last, and where their next session begins if they still belong there."""
    last_login_at: datetime | None = None
    locale: str | None = None
    """A language tag (BCP 47) in its recommended letter case, like ``pt-BR``."""
    time_zone: str | None = None
    """A name of the IANA time zone database, like ``Europe/Berlin``."""
    picture_url: str | None = None
    claims: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """What the deployment's own schema lets people say about themselves; flat JSON."""
    version: int = 1
    epoch: int = 0
    """Raised when every session is ended at once: what was begun in an earlier one is over."""
    delete_after: datetime | None = None
    """Set when the account was deleted, or its owner asked for it: erased after this moment."""

    @property
    def is_active(self) -> bool:
        """Only an active account may sign in or use a session; one that is leaving is not."""
        return self.status is UserStatus.ACTIVE and self.delete_after is None

    @property
    def names(self) -> tuple[str, ...]:
        """What this user is called: no password for this account."""
        return self.username.value, self.email.value, self.display_name

    @property
    def is_admin(self) -> bool:
        """Whether a platform-wide administrator role is held."""
        return not ADMIN_ROLES.isdisjoint(self.roles)

    @property
    def administrates(self) -> bool:
        """Whether this account could administrate now."""
        return self.is_admin and self.is_active

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes a sign-in of this user is for: their own, a team's, an admin's everybody's."""
        return ("personal", "team", "global") if self.is_admin else ("personal", "team")

    def scopes_in(self, organization_id: OrganizationId | None) -> tuple[Scope, ...]:
        """Those they may act in while this organization is active; without one no team's."""
        if organization_id is not None:
            return self.scopes
        return tuple(scope for scope in self.scopes if scope != "team")

    def renamed(self, display_name: str, *, at: datetime) -> Self:
        """The same user with another display name."""
        return self.edited(at=at, display_name=display_name)

    def edited(self, *, at: datetime, **fields: object) -> Self:
        """The same user with these values, which were checked, in one new version."""
        return msgspec.structs.replace(self, updated_at=at, version=self.version + 1, **fields)

    def with_roles(self, roles: tuple[str, ...], *, at: datetime) -> Self:
        """The same user with these roles instead."""
        return self.edited(at=at, roles=roles)

    def activated(self, *, at: datetime) -> Self:
        """The same user, allowed in: from pending or disabled. Raises LifecycleConflict."""
        return self._moved(UserStatus.ACTIVE, at)

    def disabled(self, *, at: datetime) -> Self:
        """The same user, shut out: from pending or active. Raises LifecycleConflict."""
        return self._moved(UserStatus.DISABLED, at)

    def deleted(self, *, at: datetime, delete_after: datetime | None = None) -> Self:
        """The same user, on the way out for good: from any other status; final.

        Erased when ``delete_after`` is reached; None is never.
        """
        return msgspec.structs.replace(
            self._moved(UserStatus.DELETED, at), delete_after=delete_after
        )

    def with_verified_email(self, *, at: datetime) -> Self:
        """The same user, who has proven that they read the mail of their address."""
        return msgspec.structs.replace(
            self, email_verified=True, updated_at=at, version=self.version + 1
        )

    def with_email(self, email: Email, *, at: datetime) -> Self:
        """The same user with another, proven address; a user name that was the old one follows."""
        follows = self.username.value == self.email.value
        return msgspec.structs.replace(
            self,
            email=email,
            username=Username(email.value) if follows else self.username,
            email_verified=True,
            updated_at=at,
            version=self.version + 1,
        )

    def leaving(self, *, at: datetime, delete_after: datetime) -> Self:
        """The same user on their way out, which `stayed` undoes. Raises LifecycleConflict."""
        if not self.is_active:
            message = "Only an active account can be scheduled for deletion."
            raise LifecycleConflict(message)
        return msgspec.structs.replace(
            self, delete_after=delete_after, updated_at=at, version=self.version + 1
        )

    def stayed(self, *, at: datetime) -> Self:
        """The same user, not on their way out any more."""
        return msgspec.structs.replace(
            self, delete_after=None, updated_at=at, version=self.version + 1
        )

    def _moved(self, status: UserStatus, at: datetime) -> Self:
        if status not in _LIFECYCLE[self.status]:
            message = f"A user who is {self.status} cannot become {status}."
            raise LifecycleConflict(message)
        return self.edited(at=at, status=status)

    def signed_in(self, at: datetime) -> Self:
        """The same user with a later last login: no change of the profile, so no new version."""
        return msgspec.structs.replace(self, last_login_at=at)
