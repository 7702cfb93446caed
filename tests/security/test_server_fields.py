"""What only the server decides is never taken from a body (SEC-54), on any route."""

import re
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.api.asking import AUTH, JSON, PASSWORD, expect_problem
from tests.api.people import USERS, People
from tests.serving import Client

SERVER_FIELDS: dict[str, Any] = {
    "is_admin": True,
    "verified": True,
    "email_verified": True,
    "tenant_id": str(uuid4()),
    "organization_id": str(uuid4()),
    "user_id": str(uuid4()),
    "role": "platform_admin",
    "created_at": "2001-01-01T00:00:00+00:00",
    "is_dev_user": True,
    "status": "active",
    "version": 99,
    "impersonator_id": str(uuid4()),
    "authenticated_at": "2099-01-01T00:00:00+00:00",
    "amr": ["otp"],
}
# Contract §1: the clients of these send fields that nobody knows; they are ignored.
LENIENT = {
    *(f"{AUTH}/{name}" for name in ("register", "login", "dev-register", "dev-login", "refresh")),
    f"{AUTH}/me",
}
ORGANIZATIONS = "/api/v1/organizations"
SWITCH = f"{AUTH}/switch-organization"
CHECK = "/api/v1/permissions/check"
EVALUATION: dict[str, Any] = {
    "subject": {"type": "user", "id": str(uuid4())},
    "action": {"name": "read"},
    "resource": {"type": "cases"},
}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("post", f"{AUTH}/register"): {"password": PASSWORD},
    ("post", f"{AUTH}/dev-register"): {},
    ("post", f"{AUTH}/login"): {"password": PASSWORD},
    ("post", f"{AUTH}/dev-login"): {"password": PASSWORD},
    ("post", f"{AUTH}/refresh"): {},
    ("patch", f"{AUTH}/me"): {"locale": "de"},
    ("post", f"{AUTH}/reauthenticate"): {"password": PASSWORD},
    ("post", SWITCH): {"organization_id": None},
    ("post", f"{AUTH}/verify-registration"): {"token": "x"},
    ("post", f"{AUTH}/verify-email"): {"token": "x"},
    ("post", f"{AUTH}/verify-email/resend"): {"email": "nobody@example.com"},
    ("post", f"{AUTH}/forgot-password"): {"email": "nobody@example.com"},
    ("post", f"{AUTH}/reset-password"): {"token": "x", "new_password": PASSWORD},
    ("post", f"{AUTH}/me/password"): {"current_password": PASSWORD, "new_password": PASSWORD},
    ("post", f"{AUTH}/me/email"): {"new_email": "nobody@example.com"},
    ("post", f"{AUTH}/me/email/confirm"): {"token": "x"},
    ("post", f"{AUTH}/me/restore"): {"username": "nobody"},
    ("delete", f"{AUTH}/me"): {},
    ("post", f"{AUTH}/sign-in/link"): {"email": "nobody@example.com"},
    ("post", f"{AUTH}/sign-in/link/redeem"): {"token": "x"},
    ("post", f"{AUTH}/sign-in/code"): {"email": "nobody@example.com"},
    ("post", f"{AUTH}/sign-in/code/redeem"): {"challenge_id": "x", "code": "123456"},
    ("post", CHECK): {"permission": "cases:read"},
    ("post", "/access/v1/evaluation"): EVALUATION,
    ("post", "/access/v1/evaluations"): EVALUATION,
    ("post", f"{ORGANIZATIONS}/{{organization_id}}/roles"): {
        "name": "auditor",
        "permissions": ["cases:read"],
    },
    ("patch", f"{ORGANIZATIONS}/{{organization_id}}/roles/{{role_id}}"): {"description": "x"},
    ("post", USERS): {"display_name": "Somebody"},
    ("patch", f"{USERS}/{{user_id}}"): {"locale": "de"},
    ("post", f"{USERS}/{{user_id}}/impersonate"): {"reason": "ticket 4711"},
}
ORGANIZATION, TEAM = f"{ORGANIZATIONS}/{{organization_id}}", "/api/v1/teams/{team_id}"
GIVES_A_ROLE = {f"{ORGANIZATION}/members/{{user_id}}", f"{ORGANIZATION}/invitations"}
GIVES_A_ROLE |= {f"{TEAM}/members/{{user_id}}"}
"""Where a role may be given, by those who hold it (tests/api/test_organizations.py)."""
BODIES |= {
    ("post", ORGANIZATIONS): {"name": "Acme", "slug": "acme"},
    ("patch", ORGANIZATION): {"name": "Acme"},
    ("patch", f"{ORGANIZATION}/members/{{user_id}}"): {"role": "member"},
    ("post", f"{ORGANIZATION}/transfer"): {"new_owner_id": str(uuid4())},
    ("post", f"{ORGANIZATION}/teams"): {"name": "Ops"},
    ("patch", TEAM): {"name": "Ops"},
    ("put", f"{TEAM}/members/{{user_id}}"): {"role": "member"},
    ("post", f"{ORGANIZATION}/invitations"): {"email": "nobody@example.com"},
    ("post", f"{ORGANIZATION}/domains"): {"domain": "acme.example"},
    ("post", "/api/v1/invitations/accept"): {"token": "x"},
}
WEBHOOKS = "/api/v1/webhooks"
BODIES |= {
    (method, f"{owner}{path}"): body
    for owner in (WEBHOOKS, f"{ORGANIZATION}/webhooks")
    for method, path, body in (
        ("post", "", {"url": "https://receiver.example/"}),
        ("patch", "/{webhook_id}", {"description": "x"}),
        ("post", "/{webhook_id}/rotate-secret", {"overlap_hours": 1}),
    )
}
ROW = """
    SELECT id, organization_id, email_verified, roles, is_dev_user, status, created_at
    FROM users WHERE username = $1
"""

pytestmark = pytest.mark.sec("SEC-54")


async def test_every_route_with_a_json_body_is_tested_here(client: Client) -> None:
    document = (await client.get("/openapi.json")).json()
    bodies = {
        (method, path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }

    assert set(BODIES) == bodies


@pytest.mark.parametrize(("method", "path"), BODIES)
async def test_a_server_field_does_not_take_effect(
    client: Client, people: People, database: asyncpg.Connection, method: str, path: str
) -> None:
    admin, one = await people.platform_admin(), await people.user()
    before = await database.fetchrow(ROW, one.name)
    caller = admin if path.startswith((USERS, ORGANIZATIONS, TEAM[:13], WEBHOOKS)) else one
    creates = path in {f"{AUTH}/register", f"{AUTH}/dev-register", USERS}
    body = dict(BODIES[method, path])
    if creates or path.endswith("login"):
        body["username"] = f"new-{uuid4().hex[:12]}" if creates else one.name
    if path.endswith("refresh"):
        body["refresh_token"] = one.tokens["refresh_token"]
    path_of_one = re.sub(r"\{(organization|role|team|webhook)_id\}", one.id, path).replace(
        "{user_id}", one.id
    )

    if path in LENIENT and method != "delete":
        answer = await client.request(
            method, path_of_one, json=body | SERVER_FIELDS, headers=caller.token
        )
        assert answer.is_success, answer.text
        if creates:
            made = await database.fetchrow(ROW, body["username"])
            assert str(made["id"]) == answer.json()["user"]["user_id"] != SERVER_FIELDS["user_id"]
            assert (None, False, ["admin"], "active") == tuple(
                made[name] for name in ("organization_id", "email_verified", "roles", "status")
            )
            assert made["created_at"].year > 2001
    else:
        for field, value in SERVER_FIELDS.items():
            if (path, field) == (CHECK, "user_id"):  # whom it is asked about, which is allowed few
                continue
            if (path, field) == (SWITCH, "organization_id"):  # refused to strangers: test_switching
                continue
            if path in GIVES_A_ROLE and field == "role":
                continue
            answer = await client.request(
                method, path_of_one, json=body | {field: value}, headers=caller.token
            )
            expect_problem(answer, 422, "validation_failed")
            assert field in answer.text
        assert not creates or None is await database.fetchrow(ROW, body["username"])
    assert before == await database.fetchrow(ROW, one.name)
    query = "SELECT count(*) FROM sessions WHERE user_id = $1 AND impersonator_id IS NOT NULL"
    assert 0 == await database.fetchval(query, UUID(one.id))


async def _admin_routes(client: Client) -> list[tuple[str, str]]:
    document = (await client.get("/openapi.json")).json()
    return [
        (method, path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        # those of one organization are another matter: see test_access_matrix.py
        if "Administration" in operation["tags"] and not path.startswith(ORGANIZATIONS)
    ]


@pytest.mark.sec("SEC-55")
async def test_every_admin_route_refuses_everybody_else(
    client: Client, people: People, database: asyncpg.Connection
) -> None:
    """From the route table: whoever adds a route of this kind is in it."""
    one, other = await people.user(), await people.user()
    routes = await _admin_routes(client)
    assert len(routes) >= 15
    rows = await database.fetch("SELECT * FROM users ORDER BY id")

    for method, path in routes:
        for target in (one, other):  # the own account is no exception
            filled = re.sub(r"\{user_id\}", target.id, path)
            filled = filled.replace("{username}", target.name)
            filled = filled.replace("{session_id}", target.session_id)
            body = BODIES.get((method, path))
            content = {} if body is None else {"json": body}
            forbidden = await client.request(method, filled, headers=one.token, **content)
            expect_problem(forbidden, 403, "permission_denied")
            nobody = await client.request(method, filled, **content)
            expect_problem(nobody, 401, "authentication_required")

    assert rows == await database.fetch("SELECT * FROM users ORDER BY id")
    for each in (one, other):
        assert 200 == (await client.get(f"{AUTH}/me", headers=each.token)).status_code


@pytest.mark.sec("SEC-55")
async def test_an_unknown_account_is_404_on_every_admin_route(
    client: Client, people: People
) -> None:
    admin = await people.platform_admin()
    for method, path in await _admin_routes(client):
        if "{" not in path:
            continue
        filled = re.sub(r"\{(user_id|session_id)\}", str(uuid4()), path)
        filled = filled.replace("{username}", "nobody-has-this-name")
        body = BODIES.get((method, path))
        answer = await client.request(
            method, filled, json=body, headers=admin.token | (JSON if body else {})
        )
        expect_problem(answer, 404, "user_not_found")
