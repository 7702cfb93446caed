"""The e-mail domains that an organization claims."""

from typing import Annotated, Any, Self
from uuid import UUID

import msgspec
from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from app.access import Place, requires
from app.api.answers import Timestamp, timestamp
from app.api.organization_examples import DOMAIN, DOMAINS, NEW_DOMAIN
from app.api.responses import answer, body, errors
from app.limits import LIMIT_GENERAL, LIMIT_READ, LIMIT_SIGN_IN
from app.security import BY_BEARER
from auth_core.access import Permission
from auth_core.kernel import OrganizationId
from auth_core.organizations import (
    DomainId,
    DomainNotFound,
    DomainNotProven,
    DomainTaken,
    EmailDomain,
    OrganizationDomain,
    OrganizationNotFound,
    Organizations,
)
from auth_core.tokens import Principal

_ABSENT = {404: OrganizationNotFound(), 409: DomainTaken("This organization has claimed it.")}
_UNKNOWN = {404: DomainNotFound(), 409: DomainNotProven()}


class AuthNewDomain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The domain to claim: what stands behind the @."""

    domain: Annotated[
        str,
        msgspec.Meta(examples=["acme.example"], extra_json_schema={"extra": {"maxLength": 234}}),
    ]


class AuthDomain(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed domain, and the TXT record that proves it. ``verified_at``: it is proven."""

    domain_id: UUID
    organization_id: UUID
    domain: str
    record_name: str
    record_value: str
    created_at: Timestamp
    verified_at: Timestamp | None

    @classmethod
    def of(cls, domain: OrganizationDomain) -> Self:
        """What is said of one."""
        proven = domain.verified_at
        return cls(
            domain_id=domain.id,
            organization_id=domain.organization_id,
            domain=domain.domain,
            record_name=domain.record_name,
            record_value=domain.record_value,
            created_at=timestamp(domain.created_at),
            verified_at=None if proven is None else timestamp(proven),
        )


class AuthDomains(msgspec.Struct, frozen=True, kw_only=True):
    """All domains that an organization has claimed, on one page."""

    items: list[AuthDomain]
    next_cursor: None = None


def _here(permission: Permission) -> dict[str, Any]:
    return requires(permission, of=Place.ORGANIZATION)


class DomainsController(Controller):
    """Domains of an organization."""

    path = "/api/v1/organizations/{organization_id:uuid}/domains"
    tags = ("Organizations",)
    opt = _here(Permission.ORGANIZATION_WRITE) | LIMIT_GENERAL
    security = BY_BEARER

    @get(
        opt=LIMIT_READ,
        responses={
            200: answer(AuthDomains, DOMAINS),
            **errors(400, 401, 403, 404, 503, likely=_ABSENT),
        },
        summary="List e-mail domains",
    )
    async def domains(
        self, organization_id: FromPath[UUID], organizations: NamedDependency[Organizations]
    ) -> AuthDomains:
        """List the e-mail domains that an organization has claimed, oldest first."""
        found = await organizations.domains.all(OrganizationId(organization_id))
        return AuthDomains(items=[AuthDomain.of(each) for each in found])

    @post(
        operation_class=body(AuthNewDomain, NEW_DOMAIN),
        responses={
            201: answer(AuthDomain, DOMAIN),
            **errors(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503, likely=_ABSENT),
        },
        summary="Claim an e-mail domain",
    )
    async def claim(
        self,
        organization_id: FromPath[UUID],
        data: JSONBody[AuthNewDomain],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> AuthDomain:
        """Claim an e-mail domain. The answer says which TXT record proves it."""
        return AuthDomain.of(
            await organizations.domains.claim(
                principal.user.id, OrganizationId(organization_id), EmailDomain.parse(data.domain)
            )
        )

    @post(
        "/{domain_id:uuid}/verify",
        opt=LIMIT_SIGN_IN,
        status_code=200,
        responses={
            200: answer(AuthDomain, DOMAIN | {"verified_at": "2026-01-15T10:00:00.123456+00:00"}),
            **errors(400, 401, 403, 404, 409, 429, 503, likely=_UNKNOWN),
        },
        summary="Prove an e-mail domain",
    )
    async def verify(
        self,
        organization_id: FromPath[UUID],
        domain_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> AuthDomain:
        """Look for the TXT record. From then on whoever proves an address there is a member.

        A domain belongs to one organization: the first that proves it, until it gives it up.
        """
        return AuthDomain.of(
            await organizations.domains.verify(
                principal.user.id, OrganizationId(organization_id), DomainId(domain_id)
            )
        )

    @delete(
        "/{domain_id:uuid}",
        responses=errors(400, 401, 403, 404, 429, 503, likely=_UNKNOWN),
        summary="Give up an e-mail domain",
    )
    async def release(
        self,
        organization_id: FromPath[UUID],
        domain_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> None:
        """Give up an e-mail domain, proven or not. Who is a member stays one."""
        await organizations.domains.release(
            principal.user.id, OrganizationId(organization_id), DomainId(domain_id)
        )
