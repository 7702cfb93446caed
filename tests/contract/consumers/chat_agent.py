"""The chat agent: it works for a person for hours, unattended.

- It reads `exp` of both tokens, which are JWTs, and renews the pair before; what it cannot read it
  throws away.
- `token_expired` means: refresh. Every other 401 means: it has to be given a token again. It looks
  for `code`, and into `detail` as a text.
- It asks which knowledge it may search: `scopes`, a list in which `personal` always is.
- It comes again after `Retry-After`, whether we are busy (429) or away (503).
- It writes `BEARER` in capitals.
"""

import json
from typing import Any

import httpx
import pytest
from pact import Pact, match

from tests.contract.consumers.agreeing import (
    PROBLEM,
    TOKEN,
    Consumer,
    Digits,
    asking,
    bearer,
    given,
    milliseconds,
    seconds,
    text,
    word,
)
from tests.contract.consumers.token_answer import COMPACT_JWS, MORE_THAN_300, TOKENS_ARE_NOT_STORED

AGENT = Consumer("chat-agent")
AUTH = "/api/v1/auth"
SHOUTED = {"Authorization": f"BEARER {TOKEN}"}
JWT = rf"eyJ{COMPACT_JWS}"
"""Three parts, of which the first is the Base64 of something in braces."""
ACCESS, REFRESH = "eyJhY2Nlc3M.example.token", "eyJyZWZyZXNo.example.token"


class Refresh(Exception):
    """The access token is over, the session is not."""


class GivenUp(Exception):
    """Somebody has to sign in."""


class Later(Exception):
    """In so many seconds."""


class Agent:
    """What the agent does with us."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def renew(self, token: str) -> tuple[str, str]:
        """The next access and refresh token. Raises GivenUp and Later."""
        kept = self._ask("POST", "refresh", json={"refresh_token": token})
        assert all(kept[name].startswith("eyJ") for name in ("access_token", "refresh_token"))
        return kept["access_token"], kept["refresh_token"]

    @staticmethod
    def lasts_until(body: str | bytes | None, _: dict[str, object]) -> int:
        """When the refresh token whose claims these are is over, in seconds since 1970."""
        assert body is not None
        return int(json.loads(body)["claims"]["exp"])

    def name(self) -> str:
        """Whom it works for. Raises Refresh, GivenUp and Later."""
        return str(self._ask("GET", "me")["username"])

    def searches(self) -> set[str]:
        """What it may search."""
        return set(self._ask("GET", "me/available-scopes")["scopes"])

    def stop(self) -> None:
        """End its session."""
        assert self._ask("POST", "logout")["revoked"]

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        answer = self._client.request(method, f"{AUTH}/{path}", **request)
        if answer.status_code in {429, 503}:
            raise Later(int(answer.headers["Retry-After"]))
        if answer.status_code == 401:
            problem = answer.json()
            assert "session" not in problem["detail"].lower()
            raise Refresh if problem["code"] == "token_expired" else GivenUp
        return dict(answer.raise_for_status().json())


@AGENT.relies_on
def it_renews_its_tokens(pact: Pact) -> None:
    (
        pact.upon_receiving("a refresh")
        .given("a user")
        .with_request("POST", f"{AUTH}/refresh")
        .with_body({"refresh_token": given("refresh_token", REFRESH)})
        .will_respond_with(200)
        .with_header(*TOKENS_ARE_NOT_STORED)
        .with_body(
            {
                "access_token": word(ACCESS, JWT),
                "refresh_token": word(REFRESH, JWT),
                "expires_in": Digits(900, MORE_THAN_300),
                "expires_at": milliseconds(),
            }
        )
    )
    with asking(pact) as client:
        assert (ACCESS, REFRESH) == Agent(client).renew(REFRESH)


@AGENT.relies_on
def it_reads_when_its_session_is_over(pact: Pact) -> None:
    described = pact.upon_receiving("the claims of a refresh token", "Async")
    described.given("a refresh token")
    described.with_body({"claims": {"exp": Digits(1796165535, r"\d{10}")}}, "application/json")
    read = []
    pact.verify(lambda body, metadata: read.append(Agent.lasts_until(body, metadata)), "Async")
    assert [1796165535] == read


@AGENT.relies_on
def it_gives_up_when_its_session_is_over(pact: Pact) -> None:
    (
        pact.upon_receiving("a refresh after the logout")
        .given("a user who has logged out")
        .with_request("POST", f"{AUTH}/refresh")
        .with_body({"refresh_token": given("refresh_token", REFRESH)})
        .will_respond_with(401)
        .with_header("WWW-Authenticate", word("Bearer", "Bearer.*"))
        .with_body({"code": "invalid_refresh_token", "detail": text("Sign in again.")}, PROBLEM)
    )
    with asking(pact) as client, pytest.raises(GivenUp):
        Agent(client).renew(REFRESH)


def _me(pact: Pact, state: str) -> Any:
    return (
        pact.upon_receiving(f"whom it works for, of {state}")
        .given(state)
        .with_request("GET", f"{AUTH}/me")
        .with_header("Authorization", bearer("BEARER"))
    )


@AGENT.relies_on
def it_knows_whom_it_works_for(pact: Pact) -> None:
    _me(pact, "a user").will_respond_with(200).with_body({"username": text("jane.roe")})
    with asking(pact, **SHOUTED) as client:
        assert "jane.roe" == Agent(client).name()


@AGENT.relies_on
def it_refreshes_when_the_token_has_expired(pact: Pact) -> None:
    (
        _me(pact, "a user whose access token has expired")
        .will_respond_with(401)
        .with_body({"code": "token_expired", "detail": text("It has expired.")}, PROBLEM)
    )
    with asking(pact, **SHOUTED) as client, pytest.raises(Refresh):
        Agent(client).name()


@AGENT.relies_on
def it_does_not_refresh_what_was_logged_out(pact: Pact) -> None:
    (
        _me(pact, "a user who has logged out")
        .will_respond_with(401)
        .with_body({"code": "invalid_token", "detail": text("It is not valid.")}, PROBLEM)
    )
    with asking(pact, **SHOUTED) as client, pytest.raises(GivenUp):
        Agent(client).name()


def _searches(pact: Pact, state: str, scopes: list[str]) -> None:
    (
        pact.upon_receiving(f"what it may search, of {state}")
        .given(state)
        .with_request("GET", f"{AUTH}/me/available-scopes")
        .with_header("Authorization", bearer("BEARER"))
        .will_respond_with(200)
        .with_body({"scopes": match.array_containing(scopes)})
    )
    with asking(pact, **SHOUTED) as client:
        assert set(scopes) == Agent(client).searches()


@AGENT.relies_on
def it_searches_what_is_personal(pact: Pact) -> None:
    _searches(pact, "a user", ["personal"])


@AGENT.relies_on
def in_an_organization_it_searches_what_is_the_teams(pact: Pact) -> None:
    _searches(pact, "a user in an organization", ["personal", "team"])


@AGENT.relies_on
def for_an_administrator_it_searches_everything(pact: Pact) -> None:
    _searches(pact, "an administrator and a user", ["personal", "global"])


@AGENT.relies_on
def it_comes_again_when_we_are_back(pact: Pact) -> None:
    (
        pact.upon_receiving("a refresh without a database")
        .given("the database is away")
        .with_request("POST", f"{AUTH}/refresh")
        .with_body({"refresh_token": REFRESH})
        .will_respond_with(503)
        .with_header("Retry-After", seconds("1"))
    )
    with asking(pact) as client, pytest.raises(Later, match="1"):
        Agent(client).renew(REFRESH)


@AGENT.relies_on
def it_ends_its_session(pact: Pact) -> None:
    (
        pact.upon_receiving("a logout")
        .given("a user")
        .with_request("POST", f"{AUTH}/logout")
        .with_header("Authorization", bearer("BEARER"))
        .will_respond_with(200)
        .with_body({"revoked": True})
    )
    with asking(pact, **SHOUTED) as client:
        Agent(client).stop()
