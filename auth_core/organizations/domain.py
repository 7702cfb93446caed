"""E-mail domains that organizations claim."""

from collections.abc import Sequence
from datetime import datetime
from typing import NewType, Protocol, Self
from uuid import UUID

import msgspec

from auth_core.kernel import FieldProblem, InvalidInput, OrganizationId
from auth_core.kernel.canonical import canonical_domain
from auth_core.kernel.identity import DEFAULT_EMAIL_DOMAIN

DomainId = NewType("DomainId", UUID)

CHALLENGE_LABEL = "_fm-auth-challenge"
"""The TXT record stands at this label of the domain (RFC 8552: an underscored name)."""
CHALLENGE_PREFIX = "fm-auth-domain="

_DOMAIN_MAX = 253 - len(CHALLENGE_LABEL) - 1
"""With the label in front it is still a name (RFC 1035 §3.1)."""


class EmailDomain(msgspec.Struct, frozen=True):
    """What stands behind the @ of an address: lower case, in A-labels. Made by `parse`."""

    value: str

    @classmethod
    def parse(cls, text: str, *, field: str = "domain") -> Self:
        """Canonicalise as addresses are, and check; raises InvalidInput naming ``field``."""
        canonical = canonical_domain(text)
        if max(len(text), len(canonical or "")) > _DOMAIN_MAX:
            raise domain_refused("too_long", f"at most {_DOMAIN_MAX} characters", field=field)
        if canonical is None:
            raise domain_refused("domain", "not a domain like example.com", field=field)
        if canonical == DEFAULT_EMAIL_DOMAIN:
            raise domain_refused("reserved", "addresses of this domain are made up", field=field)
        return cls(canonical)

    def __str__(self) -> str:
        return self.value


def domain_refused(kind: str, message: str, *, field: str = "domain") -> InvalidInput:
    """That a domain is none, or nobody's to claim."""
    return InvalidInput(FieldProblem(field=field, type=kind, message=message))


class LookupFailed(Exception):
    """The DNS did not say whether there is such a record."""


class DomainNames(Protocol):
    """What is known about the names of the DNS."""

    async def is_public(self, domain: str) -> bool:
        """Whether anybody can have an address or a name there.

        True of a public suffix (like ``co.uk``) and of the domain of a provider of mailboxes.
        """
        ...

    async def texts(self, name: str) -> Sequence[str]:
        """The TXT records of an absolute name, read anew; none when there is no such name.

        Bounded in time. Raises LookupFailed when that cannot be known now.
        """
        ...


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


class DomainRepository(Protocol):
    """The domains that organizations claim."""

    async def add(self, domain: OrganizationDomain) -> None:
        """Store a claim. Raises DomainTaken when this organization has it already."""
        ...

    async def get(
        self, organization_id: OrganizationId, domain_id: DomainId
    ) -> OrganizationDomain | None:
        """The claim, or None."""
        ...

    async def all(self, organization_id: OrganizationId) -> Sequence[OrganizationDomain]:
        """Every claim of an organization, in order of id."""
        ...

    async def verify(
        self, organization_id: OrganizationId, domain_id: DomainId, at: datetime
    ) -> OrganizationDomain | None:
        """Note that the domain is proven; the claim as it is then, or None.

        Raises DomainTaken when another organization has proven it, also when racing: nothing can
        commit then.
        """
        ...

    async def remove(self, organization_id: OrganizationId, domain_id: DomainId) -> bool:
        """Give a domain up; False when there is none."""
        ...

    async def owner(self, domain: str) -> OrganizationDomain | None:
        """The proven claim, whichever organization's, or None: for somebody who may join it."""
        ...
