"""Invitations: a mailed secret, for one address and one organization, that works once (SEC-59)."""

import re
from datetime import datetime
from typing import NewType
from uuid import UUID

import msgspec

from auth_core.credentials import token_digest
from auth_core.kernel import Email, InvalidLink, OrganizationId, Secret, UserId

InvitationId = NewType("InvitationId", UUID)

_TOKEN = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9_-]{43})")


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """One row for each organization and address: a new invitation takes the place of the old one.

    Only the digest of the secret is kept.
    """

    id: InvitationId
    organization_id: OrganizationId
    email: Email
    role: str
    digest: bytes
    created_at: datetime
    expires_at: datetime
    invited_by: UserId | None = None
    accepted_at: datetime | None = None
    accepted_by: UserId | None = None
    revoked_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether it can still be accepted."""
        return self.accepted_at is None and self.revoked_at is None and now < self.expires_at

    def __repr__(self) -> str:
        return f"Invitation(id={self.id!r}, organization_id={self.organization_id!r})"


class InvitationToken(msgspec.Struct, frozen=True):
    """What the link of a letter carries: the organization, and the secret.

    With the organization in it, an invitation is looked for among its own only.
    """

    organization_id: OrganizationId
    secret: Secret[str]

    @classmethod
    def parse(cls, text: str) -> "InvitationToken":
        """Raises InvalidLink."""
        found = _TOKEN.fullmatch(text)
        if found is None:
            raise InvalidLink
        return cls(OrganizationId(UUID(found[1])), Secret(found[2]))

    @staticmethod
    def fits(text: str) -> bool:
        """Whether it looks like one, and not like an invitation to register."""
        return _TOKEN.fullmatch(text) is not None

    @property
    def digest(self) -> bytes:
        """What finds the invitation."""
        return token_digest(self.secret.reveal())

    def reveal(self) -> str:
        """The text of the link's parameter."""
        return f"{self.organization_id.hex}.{self.secret.reveal()}"
