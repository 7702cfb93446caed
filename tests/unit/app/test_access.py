"""Declarations: what a route must say before it starts, and how the gate decides about it."""

from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar, get
from litestar.params import FromPath

from app.access import OWN_ACCOUNT, Place, RouteAccess, require_declared, requires
from app.security import CLIENTS_ONLY, OWN_SESSION_ONLY, PUBLIC
from auth_core.access import OrganizationGrant, Permission, RoleBook, TeamGrant
from auth_core.kernel import (
    ImpersonationRefused,
    Misconfigured,
    NotFound,
    OrganizationId,
    PermissionDenied,
    TeamId,
    UserId,
)
from auth_core.sessions import SessionState
from auth_core.testing.contracts.making import new_session, new_user
from auth_core.tokens import Principal

HERE, ELSEWHERE = OrganizationId(UUID(int=11)), OrganizationId(UUID(int=12))
TEAM, OTHER_TEAM = TeamId(UUID(int=21)), TeamId(UUID(int=22))
PLACES = {TEAM: HERE, OTHER_TEAM: HERE}


def app_with(opt: dict[str, Any], path: str = "/things") -> Litestar:
    """An application with one route."""
    parameter = path.partition("{")[2].partition(":")[0]

    if parameter:

        @get(path, opt=opt)
        async def one(organization_id: FromPath[UUID]) -> None:
            """Of one organization."""

        return Litestar([one], openapi_config=None, logging_config=None)

    @get(path, opt=opt)
    async def things() -> None:
        """All of them."""

    return Litestar([things], openapi_config=None, logging_config=None)


@pytest.mark.sec("SEC-55")
@pytest.mark.parametrize(
    ("opt", "path"),
    [
        ({}, "/things"),
        ({"limit": "none"}, "/things"),
        (PUBLIC | OWN_ACCOUNT, "/things"),
        (CLIENTS_ONLY | requires(Permission.USERS_READ), "/things"),
        (requires(Permission.CASES_READ, of=Place.ORGANIZATION), "/things"),
        (requires(Permission.CASES_READ, of=Place.TEAM), "/{organization_id:uuid}"),
    ],
)
def test_a_route_without_one_declaration_does_not_start(opt: dict[str, Any], path: str) -> None:
    app = app_with(opt, path)

    with pytest.raises(Misconfigured, match="GET /"):
        require_declared(app.routes)


@pytest.mark.parametrize(
    ("opt", "path"),
    [
        (PUBLIC, "/things"),
        (CLIENTS_ONLY, "/things"),
        (OWN_ACCOUNT, "/things"),
        (OWN_SESSION_ONLY, "/things"),
        (requires(Permission.USERS_READ), "/things"),
        (requires(Permission.CASES_READ, of=Place.ORGANIZATION), "/{organization_id:uuid}"),
    ],
)
def test_a_declared_route_starts(opt: dict[str, Any], path: str) -> None:
    require_declared(app_with(opt, path).routes)


async def admit(
    opt: dict[str, Any],
    *grants: OrganizationGrant,
    roles: tuple[str, ...] = ("user",),
    impersonated: bool = False,
    **path: UUID,
) -> list[TeamId]:
    """What the gate does; returns the teams that had to be looked up."""
    asked = []

    async def place(team_id: TeamId) -> OrganizationId | None:
        asked.append(team_id)
        return PLACES.get(team_id)

    user = new_user(roles=roles)
    changes = {"impersonator_id": UserId(UUID(int=9))} if impersonated else {}
    state = SessionState(
        session=new_session(user, **changes), user=user, live_sessions=1, grants=grants
    )
    scope: Any = {"path_params": path}
    principal = Principal(None, state)  # type: ignore[arg-type]
    await RouteAccess(RoleBook(), place).admit(scope, principal, opt.get("access"))
    return asked


def member(role: str, *teams: TeamGrant) -> OrganizationGrant:
    """A role in the organization HERE."""
    return OrganizationGrant(organization_id=HERE, role=role, teams=teams)


OF_USERS = requires(Permission.USERS_MANAGE)
OF_ORGANIZATION = requires(Permission.USERS_MANAGE, of=Place.ORGANIZATION)
OF_TEAM = requires(Permission.TEAMS_MANAGE, of=Place.TEAM)


async def test_a_route_of_the_platform_is_for_its_administrators() -> None:
    await admit(OF_USERS, roles=("admin",))
    with pytest.raises(PermissionDenied):
        await admit(OF_USERS, member("owner"))


@pytest.mark.sec("SEC-70")
async def test_administrating_in_another_name_is_refused() -> None:
    with pytest.raises(ImpersonationRefused):
        await admit(OF_USERS, roles=("platform_admin",), impersonated=True)
    await admit(requires(Permission.USERS_READ), roles=("admin",), impersonated=True)


@pytest.mark.sec("SEC-55")
async def test_a_route_of_an_organization_looks_at_the_one_in_the_path() -> None:
    await admit(OF_ORGANIZATION, member("admin"), organization_id=HERE)
    with pytest.raises(PermissionDenied):
        await admit(OF_ORGANIZATION, member("member"), organization_id=HERE)
    for nobody in ([member("owner")], []):
        with pytest.raises(NotFound):
            await admit(OF_ORGANIZATION, *nobody, organization_id=ELSEWHERE)


@pytest.mark.sec("SEC-55")
async def test_the_organization_of_a_team_is_looked_up_unless_it_is_known() -> None:
    lead = member("member", TeamGrant(TEAM, "lead"))

    assert [] == await admit(OF_TEAM, lead, team_id=TEAM)
    assert [] == await admit(OF_TEAM, lead, team_id=TEAM, organization_id=HERE)
    assert [OTHER_TEAM] == await admit(OF_TEAM, member("admin"), team_id=OTHER_TEAM)
    with pytest.raises(PermissionDenied):
        await admit(OF_TEAM, lead, team_id=OTHER_TEAM)
    with pytest.raises(NotFound):
        await admit(OF_TEAM, lead, team_id=TeamId(UUID(int=99)))
    with pytest.raises(NotFound):
        await admit(OF_TEAM, team_id=TEAM)


async def test_what_declares_nothing_is_for_nobody() -> None:
    with pytest.raises(PermissionDenied):
        await admit({}, roles=("platform_admin",))
    await admit(OWN_ACCOUNT)
