"""/api/v1/roles and /api/v1/organizations/{id}/roles: built-in roles, and those of one's own."""

from typing import Annotated, Any, Self
from uuid import UUID

import msgspec
from litestar import Controller, Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response.base import ASGIResponse

from app.access import OWN_ACCOUNT, Place, requires
from app.api.answers import Timestamp, json_answer, timestamp
from app.api.conditional import version_tag, wanted_version
from app.api.examples import BUILT_IN_ROLES, CUSTOM_ROLE, CUSTOM_ROLES, NEW_ROLE, ROLE_CHANGES
from app.api.paging import DEFAULT_LIMIT, Cursor, Limit, after, cursor_of, page_of, page_size
from app.api.responses import answer, body, errors
from app.limits import LIMIT_GENERAL, LIMIT_READ
from app.security import BY_BEARER
from auth_core.access import Permission, RoleBook, RoleScope
from auth_core.kernel import OrganizationId, RoleId
from auth_core.roles import (
    CustomRole,
    RoleHeld,
    RoleNameTaken,
    RoleNotFound,
    RoleService,
    description,
    role_name,
)
from auth_core.tokens import Principal

_ABSENT = {404: RoleNotFound()}
_Permissions = Annotated[tuple[str, ...], msgspec.Meta(max_length=500)]


class AuthBuiltInRole(msgspec.Struct, frozen=True, kw_only=True):
    """A role that every deployment has, and what it permits on its level."""

    name: str
    scope: str
    permissions: tuple[str, ...]


class AuthBuiltInRoles(msgspec.Struct, frozen=True, kw_only=True):
    """The built-in roles, and every permission that a role can have here."""

    items: tuple[AuthBuiltInRole, ...]
    permissions: tuple[str, ...]


class AuthCustomRole(msgspec.Struct, frozen=True, kw_only=True):
    """A role that an organization made. Members have it by its name."""

    role_id: UUID
    organization_id: UUID
    name: str
    description: str
    permissions: tuple[str, ...]
    created_at: Timestamp
    updated_at: Timestamp
    version: int

    @classmethod
    def of(cls, role: CustomRole) -> Self:
        """The public view of a role."""
        return cls(
            role_id=role.id,
            organization_id=role.organization_id,
            name=role.name,
            description=role.description,
            permissions=role.permissions,
            created_at=timestamp(role.created_at),
            updated_at=timestamp(role.updated_at),
            version=role.version,
        )


class AuthCustomRoles(msgspec.Struct, frozen=True, kw_only=True):
    """A page of roles, oldest first."""

    items: tuple[AuthCustomRole, ...]
    next_cursor: str | None


class AuthNewRole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role to make. Its name never changes."""

    name: str
    permissions: _Permissions
    description: str = ""


class AuthRoleChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is different from now on; what is left out stays."""

    permissions: _Permissions | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET


class BuiltInRolesController(Controller):
    """What every deployment has."""

    path = "/api/v1/roles"
    tags = ("Access",)
    opt = OWN_ACCOUNT | LIMIT_READ
    security = BY_BEARER

    @get(
        responses={200: answer(AuthBuiltInRoles, BUILT_IN_ROLES), **errors(401, 503)},
        summary="List the built-in roles",
    )
    async def built_in(self, role_book: NamedDependency[RoleBook]) -> AuthBuiltInRoles:
        """List the built-in roles of all levels, and every permission there is."""
        return AuthBuiltInRoles(
            items=tuple(
                AuthBuiltInRole(
                    name=role.name,
                    scope=scope.value,
                    permissions=tuple(sorted(role.permissions)),
                )
                for scope in RoleScope
                for role in role_book.of(scope)
            ),
            permissions=tuple(sorted(role_book.registry.all)),
        )


class OrganizationRolesController(Controller):
    """The roles of one organization."""

    path = "/api/v1/organizations/{organization_id:uuid}/roles"
    tags = ("Access",)
    opt = requires(Permission.ROLES_WRITE, of=Place.ORGANIZATION) | LIMIT_GENERAL
    security = BY_BEARER

    @get(
        opt=requires(Permission.ROLES_READ, of=Place.ORGANIZATION) | LIMIT_READ,
        responses={
            200: answer(AuthCustomRoles, CUSTOM_ROLES),
            **errors(400, 401, 403, 404, 422, 503, likely=_ABSENT),
        },
        summary="List the roles of an organization",
    )
    async def list_all(
        self,
        organization_id: FromPath[UUID],
        roles: NamedDependency[RoleService],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> AuthCustomRoles:
        """List the roles that an organization made, oldest first."""
        found = await roles.page(
            OrganizationId(organization_id), after=after(cursor, RoleId), limit=page_size(limit)
        )
        items, last = page_of(found, limit)
        return AuthCustomRoles(
            items=tuple(AuthCustomRole.of(role) for role in items),
            next_cursor=cursor_of(None if last is None else last.id),
        )

    @post(
        operation_class=body(AuthNewRole, NEW_ROLE),
        responses={
            201: answer(AuthCustomRole, CUSTOM_ROLE),
            **errors(
                *(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503),
                likely={409: RoleNameTaken(), **_ABSENT},
            ),
        },
        summary="Create a role",
    )
    async def create(
        self,
        organization_id: FromPath[UUID],
        data: JSONBody[AuthNewRole],
        principal: NamedDependency[Principal],
        roles: NamedDependency[RoleService],
        role_book: NamedDependency[RoleBook],
    ) -> ASGIResponse:
        """Create a role. Nobody puts into it what they may not do themselves."""
        role = await roles.create(
            principal.user.id,
            OrganizationId(organization_id),
            name=role_name(data.name),
            permissions=role_book.registry.parse(data.permissions),
            description=description(data.description),
        )
        return json_answer(AuthCustomRole.of(role), status=201, etag=version_tag(role.version))

    @get(
        "/{role_id:uuid}",
        opt=requires(Permission.ROLES_READ, of=Place.ORGANIZATION) | LIMIT_READ,
        responses={
            200: answer(AuthCustomRole, CUSTOM_ROLE),
            **errors(400, 401, 403, 404, 503, likely=_ABSENT),
        },
        summary="Read a role",
    )
    async def read(
        self,
        organization_id: FromPath[UUID],
        role_id: FromPath[UUID],
        roles: NamedDependency[RoleService],
    ) -> ASGIResponse:
        """Read a role of an organization."""
        role = await roles.get(OrganizationId(organization_id), RoleId(role_id))
        return json_answer(AuthCustomRole.of(role), etag=version_tag(role.version))

    @patch(
        "/{role_id:uuid}",
        operation_class=body(AuthRoleChanges, ROLE_CHANGES),
        responses={
            200: answer(AuthCustomRole, CUSTOM_ROLE),
            **errors(*(400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 429, 503), likely=_ABSENT),
        },
        summary="Change a role",
    )
    async def change(
        self,
        organization_id: FromPath[UUID],
        role_id: FromPath[UUID],
        data: JSONBody[AuthRoleChanges],
        request: Request[Any, Any, Any],
        principal: NamedDependency[Principal],
        roles: NamedDependency[RoleService],
        role_book: NamedDependency[RoleBook],
    ) -> ASGIResponse:
        """Change what a role permits, to everybody who has it, from their next request on.

        With `If-Match` only if it is still the version that you read.
        """
        permissions, text = data.permissions, data.description
        role = await roles.update(
            principal.user.id,
            OrganizationId(organization_id),
            RoleId(role_id),
            permissions=None
            if permissions is msgspec.UNSET
            else role_book.registry.parse(permissions),
            description=None if text is msgspec.UNSET else description(text),
            if_version=wanted_version(request.headers.getall("If-Match", [])),
        )
        return json_answer(AuthCustomRole.of(role), etag=version_tag(role.version))

    @delete(
        "/{role_id:uuid}",
        opt=requires(Permission.ROLES_DELETE, of=Place.ORGANIZATION),
        responses=errors(400, 401, 403, 404, 409, 429, 503, likely={409: RoleHeld(), **_ABSENT}),
        summary="Delete a role",
    )
    async def remove(
        self,
        organization_id: FromPath[UUID],
        role_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        roles: NamedDependency[RoleService],
    ) -> None:
        """Delete a role that nobody has and nobody is invited with."""
        await roles.delete(principal.user.id, OrganizationId(organization_id), RoleId(role_id))
