"""The API described: /openapi.json and /docs."""

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
from litestar import Request

from app.errors import handle_unexpected_error
from tests.api.asking import AUTH, expect_problem
from tests.serving import Client

ASSETS = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
USERS = "/api/v1/users"
ROLES = "/api/v1/organizations/{organization_id}/roles"
PEOPLE_OR_CLIENTS = {
    ("post", "/api/v1/permissions/check"),
    ("post", "/access/v1/evaluation"),
    ("post", "/access/v1/evaluations"),
}
ORGANIZATIONS, TEAM = "/api/v1/organizations", "/api/v1/teams/{team_id}"
ORGANIZATION = f"{ORGANIZATIONS}/{{organization_id}}"
OF_ORGANIZATIONS = {
    *((method, ORGANIZATIONS) for method in ("get", "post")),
    *((method, ORGANIZATION) for method in ("get", "patch", "delete")),
    *(("post", f"{ORGANIZATION}/{change}") for change in ("restore", "leave", "transfer")),
    ("get", f"{ORGANIZATION}/members"),
    *((method, f"{ORGANIZATION}/members/{{user_id}}") for method in ("patch", "delete")),
    *((method, f"{ORGANIZATION}/teams") for method in ("get", "post")),
    *((method, f"{ORGANIZATION}/invitations") for method in ("get", "post")),
    ("delete", f"{ORGANIZATION}/invitations/{{invitation_id}}"),
    *((method, f"{ORGANIZATION}/domains") for method in ("get", "post")),
    ("post", f"{ORGANIZATION}/domains/{{domain_id}}/verify"),
    ("delete", f"{ORGANIZATION}/domains/{{domain_id}}"),
    *((method, TEAM) for method in ("get", "patch", "delete")),
    ("get", f"{TEAM}/members"),
    *((method, f"{TEAM}/members/{{user_id}}") for method in ("put", "delete")),
    ("post", "/api/v1/invitations/accept"),
}
OF_WEBHOOKS = {
    (method, f"{owner}/webhooks{path}")
    for owner in ("/api/v1", ORGANIZATION)
    for method, path in (
        *(("get", ""), ("post", "")),
        *((method, "/{webhook_id}") for method in ("get", "patch", "delete")),
        *(("post", f"/{{webhook_id}}/{change}") for change in ("rotate-secret", "test")),
        ("get", "/{webhook_id}/deliveries"),
        ("post", "/{webhook_id}/deliveries/{delivery_id}/redeliver"),
    )
}
PROTECTED = {
    *OF_ORGANIZATIONS,
    *OF_WEBHOOKS,
    ("get", f"{AUTH}/me"),
    ("patch", f"{AUTH}/me"),
    ("get", f"{AUTH}/me/available-scopes"),
    ("get", f"{AUTH}/me/export"),
    ("get", "/api/v1/audit"),
    ("get", "/api/v1/organizations/{organization_id}/audit"),
    ("post", f"{AUTH}/logout"),
    ("post", "/v1/auth/logout"),
    ("post", f"{AUTH}/dev/revoke-all-tokens"),
    ("post", f"{AUTH}/me/password"),
    ("post", f"{AUTH}/me/email"),
    ("delete", f"{AUTH}/me"),
    ("get", f"{AUTH}/sessions"),
    ("delete", f"{AUTH}/sessions/{{session_id}}"),
    ("post", f"{AUTH}/sessions/revoke-others"),
    ("get", f"{AUTH}/users/{{user_id}}/sessions"),
    ("delete", f"{AUTH}/users/{{user_id}}/sessions"),
    ("delete", f"{AUTH}/users/{{user_id}}/sessions/{{session_id}}"),
    ("post", f"{AUTH}/reauthenticate"),
    ("post", f"{AUTH}/switch-organization"),
    ("get", f"{AUTH}/users"),
    ("delete", f"{AUTH}/users/{{username}}"),
    ("post", f"{AUTH}/users/{{user_id}}/revoke-tokens"),
    ("get", USERS),
    ("post", USERS),
    ("get", "/api/v1/roles"),
    ("get", "/api/v1/me/permissions"),
    *((method, ROLES) for method in ("get", "post")),
    *((method, f"{ROLES}/{{role_id}}") for method in ("get", "patch", "delete")),
    *((method, f"{USERS}/{{user_id}}") for method in ("get", "patch", "delete")),
    *(
        ("post", f"{USERS}/{{user_id}}/{change}")
        for change in ("disable", "enable", "restore", "require-password-change", "impersonate")
    ),
}
FORMS = {("post", f"{AUTH}/introspect"), ("post", f"{AUTH}/revoke")}
BY_NAME = {
    *(("post", f"{AUTH}/{name}") for name in ("register", "login", "dev-register", "dev-login")),
    ("post", f"{AUTH}/refresh"),
}
STREAM = ("get", f"{AUTH}/revocations/stream")
CLIENTS = {*FORMS, ("get", f"{AUTH}/revocations"), STREAM}
MAILED = [
    *(
        ("post", f"{AUTH}/{name}")
        for name in (
            *("verify-registration", "verify-email", "verify-email/resend"),
            *("forgot-password", "reset-password", "me/email", "me/email/confirm"),
            *("sign-in/link", "sign-in/link/redeem", "sign-in/code", "sign-in/code/redeem"),
        )
    ),
    ("delete", f"{AUTH}/me"),
    ("post", f"{AUTH}/me/restore"),
    ("post", f"{AUTH}/me/password"),
]
REGISTERING = [("post", f"{AUTH}/{name}") for name in ("register", "dev-register")]
PUBLIC = {
    *BY_NAME,
    *(
        ("post", f"{AUTH}/{name}")
        for name in (
            *("verify-registration", "verify-email", "verify-email/resend"),
            *("forgot-password", "reset-password", "me/email/confirm", "me/restore"),
            *("sign-in/link", "sign-in/link/redeem", "sign-in/code", "sign-in/code/redeem"),
        )
    ),
    *(("get", f"{AUTH}/{name}") for name in ("health", "config")),
    ("get", "/"),
    ("get", "/health"),
    ("get", "/health/ready"),
    ("get", "/.well-known/jwks.json"),
    ("get", "/.well-known/openid-configuration"),
    ("get", "/.well-known/authzen-configuration"),
    ("get", "/events/schemas"),
    ("get", "/events/schemas/{event_type}"),
}


@pytest.fixture
async def document(client: Client) -> dict[str, Any]:
    """The OpenAPI document."""
    return dict((await client.get("/openapi.json")).json())


def _operations(document: dict[str, Any]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield (method, path), operation


def _nodes(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from _nodes(child)
    elif isinstance(node, list):
        for child in node:
            yield from _nodes(child)


def _example(media_type: dict[str, Any]) -> dict[str, Any]:
    [example] = media_type["examples"].values()
    assert set(example) <= {"summary", "value"}  # OpenAPI has no field ``id`` here
    return dict(example["value"])


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return dict(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])


async def test_the_document_is_openapi_3_1_as_json(client: Client) -> None:
    answer = await client.get("/openapi.json")

    assert (200, "application/json") == (answer.status_code, answer.headers["content-type"])
    assert answer.json()["openapi"].startswith("3.1.")
    assert version("fm-auth-service") == answer.json()["info"]["version"]


async def test_every_route_of_the_contract_is_described_and_no_other(
    document: dict[str, Any],
) -> None:
    assert PROTECTED | CLIENTS | PUBLIC | PEOPLE_OR_CLIENTS == {
        where for where, _ in _operations(document)
    }


async def test_tags_are_objects_with_a_name_and_every_operation_has_one_of_them(
    document: dict[str, Any],
) -> None:
    names = {tag["name"] for tag in document["tags"]}

    assert len(document["tags"]) == len(names)
    for _, operation in _operations(document):
        assert operation["tags"]
        assert set(operation["tags"]) <= names


async def test_every_operation_has_a_summary_a_description_and_an_id_of_its_own(
    document: dict[str, Any],
) -> None:
    operations = [operation for _, operation in _operations(document)]

    assert all(operation["summary"] and operation["description"] for operation in operations)
    assert len(operations) == len({operation["operationId"] for operation in operations})


async def test_every_operation_says_itself_whether_it_needs_a_bearer_token(
    document: dict[str, Any],
) -> None:
    scheme = document["components"]["securitySchemes"]["bearer"]

    assert ("http", "bearer") == (scheme["type"], scheme["scheme"])
    assert "basic" == document["components"]["securitySchemes"]["client"]["scheme"]
    for where, operation in _operations(document):
        if where in CLIENTS:
            assert [{"client": []}] == operation["security"]
        elif where in PEOPLE_OR_CLIENTS:
            assert [{"bearer": []}, {"client": []}] == operation["security"]
        elif where in PROTECTED:
            assert [{"bearer": []}] == operation["security"]
        else:
            assert ([{}, {"client": []}] if where in BY_NAME else [{}]) == operation["security"]


@pytest.mark.sec("SEC-69")
async def test_every_error_answer_is_described_as_the_problem_that_it_is(
    document: dict[str, Any],
) -> None:
    schema = {"$ref": "#/components/schemas/AuthProblem"}
    for where, operation in _operations(document):
        errors = {status for status in operation["responses"] if status >= "400"}
        assert "500" in errors
        assert (where in PROTECTED | CLIENTS) <= ("401" in errors)
        assert ("requestBody" in operation) == ({"413", "415", "422"} <= errors)
        asks = any(parameter["in"] == "query" for parameter in operation.get("parameters", ()))
        assert not asks or "422" in errors, where
        for status in errors:
            content = operation["responses"][status]["content"]
            assert ["application/problem+json"] == list(content)
            assert schema == content["application/problem+json"]["schema"]


async def test_schema_names_are_distinctive(document: dict[str, Any]) -> None:
    names = document["components"]["schemas"]

    assert [] == [name for name in names if not name.startswith("Auth")]
    assert [] == [
        node["$ref"]
        for node in _nodes(document)
        if "$ref" in node and node["$ref"].rpartition("/")[2] not in names
    ]


@pytest.mark.parametrize(
    "schema",
    ["AuthRegisterRequest", "AuthLoginRequest", "AuthRefreshRequest", "AuthProfileChanges"],
)
async def test_a_request_that_ignores_unknown_fields_is_not_described_as_refusing_them(
    document: dict[str, Any], schema: str
) -> None:
    assert document["components"]["schemas"][schema].get("additionalProperties", True) is not False


async def test_every_operation_has_an_example_of_its_success_answer(
    document: dict[str, Any],
) -> None:
    for where, operation in _operations(document):
        status, *others = [status for status in operation["responses"] if status < "400"]
        assert others == (["202"] if where in REGISTERING else [])
        if STREAM == where:
            assert ["text/event-stream"] == list(operation["responses"][status]["content"])
            continue
        if "204" == status or where == ("post", f"{AUTH}/revoke"):
            assert "content" not in operation["responses"][status]
            continue
        for success in (status, *others):
            media = operation["responses"][success]["content"]["application/json"]
            schema = _resolved(document, media["schema"])
            value = _example(media)
            assert set(schema["required"]) <= set(value) <= set(schema["properties"]), where
            assert operation["responses"][success]["description"] != "Additional response"


async def test_every_operation_has_an_example_of_each_error_answer(
    document: dict[str, Any],
) -> None:
    for _, operation in _operations(document):
        for status, answer in operation["responses"].items():
            if status < "400":
                continue
            value = _example(answer["content"]["application/problem+json"])
            assert int(status) == value["status"]
            assert f"urn:faultmaven:auth:problem:{value['code']}" == value["type"]
            assert value["detail"]
            assert value["detail"] == value["message"]
            assert value["request_id"]
            assert ("422" == status) == ("errors" in value)


async def test_the_example_of_an_internal_error_says_what_the_service_says(
    document: dict[str, Any],
) -> None:
    request: Request[Any, Any, Any] = Request({"type": "http", "state": {}})  # type: ignore[arg-type]
    said = handle_unexpected_error(request, RuntimeError()).content

    answer = document["paths"]["/"]["get"]["responses"]["500"]
    value = _example(answer["content"]["application/problem+json"])
    assert (said.code, said.detail) == (value["code"], value["detail"])


async def test_every_body_has_an_example_that_the_service_takes(
    client: Client, document: dict[str, Any]
) -> None:
    # the last administrator, who this user would else be in a fresh database, cannot leave
    await client.post(f"{AUTH}/dev-register", json={"username": "another.administrator"})
    token = refresh_token = ""
    bodies = [
        *(("post", f"{AUTH}/{name}") for name in ("dev-register", "dev-login", "login", "refresh")),
        ("patch", f"{AUTH}/me"),
    ]
    for method, path in bodies:
        operation = document["paths"][path][method]
        value = _example(operation["requestBody"]["content"]["application/json"])
        if "refresh_token" in value:  # the example shows its form; a real one works
            value["refresh_token"] = refresh_token
        answer = await client.request(
            method, path, json=value, headers={"Authorization": f"Bearer {token}"} if token else {}
        )
        status, *_ = [status for status in operation["responses"] if status < "400"]
        assert int(status) == answer.status_code, answer.text
        shown = _example(operation["responses"][status]["content"]["application/json"])
        assert set(answer.json()) == set(shown)
        token = token or answer.json()["access_token"]
        refresh_token = answer.json().get("refresh_token", "")

    for method, path in MAILED:
        media = document["paths"][path][method]["requestBody"]["content"]["application/json"]
        answer = await client.request(
            method, path, json=_example(media), headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code in {200, 202, 400}, (path, answer.text)
        token = answer.json().get("access_token", token)

    described = {where for where, operation in _operations(document) if "requestBody" in operation}
    elsewhere = {  # in tests/api/test_users.py, test_step_up.py, test_switching.py, …
        *((OF_ORGANIZATIONS | OF_WEBHOOKS) & described),
        *PEOPLE_OR_CLIENTS,
        ("post", ROLES),
        ("patch", f"{ROLES}/{{role_id}}"),
        ("post", f"{AUTH}/register"),
        ("post", f"{AUTH}/reauthenticate"),
        ("post", f"{AUTH}/switch-organization"),
        ("post", USERS),
        ("patch", f"{USERS}/{{user_id}}"),
        ("post", f"{USERS}/{{user_id}}/impersonate"),
    }
    assert {*bodies, *FORMS, *MAILED, *elsewhere} == described
    assert (
        document["paths"][f"{AUTH}/register"]["post"]["requestBody"]
        == (document["paths"][f"{AUTH}/dev-register"]["post"]["requestBody"])
    )


async def test_formats_and_lengths_are_described(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    username = schemas["AuthRegisterRequest"]["properties"]["username"]

    assert "date-time" == schemas["AuthUser"]["properties"]["created_at"]["format"]
    assert (3, 50) == (username["minLength"], username["maxLength"])
    for name in ("AuthRegisterRequest", "AuthProfileChanges"):
        assert 100 == schemas[name]["properties"]["display_name"]["maxLength"]


async def test_examples_and_schemas_hold_no_password(client: Client) -> None:
    assert None is re.search(r'"password":\s*"', (await client.get("/openapi.json")).text)


async def test_documents_of_two_workers_and_of_production_agree(
    client: Client, second_worker: Client, production: Client
) -> None:
    one, two, three = [
        (await worker.get("/openapi.json")).json() for worker in (client, second_worker, production)
    ]

    assert one == two == three


@pytest.mark.sec("SEC-51")
async def test_the_page_and_its_policy_name_no_other_host(client: Client) -> None:
    page = await client.get("/docs")

    policy = page.headers["content-security-policy"]
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert (200, "text/html; charset=utf-8") == (page.status_code, page.headers["content-type"])
    assert "//" not in page.text.replace("<!doctype html>", "")
    assert "//" not in policy
    assert "'none'" == directives["default-src"] == directives["frame-ancestors"]
    assert "'self'" == directives["script-src"]
    assert "<script>" not in page.text


async def test_every_asset_of_the_page_comes_from_here(client: Client) -> None:
    page = (await client.get("/docs")).text

    linked = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    assert {f"/docs/{name}" for name in ASSETS} == linked
    for name, media_type in ASSETS.items():
        asset = await client.get(f"/docs/{name}")
        assert (200, media_type) == (asset.status_code, asset.headers["content-type"])
        assert asset.content
    for name in ("start.js", "swagger-ui.css"):
        text = (await client.get(f"/docs/{name}")).text
        assert [] == re.findall(r"(?:url\(|@import\s*)[\"']?(?:https?:)?//", text)


@pytest.mark.parametrize(
    "path",
    [
        "/docs/nothing.js",
        "/docs/LICENSE",
        "/docs/..%2f..%2fmain.py",
        "/docs/%2e%2e/main.py",
        "/docs/start.js%00",
        "/docs/start.js/x",
        "/schema",
        "/schema/openapi.json",
        "/redoc",
    ],
)
async def test_nothing_else_is_served_under_the_page(client: Client, path: str) -> None:
    expect_problem(await client.get(path), 404, "not_found")
