"""Guards that ask `auth_core.access.decide` about the bearer of a request's token.

`auth_core.tokens.verify.BearerMiddleware` stands before them and leaves the claims in
``scope["auth"]``.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn
from uuid import UUID

import msgspec
from litestar.connection import ASGIConnection
from litestar.exceptions import (
    HTTPException,
    NotAuthorizedException,
    NotFoundException,
    PermissionDeniedException,
    ServiceUnavailableException,
)
from litestar.handlers import BaseRouteHandler

from auth_core.access import Context, PermissionRegistry, Resource, Subject, decide, resource_of
from auth_core.kernel import (
    AuthCoreError,
    AuthenticationRequired,
    Misconfigured,
    NotFound,
    OrganizationId,
    PermissionDenied,
    TeamId,
    Unavailable,
    UserId,
)
from auth_core.roles import Subjects
from auth_core.tokens import AccessClaims, bearer_challenge
from auth_core.tokens.verify import subject_of_claims

Connection = ASGIConnection[Any, Any, Any, Any]
SubjectOf = Callable[[AccessClaims], Awaitable[Subject | None]]
"""Who the bearer of a token is; None when there is no such person any more."""
ResourceOf = Callable[[Connection, str], Resource]
"""The object of a request, of this type."""
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]

_NOWHERE = UUID(int=0)
"""No organization and no team has this id: nobody has a standing there."""


async def of_claims(claims: AccessClaims) -> Subject | None:
    """What the token itself says: without asking anybody, and as old as the token.

    Raises Unavailable for a token that does not say it.
    """
    subject = subject_of_claims(claims)
    if subject is None:
        message = "The access token does not say what its bearer may do."
        raise Unavailable(message)
    return subject


def in_process(subjects: Subjects) -> SubjectOf:
    """What is stored about the bearer now; for a service that has the core in its process."""

    async def find(claims: AccessClaims) -> Subject | None:
        return await subjects.find(UserId(claims.sub))

    return find


def on_platform(_: Connection, kind: str) -> Resource:
    """What belongs to no organization."""
    return Resource(type=kind)


def in_organization(connection: Connection, kind: str) -> Resource:
    """What belongs to the organization of the path's ``{organization_id:uuid}``."""
    place = OrganizationId(_id(connection, "organization_id"))
    return Resource(type=kind, organization_id=place)


def in_team(connection: Connection, kind: str) -> Resource:
    """What belongs to the team of ``{team_id:uuid}`` in that of ``{organization_id:uuid}``."""
    place = OrganizationId(_id(connection, "organization_id"))
    team_id = TeamId(_id(connection, "team_id"))
    return Resource(type=kind, organization_id=place, team_id=team_id)


class Guards:
    """Makes them. ``registry``: all permissions there are, so that a misspelt one is noticed."""

    def __init__(self, subject_of: SubjectOf, registry: PermissionRegistry | None = None) -> None:
        self._subject_of = subject_of
        self._registry = registry

    def requires(self, permission: str, of: ResourceOf = on_platform) -> Guard:
        """A guard that lets those through who may do this to the object of the request.

        401 without a token, 404 where the bearer may not even know that there is such an object,
        403 else, 503 when it cannot be decided. Raises Misconfigured for an unknown permission.
        """
        if self._registry is not None and permission not in self._registry:
            raise Misconfigured(f"there is no permission {permission!r}")

        async def guard(connection: Connection, _: BaseRouteHandler) -> None:
            try:
                await self._enforce(connection, permission, of(connection, resource_of(permission)))
            except AuthCoreError as error:
                _refuse(error)

        return guard

    async def _enforce(self, connection: Connection, permission: str, resource: Resource) -> None:
        claims = connection.scope.get("auth")
        if not isinstance(claims, AccessClaims):
            raise AuthenticationRequired
        subject = await self._subject_of(claims)
        if subject is None:
            raise PermissionDenied
        context = Context(impersonated=claims.act is not msgspec.UNSET)
        decide(subject, permission, resource, context).enforce()


def _id(connection: Connection, name: str) -> UUID:
    value = connection.path_params.get(name)
    return value if isinstance(value, UUID) else _NOWHERE


def _refuse(error: AuthCoreError) -> NoReturn:
    """As Litestar says it; ``extra`` has the stable code."""
    extra = {"code": error.code}
    refusal: HTTPException
    match error:
        case AuthenticationRequired():
            challenge = {"WWW-Authenticate": bearer_challenge(error)}
            refusal = NotAuthorizedException(error.message, extra=extra, headers=challenge)
        case NotFound():
            refusal = NotFoundException(error.message, extra=extra)
        case PermissionDenied():
            refusal = PermissionDeniedException(error.message, extra=extra)
        case Unavailable():
            later = {"Retry-After": str(error.retry_after)}
            refusal = ServiceUnavailableException(error.message, extra=extra, headers=later)
        case _:
            raise error
    raise refusal from error
