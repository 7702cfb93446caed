"""The organization aggregate, and who belongs to it."""

import re
from datetime import datetime, timedelta
from typing import Literal, Self

import msgspec

from auth_core.kernel import (
    FieldProblem,
    InvalidInput,
    LifecycleConflict,
    OrganizationId,
    UserId,
    display_name,
)
from auth_core.kernel.canonical import fold

OWNER, ADMIN, MEMBER, VIEWER = "owner", "admin", "member", "viewer"
"""The built-in roles within an organization. What each permits, `auth_core.access` says."""

SLUG_MIN, SLUG_MAX = 2, 63
ROLE_MAX = 64
INVITATION_DAYS_MAX = 30

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")  # a DNS label (RFC 1035 §2.3.1)


class Slug(msgspec.Struct, frozen=True):
    """The canonical short name of an organization: a DNS label in lower case. Made by `parse`."""

    value: str

    @classmethod
    def parse(cls, text: str, *, field: str = "slug") -> Self:
        """Canonicalise and check; raises InvalidInput naming ``field``."""
        if len(text) < SLUG_MIN:
            raise _invalid(field, "too_short", f"at least {SLUG_MIN} characters")
        folded = fold(text) if len(text) <= SLUG_MAX else text  # folding a long text is slow
        if len(folded) > SLUG_MAX:
            raise _invalid(field, "too_long", f"at most {SLUG_MAX} characters")
        if len(folded) < SLUG_MIN or _SLUG.fullmatch(folded) is None:
            message = "letters a-z, digits and '-', which is neither first nor last"
            raise _invalid(field, "alphabet", message)
        return cls(folded)

    def __str__(self) -> str:
        return self.value


class OrganizationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an organization decides for itself. A field that an older release stored is ignored."""

    domain_role: Literal["member", "viewer"] = "member"
    """Of those who join by an address of a verified domain."""
    invitation_days: int = 7
    """How long an invitation can be accepted."""

    @classmethod
    def parse(cls, *, domain_role: str, invitation_days: int) -> Self:
        """Check every field; raises InvalidInput."""
        if domain_role not in {MEMBER, VIEWER}:
            raise _invalid("settings.domain_role", "unknown", f"{MEMBER} or {VIEWER}")
        role: Literal["member", "viewer"] = "member" if domain_role == MEMBER else "viewer"
        return cls(domain_role=role, invitation_days=invitation_days).checked()

    def checked(self) -> Self:
        """Itself. Raises InvalidInput when a number is out of range."""
        if not 1 <= self.invitation_days <= INVITATION_DAYS_MAX:
            message = f"1 to {INVITATION_DAYS_MAX} days"
            raise _invalid("settings.invitation_days", "out_of_range", message)
        return self


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant. Immutable: a change makes a new value with the next `version`.

    ``max_members`` and ``max_teams`` are limits of its own; None is the deployment's.
    ``delete_after`` is set while it is deleted and can still be restored.
    """

    id: OrganizationId
    name: str
    slug: Slug
    created_at: datetime
    updated_at: datetime
    settings: OrganizationSettings = OrganizationSettings()
    max_members: int | None = None
    max_teams: int | None = None
    version: int = 1
    delete_after: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is there for its members; one that is deleted is not."""
        return self.delete_after is None

    def edited(self, *, at: datetime, **fields: object) -> Self:
        """The same organization with these values, which were checked, in one new version."""
        return msgspec.structs.replace(self, updated_at=at, version=self.version + 1, **fields)

    def deleted(self, *, at: datetime, grace: timedelta) -> Self:
        """The same organization on its way out. Raises LifecycleConflict."""
        if not self.is_active:
            raise LifecycleConflict("This organization is deleted already.")
        return self.edited(at=at, delete_after=at + grace)

    def restored(self, *, at: datetime) -> Self:
        """The same organization, there again. Raises LifecycleConflict."""
        if self.delete_after is None or at >= self.delete_after:
            raise LifecycleConflict("Only a deleted organization can be restored, in its time.")
        return self.edited(at=at, delete_after=None)


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """That a person belongs to an organization, with one role there."""

    organization_id: OrganizationId
    user_id: UserId
    role: str
    created_at: datetime
    updated_at: datetime

    @property
    def is_owner(self) -> bool:
        """Whether it is an owner's."""
        return self.role == OWNER


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A membership, and what its organization sees of the person."""

    membership: Membership
    username: str
    email: str
    display_name: str


class Belonging(msgspec.Struct, frozen=True, kw_only=True):
    """An organization, and the membership that somebody has in it."""

    organization: Organization
    membership: Membership


def organization_name(text: str, *, field: str = "name") -> str:
    """A name that people read, of an organization or a team: as a display name is checked."""
    return display_name(text, field=field)


def _invalid(field: str, kind: str, message: str) -> InvalidInput:
    return InvalidInput(FieldProblem(field=field, type=kind, message=message))
