"""The dashboard: administrators sign in there, and look after users.

- It shows errors by their `detail`, and those of a form by `errors[].loc` and `msg`.
- It shows who somebody is by `user.roles` and `is_admin`, and hides the administration from others.
- It lists users from `users`, `total` and `truncated`, removes one by name, and signs one out.
- Its status page draws the four `services` of `/api/v1/auth/health`, also while something is away.
- Deployments of years ago log out at `/v1/auth/logout`, and write `bearer` in lower case.
"""

from typing import Any

import httpx
import pytest
from pact import Pact, match

from tests.contract.consumers.agreeing import (
    PROBLEM,
    TOKEN,
    Consumer,
    asking,
    bearer,
    given,
    moment,
    text,
    uuid,
    word,
)
from tests.contract.consumers.token_answer import user

DASHBOARD = Consumer("dashboard")
AUTH = "/api/v1/auth"
NAME = "jane.roe"
USER_ID = "01a20a9c-27fe-73d1-8481-47f172a4ac7a"
PASSWORD = "an example: states say the real one"
SIGNED_IN = {"Authorization": f"Bearer {TOKEN}"}


class Shown(Exception):
    """What it shows instead."""


class Dashboard:
    """What the dashboard does with us."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def sign_in(self, username: str, password: str) -> list[str]:
        """The roles of who signs in. Raises Shown."""
        body = {"username": username, "password": password}
        return list(self._ask("POST", "/login", json=body)["user"]["roles"])

    def profile(self) -> tuple[str, str | None]:
        """The name to be shown, and the organization's."""
        me = self._ask("GET", "/me")
        organization = me["organization"]
        return me["display_name"], organization and organization["name"]

    def rename(self, name: str) -> str:
        """The new name to be shown."""
        return str(self._ask("PATCH", "/me", json={"display_name": name})["display_name"])

    def users(self) -> tuple[list[str], int, bool]:
        """The names of users, how many there are, and whether some are not listed. Raises Shown."""
        listed = self._ask("GET", "/users")
        return [user["username"] for user in listed["users"]], listed["total"], listed["truncated"]

    def remove(self, username: str) -> str:
        """Close an account; what is shown then."""
        return str(self._ask("DELETE", f"/users/{username}")["message"])

    def sign_out(self, user_id: str) -> str:
        """End the sessions of a user; when that was."""
        return str(self._ask("POST", f"/users/{user_id}/revoke-tokens")["revoked_before"])

    def sign_out_everywhere(self) -> int:
        """End all sessions of one's own; how many there were."""
        return int(self._ask("POST", "/dev/revoke-all-tokens")["revoked_tokens"])

    def lights(self) -> dict[str, bool]:
        """The status page."""
        services = self._ask("GET", "/health")["services"]
        return {name: services[name] == "healthy" for name in sorted(services)}

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        answer = self._client.request(method, f"{AUTH}{path}", **request)
        if answer.is_error:
            body = answer.json()
            fields = [f"{'.'.join(e['loc'])}: {e['msg']}" for e in body.get("errors", ())]
            raise Shown("; ".join(fields) or body["detail"].strip())
        return dict(answer.json())


@DASHBOARD.relies_on
def an_administrator_signs_in(pact: Pact) -> None:
    body = {"username": given("username", NAME), "password": given("password", PASSWORD)}
    (
        pact.upon_receiving("a sign-in")
        .given("outside development")
        .given("a user with a password")
        .with_request("POST", f"{AUTH}/login")
        .with_body(body)
        .will_respond_with(200)
        .with_body({"access_token": text(TOKEN), "expires_in": match.int(900), "user": user()})
    )
    with asking(pact) as client:
        assert ["user"] == Dashboard(client).sign_in(NAME, PASSWORD)


@DASHBOARD.relies_on
def a_form_that_is_not_filled_in_says_where(pact: Pact) -> None:
    error = {"loc": match.each_like("body", min=1), "msg": text("is missing"), "type": text("x")}
    (
        pact.upon_receiving("a sign-in without anything")
        .with_request("POST", f"{AUTH}/login")
        .with_body({"username": "", "password": ""})
        .will_respond_with(422)
        .with_body(
            {"detail": text("Correct it."), "errors": match.each_like(error, min=1)}, PROBLEM
        )
    )
    with asking(pact) as client, pytest.raises(Shown, match="body: is missing"):
        Dashboard(client).sign_in("", "")


def _profile(pact: Pact, state: str, organization: Any, shown: str | None) -> None:
    (
        pact.upon_receiving(f"the profile of {state}")
        .given(state)
        .with_request("GET", f"{AUTH}/me")
        .with_header("Authorization", bearer())
        .will_respond_with(200)
        .with_body(
            {
                **user(),
                "email_verified": match.bool(False),
                "last_login": moment(),
                "token_count": match.int(1),
                "provider": "local",
                "organization": organization,
            }
        )
    )
    with asking(pact, **SIGNED_IN) as client:
        assert ("Jane Roe", shown) == Dashboard(client).profile()


@DASHBOARD.relies_on
def a_profile_without_an_organization_says_null(pact: Pact) -> None:
    _profile(pact, "a user", None, None)


@DASHBOARD.relies_on
def a_profile_names_the_organization(pact: Pact) -> None:
    organization = {"organization_id": uuid(), "name": text("Acme")}
    _profile(pact, "a user in an organization", organization, "Acme")


@DASHBOARD.relies_on
def people_change_their_name(pact: Pact) -> None:
    (
        pact.upon_receiving("another name")
        .given("a user")
        .with_request("PATCH", f"{AUTH}/me")
        .with_header("Authorization", bearer())
        .with_body({"display_name": "Jane Q. Roe"})
        .will_respond_with(200)
        .with_body({"display_name": "Jane Q. Roe"})
    )
    with asking(pact, **SIGNED_IN) as client:
        assert "Jane Q. Roe" == Dashboard(client).rename("Jane Q. Roe")


@DASHBOARD.relies_on
def an_administrator_sees_the_users(pact: Pact) -> None:
    listed = {
        "users": match.each_like({**user(), "created_at": moment()}, min=1),
        "total": match.int(1),
        "truncated": match.bool(False),
    }
    (
        pact.upon_receiving("the users")
        .given("an administrator and a user")
        .with_request("GET", f"{AUTH}/users")
        .with_header("Authorization", bearer())
        .will_respond_with(200)
        .with_body(listed)
    )
    with asking(pact, **SIGNED_IN) as client:
        assert ([NAME], 1, False) == Dashboard(client).users()


@DASHBOARD.relies_on
def others_do_not(pact: Pact) -> None:
    (
        pact.upon_receiving("the users, for one of them")
        .given("a user who is no administrator")
        .with_request("GET", f"{AUTH}/users")
        .with_header("Authorization", bearer())
        .will_respond_with(403)
        .with_body({"detail": text("Only administrators may.")}, PROBLEM)
    )
    with asking(pact, **SIGNED_IN) as client, pytest.raises(Shown, match="Only administrators"):
        Dashboard(client).users()


@DASHBOARD.relies_on
def an_administrator_removes_a_user_by_name(pact: Pact) -> None:
    (
        pact.upon_receiving("a removal")
        .given("an administrator and a user")
        .with_request("DELETE", given("username", f"{AUTH}/users/{NAME}", _AT_NAME))
        .with_header("Authorization", bearer())
        .will_respond_with(200)
        .with_body({"message": text("Deleted."), "user_id": uuid()})
    )
    with asking(pact, **SIGNED_IN) as client:
        assert "Deleted." == Dashboard(client).remove(NAME)


_AT_NAME = f"{AUTH}/users/${{username}}"


@DASHBOARD.relies_on
def an_administrator_signs_a_user_out(pact: Pact) -> None:
    path = f"{AUTH}/users/{USER_ID}/revoke-tokens"
    (
        pact.upon_receiving("a user's sign-out")
        .given("an administrator and a user")
        .with_request("POST", given("user_id", path, f"{AUTH}/users/${{user_id}}/revoke-tokens"))
        .with_header("Authorization", bearer())
        .will_respond_with(200)
        .with_body({"message": text("Signed out."), "revoked_before": moment()})
    )
    with asking(pact, **SIGNED_IN) as client:
        assert Dashboard(client).sign_out(USER_ID).endswith("+00:00")


@DASHBOARD.relies_on
def people_end_all_their_sessions(pact: Pact) -> None:
    (
        pact.upon_receiving("the end of all sessions")
        .given("a user")
        .with_request("POST", f"{AUTH}/dev/revoke-all-tokens")
        .with_header("Authorization", bearer())
        .will_respond_with(200)
        .with_body({"message": text("Revoked."), "revoked_tokens": match.int(1)})
    )
    with asking(pact, **SIGNED_IN) as client:
        assert 1 == Dashboard(client).sign_out_everywhere()


@DASHBOARD.relies_on
def an_old_one_logs_out_elsewhere(pact: Pact) -> None:
    (
        pact.upon_receiving("a logout of an old dashboard")
        .given("a user")
        .with_request("POST", "/v1/auth/logout")
        .with_header("Authorization", bearer("bearer"))
        .will_respond_with(200)
        .with_body({"message": "Logged out successfully"})
    )
    with asking(pact, Authorization=f"bearer {TOKEN}") as client:
        answer = client.post("/v1/auth/logout")
        assert "Logged out successfully" == answer.json()["message"]


def _lights(pact: Pact, what: str, state: str | None, database: str) -> None:
    described = pact.upon_receiving(what)
    if state:
        described.given(state)
    others = {
        name: word("healthy", "healthy|unhealthy")
        for name in ("redis", "token_manager", "user_store")
    }
    (
        described.with_request("GET", f"{AUTH}/health")
        .will_respond_with(200)
        .with_body(
            {
                "status": "degraded" if state else "healthy",
                "timestamp": moment(),
                "services": {**others, "database": database},
            }
        )
    )
    with asking(pact) as client:
        lights = Dashboard(client).lights()
        assert {*others, "database"} == lights.keys()
        assert (database == "healthy") == lights["database"]


@DASHBOARD.relies_on
def the_status_page_shows_what_is_well(pact: Pact) -> None:
    _lights(pact, "how each part is", None, "healthy")


@DASHBOARD.relies_on
def the_status_page_shows_what_is_away(pact: Pact) -> None:
    _lights(pact, "how each part is without a database", "the database is away", "unhealthy")
