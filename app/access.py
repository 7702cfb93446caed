"""What every route declares: whom it is for. A route that does not say so does not start.

A declaration names a permission and the object whose it is; who holds the permission there is
decided by `auth_core.access.decide`, from what the session cache knows about the caller.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from enum import StrEnum
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.routes import BaseRoute, HTTPRoute
from litestar.types import HTTPScope, Scope

from auth_core.access import (
    EVERYDAY,
    Context,
    Permission,
    Reason,
    Resource,
    RoleBook,
    Subject,
    decide,
    resource_of,
    subject_of,
)
from auth_core.clients import Client, ClientPermission
from auth_core.kernel import (
    AuthenticationRequired,
    ImpersonationRefused,
    Misconfigured,
    OrganizationId,
    PermissionDenied,
    TeamId,
)
from auth_core.roles import Asker
from auth_core.tokens import Principal

OPTION = "access"
SUBJECT = "subject"
"""Where a scope has the caller with their roles."""

TeamPlace = Callable[[TeamId], Awaitable[OrganizationId | None]]
"""Whose team it is; None when there is none."""


class Place(StrEnum):
    """Whose the object of a route is."""

    PLATFORM = "platform"
    ORGANIZATION = "organization"
    """That of the path's ``organization_id``."""
    TEAM = "team"
    """That of the path's ``team_id``; its organization is in the path, or is looked up."""


class Requirement(msgspec.Struct, frozen=True):
    """That the caller must hold ``permission`` where the object is."""

    permission: Permission
    of: Place


class _OwnAccount(msgspec.Struct, frozen=True):
    """Whoever is signed in, about themselves."""


OWN_ACCOUNT: dict[str, Any] = {OPTION: _OwnAccount()}
"""Handler options of a route about the caller's own account: anybody's who is signed in."""


def requires(permission: Permission, *, of: Place = Place.PLATFORM) -> dict[str, Any]:
    """Handler options of a route for those who hold ``permission``. Join others with ``|``.

    Elsewhere than on the platform, whoever has no standing in the organization gets 404.
    """
    return {OPTION: Requirement(permission, of)}


class RouteAccess:
    """Decides about routes that require a permission."""

    def __init__(self, book: RoleBook, team_place: TeamPlace) -> None:
        # an equal key means equal roles: nothing in here can be out of date
        self._subject_of = lru_cache(maxsize=2048)(partial(subject_of, book))
        self._team_place = team_place

    async def admit(self, scope: HTTPScope, principal: Principal, declared: object) -> None:
        """Let a caller pass who may, and leave them in the scope as a subject.

        No round trip, but for a team whose organization the path does not name and whose member
        the caller is not. Raises NotFound, PermissionDenied, ImpersonationRefused.
        """
        if isinstance(declared, _OwnAccount):
            return
        if not isinstance(declared, Requirement):  # nothing starts with such a route: see below
            raise PermissionDenied
        subject = self.subject(scope, principal)
        resource = await self._resource(scope, declared, subject)
        context = Context(impersonated=principal.session.impersonator_id is not None)
        decision = decide(subject, declared.permission, resource, context)
        if decision.reason is Reason.IMPERSONATION:
            raise ImpersonationRefused
        decision.enforce()

    def subject(self, scope: Scope, principal: Principal) -> Subject:
        """The caller with their roles; made once for each request."""
        subject = scope.get(SUBJECT)
        if not isinstance(subject, Subject):
            user = principal.user
            subject = self._subject_of(user.id, user.roles, principal.grants)
            scope[SUBJECT] = subject  # type: ignore[literal-required]
        return subject

    def asker(self, scope: Scope) -> Asker:
        """Who asks about permissions: the signed-in caller, or a registered one.

        Raises AuthenticationRequired, and PermissionDenied for a client that may not ask.
        """
        caller = scope.get("auth")
        if isinstance(caller, Principal):
            own = caller.session.impersonator_id is None
            context = EVERYDAY if own else Context(impersonated=True)
            return Asker(self.subject(scope, caller), context)
        if not isinstance(caller, Client):
            raise AuthenticationRequired
        if not caller.may(ClientPermission.CHECK):
            raise PermissionDenied("This client may not ask who may do what.")
        return Asker(None)

    async def _resource(
        self, scope: HTTPScope, declared: Requirement, subject: Subject
    ) -> Resource:
        kind = resource_of(declared.permission)
        if declared.of is Place.PLATFORM:
            return Resource(type=kind)
        parameters = scope["path_params"]
        organization_id = _id(parameters, "organization_id")
        if declared.of is Place.ORGANIZATION:
            return Resource(type=kind, organization_id=OrganizationId(organization_id or _NOWHERE))
        team_id = TeamId(_id(parameters, "team_id") or _NOWHERE)
        if organization_id is None:
            organization_id = await self._organization(team_id, subject)
        place = OrganizationId(organization_id or _NOWHERE)
        return Resource(type=kind, organization_id=place, team_id=team_id)

    async def _organization(self, team_id: TeamId, subject: Subject) -> OrganizationId | None:
        for organization_id, standing in subject.organizations.items():
            if team_id in standing.teams:
                return organization_id
        return await self._team_place(team_id)


_NOWHERE = UUID(int=0)
"""No organization and no team has this id: nobody has a standing there."""


def _id(parameters: dict[str, Any], name: str) -> UUID | None:
    value = parameters.get(name)
    return value if isinstance(value, UUID) else None


def require_declared(routes: Sequence[BaseRoute]) -> None:
    """Raises Misconfigured, naming every route that does not say whom it is for, or says it twice.

    A route of an organization or a team must have its id in the path.
    """
    faults = sorted({fault for route in routes for fault in _faults(route)})
    if faults:
        raise Misconfigured("routes without one declaration of access: " + ", ".join(faults))


def _faults(route: BaseRoute) -> Iterator[str]:
    if not isinstance(route, HTTPRoute):
        yield f"{route.path} (not HTTP)"
        return
    for handler in route.route_handlers:
        if not is_declared(handler, route):
            yield f"{'/'.join(sorted(handler.http_methods))} {route.path_format}"


def is_declared(handler: HTTPRouteHandler, route: HTTPRoute) -> bool:
    """Whether a handler says in exactly one way whom it is for, and the path fits to that."""
    if handler.http_methods == {"OPTIONS"}:  # Litestar's own; the gate answers it
        return True
    opt = handler.opt
    ways = [name for name in ("public", "clients_only", OPTION) if name in opt]
    if len(ways) != 1:
        return False
    declared = opt.get(OPTION)
    if not isinstance(declared, Requirement):
        return True
    names = {f"{place}_id" for place in (declared.of,) if place is not Place.PLATFORM}
    return names <= set(route.path_parameters)
