"""Guards of another Litestar service: thin over `decide`, and closed when in doubt (SEC-55)."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from litestar import Litestar, get
from litestar.testing import AsyncTestClient

from adapters.litestar import Guards, in_organization, in_process, in_team, of_claims
from adapters.litestar.guards import SubjectOf
from auth_core.access import PermissionRegistry
from auth_core.kernel import Misconfigured
from auth_core.organizations import Slug
from auth_core.testing import InMemoryCore, in_memory_core
from auth_core.testing.contracts.making import stored_user
from auth_core.tokens import AccessClaims, ActorClaim
from auth_core.users import User

HERE, ELSEWHERE, TEAM = (UUID(int=number) for number in (1, 2, 3))  # part of the tests' names
CASES = f"/organizations/{HERE}/cases"


def claims(**changes: Any) -> AccessClaims:
    """Those of a token that was verified."""
    verified = AccessClaims(
        sub=uuid4(),
        iss="https://auth.faultmaven.ai",
        aud="faultmaven-api",
        iat=0,
        exp=900,
        jti="1",
        sid=uuid4(),
        username="jane",
        email="jane@example.com",
        email_verified=True,
        roles=("user",),
        scopes=(),
    )
    return msgspec.structs.replace(verified, **changes)


def service(subject_of: SubjectOf, bearer: AccessClaims | None) -> AsyncTestClient[Litestar]:
    """A service behind the middleware, which has let ``bearer`` through."""
    guards = Guards(subject_of, PermissionRegistry({"incidents": ["close"]}))

    @get("/people", guards=[guards.requires("users:read")])
    async def people() -> str:
        return "people"

    @get(
        "/organizations/{organization_id:uuid}/cases",
        guards=[guards.requires("cases:read", in_organization)],
    )
    async def cases() -> str:
        return "cases"

    @get(
        "/organizations/{organization_id:uuid}/members",
        guards=[guards.requires("users:manage", in_organization)],
    )
    async def members() -> str:
        return "members"

    @get(
        "/organizations/{organization_id:uuid}/teams/{team_id:uuid}",
        guards=[guards.requires("incidents:close", in_team)],
    )
    async def incidents() -> str:
        return "closed"

    @get("/nowhere", guards=[guards.requires("cases:read", in_organization)])
    async def nowhere() -> str:
        return "a route that forgot its organization"

    app = Litestar(
        [people, cases, members, incidents, nowhere], openapi_config=None, logging_config=None
    )

    async def verified(scope: Any, receive: Any, send: Any) -> None:
        scope["auth"] = bearer
        await app(scope, receive, send)

    return AsyncTestClient(app=verified)  # type: ignore[type-var]


async def ask(client: AsyncTestClient[Litestar], path: str) -> tuple[int, str | None]:
    async with client:
        answer: httpx.Response = await client.get(path)
    extra = answer.json().get("extra", {}) if answer.status_code >= 400 else {}
    return answer.status_code, extra.get("code")


@pytest.mark.sec("SEC-55")
@pytest.mark.parametrize(
    ("said", "path", "expected"),
    [
        ({"organization_id": str(HERE), "permissions": ("cases:read",)}, CASES, (200, None)),
        (
            {"organization_id": str(HERE), "permissions": ("cases:write",)},
            CASES,
            (403, "permission_denied"),
        ),
        (
            {"organization_id": str(ELSEWHERE), "permissions": ("cases:read",)},
            CASES,
            (404, "not_found"),
        ),
        ({"permissions": ("cases:read",)}, CASES, (404, "not_found")),
        ({"permissions": ("users:read",)}, "/people", (200, None)),
        (
            {"organization_id": str(HERE), "permissions": ("users:read",)},
            "/people",
            (403, "permission_denied"),
        ),
        ({"organization_id": str(HERE)}, CASES, (503, None)),
        (
            {"organization_id": str(HERE), "permissions": ("cases:read",)},
            "/nowhere",
            (404, "not_found"),
        ),
        (
            {
                "organization_id": str(HERE),
                "permissions": ("users:manage",),
                "act": ActorClaim(uuid4()),
            },
            f"/organizations/{HERE}/members",
            (403, "permission_denied"),
        ),
        (
            {"organization_id": str(HERE), "permissions": ("incidents:close",)},
            f"/organizations/{HERE}/teams/{TEAM}",
            (403, "permission_denied"),
        ),
        (
            {"organization_id": str(HERE), "permissions": ("incidents:close", "teams:manage")},
            f"/organizations/{HERE}/teams/{TEAM}",
            (200, None),
        ),
    ],
)
async def test_what_the_token_says_is_enough_and_nothing_beyond_it(
    said: dict[str, Any], path: str, expected: tuple[int, str | None]
) -> None:
    status, code = await ask(service(of_claims, claims(**said)), path)

    assert expected[0] == status
    assert expected[1] in {None, code}


async def test_nobody_is_sent_to_sign_in() -> None:
    client = service(of_claims, None)
    async with client:
        answer = await client.get("/people")

    assert (401, "authentication_required") == (
        answer.status_code,
        answer.json()["extra"]["code"],
    )
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_permission_that_there_is_not_is_noticed_at_the_start() -> None:
    with pytest.raises(Misconfigured):
        Guards(of_claims, PermissionRegistry()).requires("incidents:close")


@pytest.fixture
def core() -> InMemoryCore:
    return in_memory_core()


@pytest.fixture
async def owner(core: InMemoryCore) -> User:
    return await stored_user(core.unit_of_work)


async def test_in_process_what_is_stored_now_decides(core: InMemoryCore, owner: User) -> None:
    made = await core.organizations.organizations.create(
        owner, name="Acme", slug=Slug.parse("acme")
    )
    path = f"/organizations/{made.organization.id}/members"
    # nothing that the token says counts
    bearer = claims(sub=owner.id, permissions=())

    assert (200, None) == await ask(service(in_process(core.subjects), bearer), path)
    stranger = service(in_process(core.subjects), claims(permissions=("users:manage",)))
    assert (403, "permission_denied") == await ask(stranger, path)
    await core.lifecycle.disable(owner.id)
    assert (403, "permission_denied") == await ask(service(in_process(core.subjects), bearer), path)
