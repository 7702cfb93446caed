"""The API gateway: it verifies access tokens itself, passes everything else on, and watches us.

- It reads `keys[0]` of the JWKS and only that, takes RS256 only, and keeps it for 300 s. Without an
  answer it keeps the one that it has.
- Of a token it compares `iss` and `aud` to the letter, and needs `sub` and a list of `roles`.
- Five answers of 5xx open its breaker: what a client got wrong is a 4xx, always. A 503 says in
  `Retry-After` when to come again, and so does a 429.
- It gives every request an `X-Correlation-Id` and finds it in our answer.
- It merges the OpenAPI documents of several services: 3.1, tags that are objects with a name.

It breaks on compressed answers. A pact cannot say that a header is absent:
tests/api/test_headers.py says it of every kind of answer.
"""

import json
from typing import Any

import httpx
import pytest
from pact import Pact, match

from tests.contract.consumers.agreeing import (
    PROBLEM,
    Consumer,
    Digits,
    asking,
    bearer,
    exactly,
    seconds,
    text,
    uuid,
    word,
)

GATEWAY = Consumer("gateway")
CORRELATION = "0198f3a1-7c5e-7d10-9b1f-5a1f0c2d3e4f"
AUTH = "/api/v1/auth"
ISSUER, AUDIENCE = "https://auth.faultmaven.ai", "faultmaven-api"
KEYS_AT = "https://auth.example.com/.well-known/jwks.json"


class Unavailable(Exception):
    """Come again after so many seconds."""


class Gateway:
    """What the gateway does with us."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def active_key(self) -> dict[str, str]:
        """The key that verifies tokens. Raises Unavailable."""
        answer = self._client.get("/.well-known/jwks.json")
        if answer.status_code == 503:
            raise Unavailable(int(answer.headers["Retry-After"]))
        key = answer.raise_for_status().json()["keys"][0]
        assert ("RSA", "sig", "RS256") == (key["kty"], key["use"], key["alg"])
        return {name: key[name] for name in ("kid", "n", "e")}

    def issuer(self) -> tuple[str, str]:
        """Whom tokens must be of, to the letter, and where the keys are."""
        found = self._client.get("/.well-known/openid-configuration").json()
        return found["issuer"], found["jwks_uri"]

    def pages(self) -> tuple[str, str]:
        """Where our reference is, and what to ask whether we live."""
        found = self._client.get("/").json()
        return found["docs"], found["health"]

    @staticmethod
    def person(body: str | bytes | None, _: dict[str, object]) -> tuple[str, list[str]]:
        """Who bears the token that has this header and these claims, and their roles."""
        assert body is not None
        token = json.loads(body)
        header, claims = token["header"], token["claims"]
        assert "RS256" == header["alg"]
        assert header["kid"]
        assert (ISSUER, AUDIENCE) == (claims["iss"], claims["aud"])
        assert claims["exp"] > claims["iat"]
        return claims["sub"], [role.lower() for role in claims["roles"]]

    def is_alive(self) -> bool:
        """Whether the service is one to send requests to."""
        answer = self._client.get("/health")
        return answer.is_success and answer.json()["status"] == "healthy"

    def document(self) -> tuple[list[str], list[str]]:
        """Names of tags and of paths, to be merged with those of other services."""
        document = self._client.get("/openapi.json").json()
        assert document["openapi"].startswith("3.1.")
        return [tag["name"] for tag in document["tags"]], list(document["paths"])

    def pass_on(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The answer to a client's request."""
        answer = self._client.request(
            method, path, headers={"X-Correlation-Id": CORRELATION}, **request
        )
        assert CORRELATION == answer.headers["X-Correlation-Id"]
        return answer


@GATEWAY.relies_on
def the_first_key_is_the_active_one(pact: Pact) -> None:
    key = {
        "kid": text("y2b49YR7UNoIHPhCaKUq1OSaDzVfwlBxkxUuLuStL1s"),
        "kty": exactly("RSA"),
        "use": exactly("sig"),
        "alg": exactly("RS256"),
        "n": word("t4jW3vJ0mKc", "[A-Za-z0-9_-]+"),
        "e": word("AQAB", "[A-Za-z0-9_-]+"),
    }
    (
        pact.upon_receiving("the signing keys")
        .with_request("GET", "/.well-known/jwks.json")
        .will_respond_with(200)
        .with_header("Content-Type", word("application/json", "application/json.*"))
        .with_body({"keys": match.each_like(key, min=1)})
    )
    with asking(pact) as client:
        assert {"kid", "n", "e"} == Gateway(client).active_key().keys()


@GATEWAY.relies_on
def it_keeps_its_key_while_we_cannot_answer(pact: Pact) -> None:
    (
        pact.upon_receiving("the signing keys, which we cannot read now")
        .given("the database is away")
        .with_request("GET", "/.well-known/jwks.json")
        .will_respond_with(503)
        .with_header("Retry-After", seconds("1"))
    )
    with asking(pact) as client, pytest.raises(Unavailable, match="1"):
        Gateway(client).active_key()


@GATEWAY.relies_on
def the_issuer_is_told(pact: Pact) -> None:
    (
        pact.upon_receiving("who issues")
        .with_request("GET", "/.well-known/openid-configuration")
        .will_respond_with(200)
        .with_body({"issuer": ISSUER, "jwks_uri": word(KEYS_AT, r"https?://.+/jwks\.json")})
    )
    with asking(pact) as client:
        assert (ISSUER, KEYS_AT) == Gateway(client).issuer()


@GATEWAY.relies_on
def the_claims_are_those_that_it_checks(pact: Pact) -> None:
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": uuid(),
        "iat": Digits(1795560735, r"\d{10}"),
        "exp": Digits(1795561635, r"\d{10}"),
        "roles": match.each_like("user", min=1),
    }
    header = {"alg": "RS256", "kid": word("y2b49YR7", "[A-Za-z0-9_-]+")}
    described = pact.upon_receiving("the header and the claims of an access token", "Async")
    described.given("an access token")
    described.with_body({"header": header, "claims": claims}, "application/json")
    read = []
    pact.verify(lambda body, metadata: read.append(Gateway.person(body, metadata)), "Async")
    assert [("01a20a9c-27fe-73d1-8481-47f172a4ac7a", ["user"])] == read


@GATEWAY.relies_on
def our_first_page_says_where_things_are(pact: Pact) -> None:
    (
        pact.upon_receiving("what we are")
        .with_request("GET", "/")
        .will_respond_with(200)
        .with_body({"docs": "/docs", "health": "/health"})
    )
    with asking(pact) as client:
        assert ("/docs", "/health") == Gateway(client).pages()


@GATEWAY.relies_on
def liveness_says_healthy(pact: Pact) -> None:
    (
        pact.upon_receiving("whether we live")
        .with_request("GET", "/health")
        .will_respond_with(200)
        .with_body({"status": "healthy"})
    )
    with asking(pact) as client:
        assert Gateway(client).is_alive()


@GATEWAY.relies_on
def we_live_while_the_database_is_away(pact: Pact) -> None:
    (
        pact.upon_receiving("whether we live without a database")
        .given("the database is away")
        .with_request("GET", "/health")
        .will_respond_with(200)
        .with_body({"status": "healthy"})
    )
    with asking(pact) as client:
        assert Gateway(client).is_alive()


@GATEWAY.relies_on
def the_document_can_be_merged(pact: Pact) -> None:
    (
        pact.upon_receiving("the OpenAPI document")
        .with_request("GET", "/openapi.json")
        .will_respond_with(200)
        .with_body(
            {
                "openapi": word("3.1.0", r"3\.1\.\d+"),
                "tags": match.each_like({"name": text("Sessions")}, min=1),
                "paths": {f"{AUTH}/me": match.like({})},
            }
        )
    )
    with asking(pact) as client:
        assert (["Sessions"], [f"{AUTH}/me"]) == Gateway(client).document()


@GATEWAY.relies_on
def a_request_with_a_token_is_answered_under_its_number(pact: Pact) -> None:
    (
        pact.upon_receiving("a request of a person who is signed in")
        .given("a user")
        .with_request("GET", f"{AUTH}/me")
        .with_header("Authorization", bearer())
        .with_header("X-Correlation-Id", CORRELATION)
        .will_respond_with(200)
        .with_header("X-Correlation-Id", CORRELATION)
    )
    with asking(pact, Authorization="Bearer access.token.example") as client:
        assert 200 == Gateway(client).pass_on("GET", f"{AUTH}/me").status_code


@GATEWAY.relies_on
def a_request_without_a_token_is_a_401_with_a_challenge(pact: Pact) -> None:
    (
        pact.upon_receiving("a request of nobody")
        .with_request("GET", f"{AUTH}/me")
        .with_header("X-Correlation-Id", CORRELATION)
        .will_respond_with(401)
        .with_header("X-Correlation-Id", CORRELATION)
        .with_header("WWW-Authenticate", word("Bearer", "Bearer.*"))
        .with_header("Content-Type", PROBLEM)
    )
    with asking(pact) as client:
        assert 401 == Gateway(client).pass_on("GET", f"{AUTH}/me").status_code


@GATEWAY.relies_on
def what_a_client_got_wrong_is_no_5xx(pact: Pact) -> None:
    (
        pact.upon_receiving("a body that makes no sense")
        .with_request("POST", f"{AUTH}/refresh")
        .with_header("X-Correlation-Id", CORRELATION)
        .with_body({"refresh_token": [1]})
        .will_respond_with(422)
        .with_header("X-Correlation-Id", CORRELATION)
        .with_header("Content-Type", PROBLEM)
    )
    with asking(pact) as client:
        answer = Gateway(client).pass_on("POST", f"{AUTH}/refresh", json={"refresh_token": [1]})
        assert 422 == answer.status_code


@GATEWAY.relies_on
def a_method_that_there_is_not_is_a_405_that_says_which_there_are(pact: Pact) -> None:
    (
        pact.upon_receiving("a method that there is not")
        .with_request("PUT", f"{AUTH}/me")
        .with_header("X-Correlation-Id", CORRELATION)
        .will_respond_with(405)
        .with_header("X-Correlation-Id", CORRELATION)
        .with_header("Allow", word("GET", "[A-Z]+"))
    )
    with asking(pact) as client:
        assert 405 == Gateway(client).pass_on("PUT", f"{AUTH}/me").status_code


@GATEWAY.relies_on
def a_path_that_there_is_not_is_a_404(pact: Pact) -> None:
    (
        pact.upon_receiving("a path that there is not")
        .with_request("GET", "/nothing/here")
        .with_header("X-Correlation-Id", CORRELATION)
        .will_respond_with(404)
        .with_header("X-Correlation-Id", CORRELATION)
        .with_header("Content-Type", PROBLEM)
    )
    with asking(pact) as client:
        assert 404 == Gateway(client).pass_on("GET", "/nothing/here").status_code
