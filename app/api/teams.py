"""/api/v1/teams, and the teams and invitations of an organization."""

from typing import Any
from uuid import UUID

from litestar import Controller, Request, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response.base import ASGIResponse

from app.access import Place, requires
from app.api.answers import json_answer
from app.api.conditional import version_tag, wanted_version
from app.api.organization_answers import (
    AuthMemberRole,
    AuthTeam,
    AuthTeamMember,
    AuthTeamMembers,
    AuthTeamMembership,
    AuthTeamName,
    AuthTeams,
)
from app.api.organization_examples import (
    TEAM,
    TEAM_MEMBERS,
    TEAM_MEMBERSHIP,
    TEAM_NAME,
    TEAM_ROLE,
    TEAMS,
)
from app.api.paging import DEFAULT_LIMIT, Cursor, Limit, after, cursor_of, page_of, page_size
from app.api.responses import answer, body, errors
from app.limits import LIMIT_GENERAL, LIMIT_READ
from app.security import BY_BEARER
from auth_core.access import Permission
from auth_core.kernel import OrganizationId, TeamId, UserId
from auth_core.organizations import (
    MemberNotFound,
    OrganizationNotFound,
    Organizations,
    TeamNameTaken,
    TeamNotFound,
    organization_name,
)
from auth_core.tokens import Principal

_ABSENT = {404: TeamNotFound()}
_TAKEN = {409: TeamNameTaken(), **_ABSENT}
_NOBODY = {404: MemberNotFound()}


def _there(permission: Permission) -> dict[str, Any]:
    return requires(permission, of=Place.TEAM)


class OrganizationTeamsController(Controller):
    """Teams of an organization."""

    path = "/api/v1/organizations/{organization_id:uuid}/teams"
    tags = ("Organizations",)
    opt = LIMIT_GENERAL
    security = BY_BEARER

    @get(
        opt=requires(Permission.TEAMS_READ, of=Place.ORGANIZATION) | LIMIT_READ,
        responses={
            200: answer(AuthTeams, TEAMS),
            **errors(400, 401, 403, 404, 422, 503, likely={404: OrganizationNotFound()}),
        },
        summary="List teams",
    )
    async def teams(
        self,
        organization_id: FromPath[UUID],
        organizations: NamedDependency[Organizations],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> AuthTeams:
        """List the teams of an organization, oldest first."""
        found = await organizations.teams.page(
            OrganizationId(organization_id),
            after=after(cursor, TeamId),
            limit=page_size(limit),
        )
        items, last = page_of(found, limit)
        return AuthTeams(
            items=[AuthTeam.of(each) for each in items],
            next_cursor=cursor_of(None if last is None else last.id),
        )

    @post(
        opt=requires(Permission.TEAMS_WRITE, of=Place.ORGANIZATION),
        operation_class=body(AuthTeamName, TEAM_NAME),
        responses={
            201: answer(AuthTeam, TEAM),
            **errors(
                *(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503),
                likely={409: TeamNameTaken(), 404: OrganizationNotFound()},
            ),
        },
        summary="Create a team",
    )
    async def create(
        self,
        organization_id: FromPath[UUID],
        data: JSONBody[AuthTeamName],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> ASGIResponse:
        """Create a team, which has no members yet."""
        team = await organizations.teams.create(
            principal.user.id, OrganizationId(organization_id), organization_name(data.name)
        )
        return json_answer(AuthTeam.of(team), status=201, etag=version_tag(team.version))


class TeamsController(Controller):
    """One team."""

    path = "/api/v1/teams/{team_id:uuid}"
    tags = ("Organizations",)
    opt = LIMIT_GENERAL
    security = BY_BEARER

    @get(
        opt=_there(Permission.TEAMS_READ) | LIMIT_READ,
        responses={
            200: answer(AuthTeam, TEAM),
            **errors(400, 401, 403, 404, 503, likely=_ABSENT),
        },
        summary="Read a team",
    )
    async def read(
        self, team_id: FromPath[UUID], organizations: NamedDependency[Organizations]
    ) -> ASGIResponse:
        """Read a team."""
        organization_id = await organizations.teams.organization_of(TeamId(team_id))
        team = await organizations.teams.get(organization_id, TeamId(team_id))
        return json_answer(AuthTeam.of(team), etag=version_tag(team.version))

    @patch(
        opt=_there(Permission.TEAMS_WRITE),
        operation_class=body(AuthTeamName, TEAM_NAME),
        responses={
            200: answer(AuthTeam, TEAM),
            **errors(*(400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 429, 503), likely=_TAKEN),
        },
        summary="Rename a team",
    )
    async def rename(
        self,
        team_id: FromPath[UUID],
        data: JSONBody[AuthTeamName],
        request: Request[Any, Any, Any],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> ASGIResponse:
        """Rename a team. With `If-Match` only if it is the version that you read."""
        name = organization_name(data.name)
        team = await organizations.teams.rename(
            principal.user.id,
            await organizations.teams.organization_of(TeamId(team_id)),
            TeamId(team_id),
            name,
            if_version=wanted_version(request.headers.getall("If-Match", [])),
        )
        return json_answer(AuthTeam.of(team), etag=version_tag(team.version))

    @delete(
        opt=_there(Permission.TEAMS_DELETE),
        responses=errors(400, 401, 403, 404, 429, 503, likely=_ABSENT),
        summary="Delete a team",
    )
    async def remove(
        self,
        team_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> None:
        """Delete a team. Its members stay in the organization."""
        organization_id = await organizations.teams.organization_of(TeamId(team_id))
        await organizations.teams.delete(principal.user.id, organization_id, TeamId(team_id))

    @get(
        "/members",
        opt=_there(Permission.TEAMS_READ) | LIMIT_READ,
        responses={
            200: answer(AuthTeamMembers, TEAM_MEMBERS),
            **errors(400, 401, 403, 404, 422, 503, likely=_ABSENT),
        },
        summary="List the members of a team",
    )
    async def members(
        self,
        team_id: FromPath[UUID],
        organizations: NamedDependency[Organizations],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> AuthTeamMembers:
        """List the members of a team."""
        found = await organizations.teams.members(
            await organizations.teams.organization_of(TeamId(team_id)),
            TeamId(team_id),
            after=after(cursor, UserId),
            limit=page_size(limit),
        )
        items, last = page_of(found, limit)
        return AuthTeamMembers(
            items=[AuthTeamMember.of(each) for each in items],
            next_cursor=cursor_of(None if last is None else last.membership.user_id),
        )

    @put(
        "/members/{user_id:uuid}",
        opt=_there(Permission.TEAMS_MANAGE),
        operation_class=body(AuthMemberRole, TEAM_ROLE),
        responses={
            200: answer(AuthTeamMembership, TEAM_MEMBERSHIP),
            **errors(400, 401, 403, 404, 408, 413, 415, 422, 429, 503, likely=_NOBODY),
        },
        summary="Add a member to a team",
    )
    async def put_member(
        self,
        team_id: FromPath[UUID],
        user_id: FromPath[UUID],
        data: JSONBody[AuthMemberRole],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> AuthTeamMembership:
        """Add a member of the organization to a team, or give one another role there."""
        organization_id = await organizations.teams.organization_of(TeamId(team_id))
        put_in = await organizations.teams.put_member(
            principal.user.id, organization_id, TeamId(team_id), UserId(user_id), data.role
        )
        return AuthTeamMembership.of(put_in)

    @delete(
        "/members/{user_id:uuid}",
        opt=_there(Permission.TEAMS_MANAGE),
        responses=errors(400, 401, 403, 404, 429, 503, likely=_NOBODY),
        summary="Take a member out of a team",
    )
    async def remove_member(
        self,
        team_id: FromPath[UUID],
        user_id: FromPath[UUID],
        principal: NamedDependency[Principal],
        organizations: NamedDependency[Organizations],
    ) -> None:
        """Take a member out of a team. They stay in the organization."""
        organization_id = await organizations.teams.organization_of(TeamId(team_id))
        await organizations.teams.remove_member(
            principal.user.id, organization_id, TeamId(team_id), UserId(user_id)
        )
