"""/api/v1/organizations: organizations, and the members of each."""

from typing import Any
from uuid import UUID

from litestar import Controller, Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response.base import ASGIResponse

from app.access import OWN_ACCOUNT, Place, requires
from app.api.answers import json_answer
from app.api.conditional import version_tag, wanted_version
from app.api.organization_answers import (
    AuthBelonging,
    AuthBelongings,
    AuthMember,
    AuthMemberRole,
    AuthMembers,
    AuthMembership,
    AuthNewOrganization,
    AuthOrganizationChanges,
    AuthOrganizationDetails,
    AuthTransfer,
)
from app.api.organization_examples import (
    BELONGING,
    BELONGINGS,
    MEMBER_ROLE,
    MEMBERS,
    MEMBERSHIP,
    NEW_ORGANIZATION,
    ORGANIZATION,
    ORGANIZATION_CHANGES,
    TRANSFER,
)
from app.api.paging import DEFAULT_LIMIT, Cursor, Limit, after, cursor_of, page_of, page_size
from app.api.responses import answer, body, errors
from app.limits import LIMIT_GENERAL, LIMIT_READ
from app.security import BY_BEARER, OWN_SESSION_ONLY
from auth_core.access import Permission
from auth_core.kernel import LifecycleConflict, OrganizationId, UserId
from auth_core.organizations import (
    LastOwner,
    MemberNotFound,
    OrganizationNotFound,
    Organizations,
    Slug,
    SlugTaken,
    organization_name,
)
from auth_core.tokens import Principal

_ABSENT = {404: OrganizationNotFound()}
_TAKEN = {409: SlugTaken(), **_ABSENT}
_LAST = {409: LastOwner(), 404: MemberNotFound()}


def _here(permission: Permission) -> dict[str, Any]:
    return requires(permission, of=Place.ORGANIZATION)


class OrganizationsController(Controller):
    """Organizations."""

    path = "/api/v1/organizations"
    tags = ("Organizations",)
    opt = LIMIT_GENERAL
    security = BY_BEARER

    @get(
        opt=OWN_ACCOUNT | LIMIT_READ,
        responses={200: answer(AuthBelongings, BELONGINGS), **errors(400, 401, 422, 503)},
        summary="List your organizations",
    )
    async def mine(
        self,
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> AuthBelongings:
        """List the organizations that you belong to, with your role in each."""
        found = await organizations.organizations.mine(
            principal.user.id,
            after=after(cursor, OrganizationId),
            limit=page_size(limit),
        )
        items, last = page_of(found, limit)
        return AuthBelongings(
            items=[AuthBelonging.of(each) for each in items],
            next_cursor=cursor_of(None if last is None else last.organization.id),
        )

    @post(
        opt=OWN_SESSION_ONLY,
        operation_class=body(AuthNewOrganization, NEW_ORGANIZATION),
        responses={
            201: answer(AuthBelonging, BELONGING),
            **errors(400, 401, 403, 408, 409, 413, 415, 422, 429, 503, likely=_TAKEN),
        },
        summary="Create an organization",
    )
    async def create(
        self,
        data: JSONBody[AuthNewOrganization],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> ASGIResponse:
        """Create an organization. You are its owner."""
        made = await organizations.organizations.create(
            principal.user, name=organization_name(data.name), slug=Slug.parse(data.slug)
        )
        tag = version_tag(made.organization.version)
        return json_answer(AuthBelonging.of(made), status=201, etag=tag)

    @get(
        "/{organization_id:uuid}",
        opt=_here(Permission.ORGANIZATION_READ) | LIMIT_READ,
        responses={
            200: answer(AuthOrganizationDetails, ORGANIZATION),
            **errors(400, 401, 403, 404, 503, likely=_ABSENT),
        },
        summary="Read an organization",
    )
    async def read(
        self, organization_id: FromPath[UUID], organizations: NamedDependency[Organizations]
    ) -> ASGIResponse:
        """Read an organization."""
        found = await organizations.organizations.get(OrganizationId(organization_id))
        return json_answer(AuthOrganizationDetails.of(found), etag=version_tag(found.version))

    @patch(
        "/{organization_id:uuid}",
        opt=_here(Permission.ORGANIZATION_WRITE),
        operation_class=body(AuthOrganizationChanges, ORGANIZATION_CHANGES),
        responses={
            200: answer(AuthOrganizationDetails, ORGANIZATION),
            **errors(*(400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 429, 503), likely=_TAKEN),
        },
        summary="Change an organization",
    )
    async def change(
        self,
        organization_id: FromPath[UUID],
        data: JSONBody[AuthOrganizationChanges],
        request: Request[Any, Any, Any],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> ASGIResponse:
        """Change an organization. With `If-Match` only if it is the version that you read."""
        changed = await organizations.organizations.edit(
            principal.user.id,
            OrganizationId(organization_id),
            data.checked(),
            if_version=wanted_version(request.headers.getall("If-Match", [])),
        )
        return json_answer(AuthOrganizationDetails.of(changed), etag=version_tag(changed.version))

    @delete(
        "/{organization_id:uuid}",
        opt=_here(Permission.ORGANIZATION_DELETE),
        status_code=200,
        responses={
            200: answer(AuthOrganizationDetails, ORGANIZATION),
            **errors(400, 401, 403, 404, 409, 429, 503, likely=_ABSENT),
        },
        summary="Delete an organization",
    )
    async def remove(
        self,
        organization_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> AuthOrganizationDetails:
        """Delete an organization. Until `delete_after` its owners can restore it."""
        return AuthOrganizationDetails.of(
            await organizations.organizations.delete(
                principal.user.id, OrganizationId(organization_id)
            )
        )

    @post(
        "/{organization_id:uuid}/restore",
        opt=_here(Permission.ORGANIZATION_MANAGE),
        status_code=200,
        responses={
            200: answer(AuthOrganizationDetails, ORGANIZATION),
            **errors(
                *(400, 401, 403, 404, 409, 429, 503),
                likely={409: LifecycleConflict("It is not deleted."), **_ABSENT},
            ),
        },
        summary="Restore an organization",
    )
    async def restore(
        self,
        organization_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> AuthOrganizationDetails:
        """Restore a deleted organization with all its members and teams."""
        return AuthOrganizationDetails.of(
            await organizations.organizations.restore(
                principal.user.id, OrganizationId(organization_id)
            )
        )


class MembersController(Controller):
    """Members of an organization."""

    path = "/api/v1/organizations/{organization_id:uuid}"
    tags = ("Organizations",)
    opt = LIMIT_GENERAL
    security = BY_BEARER

    @get(
        "/members",
        opt=_here(Permission.USERS_READ) | LIMIT_READ,
        responses={
            200: answer(AuthMembers, MEMBERS),
            **errors(400, 401, 403, 404, 422, 503, likely=_ABSENT),
        },
        summary="List members",
    )
    async def members(
        self,
        organization_id: FromPath[UUID],
        organizations: NamedDependency[Organizations],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> AuthMembers:
        """List the members of an organization."""
        found = await organizations.members.page(
            OrganizationId(organization_id),
            after=after(cursor, UserId),
            limit=page_size(limit),
        )
        items, last = page_of(found, limit)
        return AuthMembers(
            items=[AuthMember.of(each) for each in items],
            next_cursor=cursor_of(None if last is None else last.membership.user_id),
        )

    @patch(
        "/members/{user_id:uuid}",
        opt=_here(Permission.USERS_MANAGE),
        operation_class=body(AuthMemberRole, MEMBER_ROLE),
        responses={
            200: answer(AuthMembership, MEMBERSHIP),
            **errors(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503, likely=_LAST),
        },
        summary="Change the role of a member",
    )
    async def change_role(
        self,
        organization_id: FromPath[UUID],
        user_id: FromPath[UUID],
        data: JSONBody[AuthMemberRole],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> AuthMembership:
        """Give a member another role. Nobody gives, or takes, a role that he does not hold."""
        return AuthMembership.of(
            await organizations.members.change_role(
                principal.user.id, OrganizationId(organization_id), UserId(user_id), data.role
            )
        )

    @delete(
        "/members/{user_id:uuid}",
        opt=_here(Permission.USERS_MANAGE),
        responses=errors(400, 401, 403, 404, 409, 429, 503, likely=_LAST),
        summary="Remove a member",
    )
    async def remove_member(
        self,
        organization_id: FromPath[UUID],
        user_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> None:
        """Remove a member from the organization and its teams. The last owner stays."""
        await organizations.members.remove(
            principal.user.id, OrganizationId(organization_id), UserId(user_id)
        )

    @post(
        "/leave",
        opt=_here(Permission.ORGANIZATION_READ),
        status_code=204,
        responses=errors(400, 401, 403, 404, 409, 429, 503, likely=_LAST),
        summary="Leave an organization",
    )
    async def leave(
        self,
        organization_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> None:
        """Leave an organization and its teams. The last owner stays."""
        user_id = principal.user.id
        await organizations.members.remove(user_id, OrganizationId(organization_id), user_id)

    @post(
        "/transfer",
        opt=_here(Permission.ORGANIZATION_MANAGE),
        status_code=200,
        operation_class=body(AuthTransfer, TRANSFER),
        responses={
            200: answer(AuthMembership, MEMBERSHIP),
            **errors(
                *(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503),
                likely={
                    404: MemberNotFound(),
                    409: LifecycleConflict("Only an active account can be an owner."),
                },
            ),
        },
        summary="Hand over an organization",
    )
    async def transfer(
        self,
        organization_id: FromPath[UUID],
        data: JSONBody[AuthTransfer],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> AuthMembership:
        """Make another member the owner in your place. You stay as an admin."""
        return AuthMembership.of(
            await organizations.members.transfer(
                principal.user.id, OrganizationId(organization_id), UserId(data.new_owner_id)
            )
        )
