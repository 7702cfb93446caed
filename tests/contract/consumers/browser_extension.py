"""The browser extension: it signs people in from a page of its own and keeps their tokens.

- It asks `/config` first: without `auth_mode: "local"` it turns to OAuth, which leads nowhere.
- Its pages are of `chrome-extension://…` or `moz-extension://…`: their browser asks by OPTIONS, and
  shows it answers only if they name its origin and allow credentials.
- It keeps the whole token answer, compares `expires_at` with `Date.now()` (so it is an integer of
  milliseconds), and refreshes five minutes before that.
- It calls string methods on `detail` of an error, and looks at `code`.
- When a logout answers with `all_sessions_ended` it tells its other tabs to forget everything: the
  field is there only when it is true.
- It sends fields that we do not know (`remember_me`), and waits as long as `Retry-After` says.
"""

from typing import Any

import httpx
from pact import Pact, match

from tests.contract.consumers.agreeing import (
    PROBLEM,
    TOKEN,
    Consumer,
    asking,
    bearer,
    given,
    text,
    word,
)
from tests.contract.consumers.token_answer import TOKENS_ARE_NOT_STORED, tokens

EXTENSION = Consumer("browser-extension")
AUTH = "/api/v1/auth"
CHROME = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"
FIREFOX = "moz-extension://0198f3a1-7c5e-7d10-9b1f-5a1f0c2d3e4f"
NAME = "jane.roe"


class SignedOut(Exception):
    """Show the form, and why."""


class Wait(Exception):
    """Ask again after so many seconds."""


class Extension:
    """What the extension does with us."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def signs_in_locally(self) -> bool:
        """Whether it shows its own form."""
        config = self._client.get(f"{AUTH}/config").json()
        return bool(config["auth_mode"] == "local" and not config["features"]["requires_redirect"])

    def sign_in(self, path: str, **fields: str) -> dict[str, Any]:
        """The tokens, as it keeps them. Raises SignedOut and Wait."""
        answer = self._client.post(f"{AUTH}/{path}", json={**fields, "remember_me": True})
        kept = self._understood(answer)
        assert kept["expires_at"] > 1_000_000_000_000
        return kept

    def refresh(self, token: str) -> dict[str, Any]:
        """The next tokens, as it keeps them. Raises SignedOut and Wait."""
        return self._understood(self._client.post(f"{AUTH}/refresh", json={"refresh_token": token}))

    def me(self) -> dict[str, Any]:
        """Who is signed in. Raises SignedOut and Wait."""
        return self._understood(self._client.get(f"{AUTH}/me"))

    def forgets_everything_after_logout(self) -> bool:
        """Log out; whether that was the last session of the person."""
        answer = self._understood(self._client.post(f"{AUTH}/logout"))
        assert answer["revoked"]
        return "all_sessions_ended" in answer

    def _understood(self, answer: httpx.Response) -> dict[str, Any]:
        if answer.status_code in {429, 503}:
            raise Wait(int(answer.headers["Retry-After"]))
        if answer.is_error:
            problem = answer.json()
            assert "session expired" not in problem["detail"].lower()
            raise SignedOut(problem["code"])
        return dict(answer.json())


def outcome_of(ask: Any, *arguments: Any, **fields: Any) -> str:
    """Why it shows the form, or for how long it waits."""
    try:
        ask(*arguments, **fields)
    except (SignedOut, Wait) as error:
        return str(error)
    raise AssertionError


@EXTENSION.relies_on
def people_sign_in_here(pact: Pact) -> None:
    (
        pact.upon_receiving("how to sign in")
        .with_request("GET", f"{AUTH}/config")
        .will_respond_with(200)
        .with_body(
            {
                "auth_mode": "local",
                "login_endpoint": text(f"{AUTH}/login"),
                "register_endpoint": text(f"{AUTH}/register"),
                "supports_registration": match.bool(True),
                "features": {"requires_redirect": False},
            }
        )
    )
    with asking(pact) as client:
        assert Extension(client).signs_in_locally()


def _preflight(pact: Pact, browser: str, origin: str) -> None:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    (
        pact.upon_receiving(f"whether a page in {browser} may ask")
        .with_request("OPTIONS", f"{AUTH}/logout")
        .with_headers(asked)
        .will_respond_with(204)
        .with_header("Access-Control-Allow-Origin", origin)
        .with_header("Access-Control-Allow-Credentials", "true")
        .with_header("Access-Control-Allow-Methods", word("POST", "[A-Z]+"))
        .with_header("Access-Control-Allow-Headers", word("authorization", "[A-Za-z*-]+"))
    )
    with asking(pact) as client:
        answer = client.options(f"{AUTH}/logout", headers=asked)
        # Pact's mock server adds a `*` of its own
        assert origin in answer.headers.get_list("Access-Control-Allow-Origin")


@EXTENSION.relies_on
def chrome_lets_it_ask(pact: Pact) -> None:
    _preflight(pact, "Chrome", CHROME)


@EXTENSION.relies_on
def firefox_lets_it_ask(pact: Pact) -> None:
    _preflight(pact, "Firefox", FIREFOX)


@EXTENSION.relies_on
def its_page_sees_the_answer(pact: Pact) -> None:
    (
        pact.upon_receiving("who is signed in, from a page")
        .given("a user")
        .with_request("GET", f"{AUTH}/me")
        .with_header("Authorization", bearer())
        .with_header("Origin", CHROME)
        .will_respond_with(200)
        .with_header("Access-Control-Allow-Origin", CHROME)
        .with_header("Access-Control-Allow-Credentials", "true")
        .with_body({"username": text(NAME), "display_name": text("Jane Roe")})
    )
    with asking(pact, Authorization=f"Bearer {TOKEN}", Origin=CHROME) as client:
        assert NAME == Extension(client).me()["username"]


@EXTENSION.relies_on
def a_refresh_gives_everything_anew(pact: Pact) -> None:
    (
        pact.upon_receiving("a refresh")
        .given("a user")
        .with_request("POST", f"{AUTH}/refresh")
        .with_body({"refresh_token": given("refresh_token", "refresh.token.example")})
        .will_respond_with(200)
        .with_header(*TOKENS_ARE_NOT_STORED)
        .with_body(tokens())
    )
    with asking(pact) as client:
        assert Extension(client).refresh("refresh.token.example")["user"]["user_id"]


def _refresh_refused(pact: Pact, state: str) -> None:
    (
        pact.upon_receiving(f"a refresh of {state}")
        .given(state)
        .with_request("POST", f"{AUTH}/refresh")
        .with_body({"refresh_token": given("refresh_token", "refresh.token.example")})
        .will_respond_with(401)
        .with_header("WWW-Authenticate", word("Bearer", "Bearer.*"))
        .with_body({"code": "invalid_refresh_token", "detail": text("Sign in again.")}, PROBLEM)
    )
    with asking(pact) as client:
        refused = outcome_of(Extension(client).refresh, "refresh.token.example")
        assert "invalid_refresh_token" == refused


@EXTENSION.relies_on
def after_a_logout_there_is_no_refresh(pact: Pact) -> None:
    _refresh_refused(pact, "a user who has logged out")


@EXTENSION.relies_on
def a_refresh_token_is_good_once(pact: Pact) -> None:
    _refresh_refused(pact, "a refresh token that was used before")


def _refused(pact: Pact, state: str, code: str) -> None:
    (
        pact.upon_receiving(f"who is signed in, of {state}")
        .given(state)
        .with_request("GET", f"{AUTH}/me")
        .with_header("Authorization", bearer())
        .will_respond_with(401)
        .with_header("WWW-Authenticate", word("Bearer", "Bearer.*"))
        .with_body({"code": code, "detail": text("Sign in again.")}, PROBLEM)
    )
    with asking(pact, Authorization=f"Bearer {TOKEN}") as client:
        assert code == outcome_of(Extension(client).me)


@EXTENSION.relies_on
def an_expired_token_is_told_as_such(pact: Pact) -> None:
    _refused(pact, "a user whose access token has expired", "token_expired")


@EXTENSION.relies_on
def after_a_logout_the_token_is_worth_nothing(pact: Pact) -> None:
    _refused(pact, "a user who has logged out", "invalid_token")


@EXTENSION.relies_on
def without_a_token_nobody_is_signed_in(pact: Pact) -> None:
    (
        pact.upon_receiving("who is signed in, without a token")
        .with_request("GET", f"{AUTH}/me")
        .will_respond_with(401)
        .with_header("WWW-Authenticate", word("Bearer", "Bearer.*"))
        .with_body({"code": "authentication_required", "detail": text("Sign in.")}, PROBLEM)
    )
    with asking(pact) as client:
        assert "authentication_required" == outcome_of(Extension(client).me)


@EXTENSION.relies_on
def the_last_logout_says_that_it_was_the_last(pact: Pact) -> None:
    (
        pact.upon_receiving("a logout")
        .given("a user")
        .with_request("POST", f"{AUTH}/logout")
        .with_header("Authorization", bearer())
        .will_respond_with(200)
        .with_body({"revoked": True, "all_sessions_ended": True})
    )
    with asking(pact, Authorization=f"Bearer {TOKEN}") as client:
        assert Extension(client).forgets_everything_after_logout()


def _one_of_two(pact: Pact, what: str, body: Any) -> None:
    (
        pact.upon_receiving(what)
        .given("a user who is signed in twice")
        .with_request("POST", f"{AUTH}/logout")
        .with_header("Authorization", bearer())
        .will_respond_with(200)
        .with_body(body)
    )
    with asking(pact, Authorization=f"Bearer {TOKEN}") as client:
        assert not Extension(client).forgets_everything_after_logout()


@EXTENSION.relies_on
def a_logout_of_one_of_two_ends_that_one(pact: Pact) -> None:
    _one_of_two(pact, "a logout of one of two sessions", {"revoked": True})


@EXTENSION.relies_on
def a_logout_of_one_of_two_does_not_speak_of_all(pact: Pact) -> None:
    # Pact has no field that must be absent: the name of each field begins otherwise
    others = match.regex("revoked", regex="^(?:[^a]|a[^l]).*$")
    body = match.each_key_matches({"revoked": True}, rules=others)
    _one_of_two(pact, "what a logout of one of two sessions speaks of", body)
