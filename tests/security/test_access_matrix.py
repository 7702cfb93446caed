"""Every route by every role by every relation, from the route table (SEC-55, SEC-56).

The real gate decides, over real servers; behind it nothing is done, so that whoever may delete an
account can be asked about without one. Handlers have tests of their own.
"""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from litestar.response.base import ASGIResponse
from litestar.routes import HTTPRoute
from litestar.testing import AsyncTestClient
from litestar.types import ASGIApp, HTTPScope, Receive, Send

import app.main
from app.access import OPTION, Place, Requirement
from app.container import Container
from app.direct import DirectCalls
from app.settings import load_settings
from auth_core.access import RoleBook, RoleScope
from tests.api.organizing import join, join_team, new_organization, new_role, new_team
from tests.api.people import People, Person
from tests.serving import Client

pytestmark = [pytest.mark.sec("SEC-55"), pytest.mark.sec("SEC-56")]

PASSED = 299
BOOK = RoleBook()
CLERK = frozenset(
    {"organization:read", "users:manage", "roles:write", "teams:read", "teams:manage"}
)
"""What the role permits that both organizations made."""


class NothingBehind(DirectCalls):
    """Answers whatever the gate lets pass."""

    async def __call__(
        self, scope: HTTPScope, receive: Receive, send: Send, next_app: ASGIApp
    ) -> None:
        await ASGIResponse(status_code=PASSED)(scope, receive, send)


@dataclass(frozen=True)
class Somebody:
    """A caller: their platform role, and what they are in which organization and team."""

    platform: str | None = "user"
    organization: str | None = None
    elsewhere: bool = False
    team: str | None = None

    def holds(self, scope: RoleScope, permission: str) -> bool:
        """Whether their role of one level has it, by the list of built-in roles, and CLERK."""
        name = {
            RoleScope.PLATFORM: self.platform,
            RoleScope.ORGANIZATION: self.organization,
            RoleScope.TEAM: self.team,
        }[scope]
        if name == "clerk":
            return permission in CLERK
        role = None if name is None else BOOK.find(scope, name)
        return role is not None and permission in role.permissions


NOBODY = Somebody(platform=None)
USER, ADMIN, PLATFORM_ADMIN = (
    Somebody(platform=role) for role in ("user", "admin", "platform_admin")
)
ROLES = ("owner", "admin", "member", "viewer", "clerk")
HERE = {role: Somebody(organization=role) for role in ROLES}
ELSEWHERE = {role: Somebody(organization=role, elsewhere=True) for role in ROLES}
IN_TEAM = {role: Somebody(organization="viewer", team=role) for role in ("lead", "member", "clerk")}
EVERYBODY = [
    *(NOBODY, USER, ADMIN, PLATFORM_ADMIN),
    *HERE.values(),
    *ELSEWHERE.values(),
    *IN_TEAM.values(),
]


@dataclass(frozen=True)
class Route:
    """One method of one path, and what it declares."""

    method: str
    path: str
    opt: dict[str, Any]


def expected(route: Route, who: Somebody) -> int:
    """What the declaration says."""
    if "public" in route.opt:
        return PASSED
    if "clients_only" in route.opt or who.platform is None:
        return 401
    declared = route.opt[OPTION]
    if not isinstance(declared, Requirement) or who.platform == "platform_admin":
        return PASSED
    permission = declared.permission.value
    if declared.of is Place.PLATFORM:
        return PASSED if who.holds(RoleScope.PLATFORM, permission) else 403
    return 404 if who.organization is None or who.elsewhere else inside(declared, who)


def inside(declared: Requirement, who: Somebody) -> int:
    """The same for a member of the organization."""
    permission = declared.permission.value
    if declared.of is Place.ORGANIZATION:
        return PASSED if who.holds(RoleScope.ORGANIZATION, permission) else 403
    mighty = who.organization in {"owner", "admin", "clerk"} or permission.startswith("teams:")
    through = mighty and who.holds(RoleScope.ORGANIZATION, permission)
    return PASSED if through or who.holds(RoleScope.TEAM, permission) else 403


ORGANIZATION_ROLES = "/api/v1/organizations/{organization_id}/roles"
ONE_ROLE = f"{ORGANIZATION_ROLES}/{{role_id}}"
USERS, ONE_USER = "/api/v1/users", "/api/v1/users/{user_id}"
ORGANIZATION_WEBHOOKS = "/api/v1/organizations/{organization_id}/webhooks"
BY_HAND: list[tuple[str, str, Somebody, int]] = [
    ("GET", "/health", NOBODY, PASSED),
    ("POST", "/api/v1/auth/login", NOBODY, PASSED),
    ("GET", "/.well-known/jwks.json", NOBODY, PASSED),
    ("GET", "/events/schemas", NOBODY, PASSED),
    ("GET", "/api/v1/auth/me", NOBODY, 401),
    ("GET", "/api/v1/auth/me", USER, PASSED),
    ("DELETE", "/api/v1/auth/me", USER, PASSED),
    ("GET", "/api/v1/auth/sessions", HERE["viewer"], PASSED),
    ("POST", "/api/v1/auth/introspect", PLATFORM_ADMIN, 401),
    ("GET", "/api/v1/auth/revocations", PLATFORM_ADMIN, 401),
    ("GET", USERS, NOBODY, 401),
    ("GET", USERS, USER, 403),
    ("GET", USERS, HERE["owner"], 403),
    ("GET", USERS, ADMIN, PASSED),
    ("GET", USERS, PLATFORM_ADMIN, PASSED),
    ("POST", USERS, HERE["owner"], 403),
    ("POST", USERS, ADMIN, PASSED),
    ("GET", ONE_USER, USER, 403),
    ("PATCH", ONE_USER, HERE["admin"], 403),
    ("PATCH", ONE_USER, ADMIN, PASSED),
    ("DELETE", ONE_USER, USER, 403),
    ("DELETE", ONE_USER, ADMIN, PASSED),
    ("POST", f"{ONE_USER}/restore", HERE["owner"], 403),
    ("POST", f"{ONE_USER}/restore", ADMIN, PASSED),
    ("POST", f"{ONE_USER}/impersonate", HERE["owner"], 403),
    ("POST", f"{ONE_USER}/impersonate", ADMIN, PASSED),
    ("GET", "/api/v1/auth/users", USER, 403),
    ("GET", "/api/v1/auth/users", ADMIN, PASSED),
    ("DELETE", "/api/v1/auth/users/{username}", HERE["owner"], 403),
    ("POST", "/api/v1/auth/users/{user_id}/revoke-tokens", ADMIN, PASSED),
    ("GET", "/api/v1/auth/users/{user_id}/sessions", USER, 403),
    ("GET", "/api/v1/webhooks", NOBODY, 401),
    ("GET", "/api/v1/webhooks", ADMIN, 403),
    ("GET", "/api/v1/webhooks", HERE["owner"], 403),
    ("POST", "/api/v1/webhooks", PLATFORM_ADMIN, PASSED),
    ("GET", ORGANIZATION_WEBHOOKS, HERE["member"], 403),
    ("GET", ORGANIZATION_WEBHOOKS, HERE["admin"], PASSED),
    ("GET", ORGANIZATION_WEBHOOKS, ADMIN, 404),
    ("POST", ORGANIZATION_WEBHOOKS, HERE["owner"], PASSED),
    ("POST", ORGANIZATION_WEBHOOKS, ELSEWHERE["owner"], 404),
    ("POST", ORGANIZATION_WEBHOOKS, IN_TEAM["lead"], 403),
    ("POST", ORGANIZATION_WEBHOOKS, PLATFORM_ADMIN, PASSED),
    ("POST", f"{ORGANIZATION_WEBHOOKS}/{{webhook_id}}/rotate-secret", HERE["viewer"], 403),
    ("POST", f"{ORGANIZATION_WEBHOOKS}/{{webhook_id}}/rotate-secret", ELSEWHERE["admin"], 404),
    ("GET", "/api/v1/roles", USER, PASSED),
    ("POST", "/api/v1/permissions/check", NOBODY, 401),
    ("POST", "/api/v1/permissions/check", USER, PASSED),
    ("GET", "/api/v1/me/permissions", USER, PASSED),
    ("GET", ORGANIZATION_ROLES, NOBODY, 401),
    ("GET", ORGANIZATION_ROLES, USER, 404),
    ("GET", ORGANIZATION_ROLES, ADMIN, 404),
    ("GET", ORGANIZATION_ROLES, ELSEWHERE["owner"], 404),
    ("GET", ORGANIZATION_ROLES, HERE["viewer"], PASSED),
    ("GET", ORGANIZATION_ROLES, PLATFORM_ADMIN, PASSED),
    ("POST", ORGANIZATION_ROLES, HERE["member"], 403),
    ("POST", ORGANIZATION_ROLES, HERE["admin"], PASSED),
    ("POST", ORGANIZATION_ROLES, ELSEWHERE["admin"], 404),
    ("PATCH", ONE_ROLE, HERE["viewer"], 403),
    ("PATCH", ONE_ROLE, HERE["owner"], PASSED),
    ("DELETE", ONE_ROLE, HERE["member"], 403),
    ("DELETE", ONE_ROLE, HERE["admin"], PASSED),
    ("DELETE", ONE_ROLE, ELSEWHERE["owner"], 404),
    ("DELETE", ONE_ROLE, IN_TEAM["lead"], 403),
    ("PATCH", ONE_ROLE, HERE["clerk"], PASSED),
    ("DELETE", ONE_ROLE, HERE["clerk"], 403),
    ("PATCH", ONE_ROLE, ELSEWHERE["clerk"], 404),
    ("PATCH", ONE_ROLE, IN_TEAM["clerk"], 403),
]


@dataclass(frozen=True)
class World:
    """A worker with nothing behind its gate, everybody signed in, and the ids of what is there."""

    client: Client
    routes: list[Route]
    people: dict[Somebody, Person]
    here: str
    team: str

    async def ask(self, method: str, path: str, who: Somebody, user_id: str) -> int:
        """The status that somebody gets."""
        ids = {"organization_id": self.here, "team_id": self.team, "user_id": user_id}
        filled = re.sub(r"\{(\w+)\}", lambda name: ids.get(name[1], str(uuid4())), path)
        person = self.people.get(who)
        answer = await self.client.request(
            method,
            filled,
            json={} if method in {"POST", "PUT", "PATCH"} else None,
            headers={} if person is None else person.token,
        )
        return answer.status_code


def table(routes: list[Any]) -> Iterator[Route]:
    """The route table of an application."""
    for route in routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in sorted(handler.http_methods - {"OPTIONS"}):
                    yield Route(method, route.path_format, handler.opt)


@pytest.fixture
async def world(
    environ: dict[str, str],
    people: People,
    database: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[World]:
    here, elsewhere = await new_organization(database), await new_organization(database)
    team = await new_team(database, here)
    for place in (here, elsewhere):
        await new_role(database, place, "clerk", CLERK)
    persons = {}
    for who in EVERYBODY:
        if who.platform is None:
            continue
        persons[who] = person = await people.user(who.platform)
        if who.organization is not None:
            place = elsewhere if who.elsewhere else here
            await join(database, person, place, who.organization)
            if who.team is not None:
                await join_team(database, person, here, team, who.team)
    monkeypatch.setattr(app.main, "DirectCalls", NothingBehind)
    application = app.main.create_app(Container(load_settings(environ)))
    routes = list(table(application.routes))
    async with AsyncTestClient(application, raise_server_exceptions=False) as client:
        yield World(client, routes, persons, here, team)


async def test_every_route_admits_whom_it_declares_and_nobody_else(world: World) -> None:
    other = str(UUID(int=uuid4().int))
    wrong, asked = [], 0
    for route in world.routes:
        for who in EVERYBODY:
            own = world.people[who].id if who in world.people else other
            for user_id in {own, other} if "{user_id}" in route.path else {other}:
                asked += 1
                status = await world.ask(route.method, route.path, who, user_id)
                if status != expected(route, who):
                    wrong.append((route.method, route.path, who, status, expected(route, who)))

    assert [] == wrong
    assert asked > 800


async def test_what_people_expect_is_so(world: World) -> None:
    """Written by hand, so that a declaration that is wrong does not agree with itself."""
    wrong = []
    for method, path, who, status in BY_HAND:
        found = await world.ask(method, path, who, str(uuid4()))
        if found != status:
            wrong.append((method, path, who, found, status))

    assert [] == wrong
    known = {(route.method, route.path) for route in world.routes}
    assert [] == [(method, path) for method, path, *_ in BY_HAND if (method, path) not in known]
