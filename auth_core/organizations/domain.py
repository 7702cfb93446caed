"""E-mail domains that organizations claim."""

from datetime import datetime
from typing import NewType
from uuid import UUID

import msgspec

from auth_core.kernel import OrganizationId

DomainId = NewType("DomainId", UUID)

CHALLENGE_LABEL = "_fm-auth-challenge"
"""The TXT record stands at this label of the domain (RFC 8552: an underscored name)."""
CHALLENGE_PREFIX = "fm-auth-domain="


class OrganizationDomain(msgspec.Struct, frozen=True, kw_only=True):
    """A claim. It counts once ``verified_at`` is set, and one organization at most gets that far.

    ``challenge`` is what DNS must show. It is public, and no secret.
    """

    id: DomainId
    organization_id: OrganizationId
    domain: str
    challenge: str
    created_at: datetime
    verified_at: datetime | None = None

    @property
    def record_name(self) -> str:
        """Where the TXT record is looked for."""
        return f"{CHALLENGE_LABEL}.{self.domain}"

    @property
    def record_value(self) -> str:
        """What it must say."""
        return CHALLENGE_PREFIX + self.challenge
