"""The public keys and the discovery document."""

from collections.abc import Callable

import asyncpg
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from tests.api.asking import AUTH, claims_of, header_of, sign_up, unbase64
from tests.serving import Client, serving

JWKS = "/.well-known/jwks.json"
DISCOVERY = "/.well-known/openid-configuration"


async def test_each_key_is_a_public_rsa_key_with_its_labels_and_nothing_else(
    client: Client,
) -> None:
    answer = await client.get(JWKS)

    assert 200 == answer.status_code
    assert {"keys"} == answer.json().keys()
    for key in answer.json()["keys"]:
        assert {"kty", "n", "e", "kid", "use", "alg"} == key.keys()
        assert ("RSA", "sig", "RS256") == (key["kty"], key["use"], key["alg"])
        assert 2048 <= int.from_bytes(unbase64(key["n"])).bit_length()
        assert 65537 == int.from_bytes(unbase64(key["e"]))


async def test_the_first_key_is_the_one_that_signs_and_every_worker_has_it(
    client: Client,
    second_worker: Client,
    production: Client,
    database: asyncpg.Connection,
    new_name: Callable[[], str],
) -> None:
    token = (await sign_up(client, new_name()))["access_token"]
    active = await database.fetchval(
        "SELECT kid FROM signing_keys WHERE use = 'access' AND status = 'active'"
    )

    for worker in (client, second_worker, production):
        keys = (await worker.get(JWKS)).json()["keys"]
        assert active == keys[0]["kid"] == header_of(token)["kid"]


async def test_a_stranger_verifies_a_token_with_nothing_but_the_first_key(
    client: Client, new_name: Callable[[], str]
) -> None:
    key = (await client.get(JWKS)).json()["keys"][0]
    n, e = (int.from_bytes(unbase64(key[name])) for name in ("n", "e"))
    public = RSAPublicNumbers(e, n).public_key()
    tokens = await sign_up(client, new_name())

    signed, _, signature = tokens["access_token"].rpartition(".")
    public.verify(unbase64(signature), signed.encode(), PKCS1v15(), SHA256())

    signed, _, signature = tokens["refresh_token"].rpartition(".")
    with pytest.raises(InvalidSignature):  # no relying service can take one for an access token
        public.verify(unbase64(signature), signed.encode(), PKCS1v15(), SHA256())


async def test_the_keys_may_be_cached_as_long_as_the_gateway_does(client: Client) -> None:
    assert "public, max-age=300" == (await client.get(JWKS)).headers["cache-control"]


async def test_whoever_has_the_keys_already_is_told_so(
    client: Client, second_worker: Client
) -> None:
    first = await client.get(JWKS)
    tag = first.headers["etag"]
    assert tag == (await second_worker.get(JWKS)).headers["etag"]
    assert not tag.startswith("W/")

    for condition in (tag, f"W/{tag}", f'"other", {tag}', f'"a,b",W/{tag} , "c"', "*", " * "):
        answer = await client.get(JWKS, headers={"If-None-Match": condition})
        assert (304, b"") == (answer.status_code, answer.content), condition
        assert (tag, "public, max-age=300") == (
            answer.headers["etag"],
            answer.headers["cache-control"],
        )
    for condition in ('"other"', tag[1:-1], tag.upper() + "x", '""', ""):
        answer = await client.get(JWKS, headers={"If-None-Match": condition})
        assert (200, first.content) == (answer.status_code, answer.content), condition


async def test_the_discovery_document_names_the_issuer_of_the_tokens(client: Client) -> None:
    answer = await client.get(DISCOVERY)

    assert 200 == answer.status_code
    assert "https://auth.faultmaven.ai" == answer.json()["issuer"]
    assert "https://auth.faultmaven.ai/.well-known/jwks.json" == answer.json()["jwks_uri"]
    assert ["RS256"] == answer.json()["id_token_signing_alg_values_supported"]


async def test_issuer_and_audience_follow_the_settings(
    environ: dict[str, str], new_name: Callable[[], str]
) -> None:
    own = {"JWT_ISSUER": "https://sso.example.com/", "JWT_AUDIENCE": "other-api"}
    async with serving(environ | own) as client:
        discovery = (await client.get(DISCOVERY)).json()
        token = (await sign_up(client, new_name()))["access_token"]
        me = await client.get(f"{AUTH}/me", headers={"Authorization": f"Bearer {token}"})

    assert "https://sso.example.com/" == discovery["issuer"]
    assert "https://sso.example.com/.well-known/jwks.json" == discovery["jwks_uri"]
    assert 200 == me.status_code


@pytest.mark.sec("SEC-15")
async def test_where_decisions_are_made_follows_the_settings_and_is_answered_there(
    client: Client, environ: dict[str, str], new_name: Callable[[], str]
) -> None:
    path = "/.well-known/authzen-configuration"
    own = {"AUTH_PUBLIC_URL": "https://sso.example.com/auth/"}
    async with serving(environ | own) as other:
        told = (await other.get(path, headers={"Host": "evil.example"})).json()
    answer = await client.get(path)

    assert {
        "policy_decision_point": "https://sso.example.com/auth",
        "access_evaluation_endpoint": "https://sso.example.com/auth/access/v1/evaluation",
        "access_evaluations_endpoint": "https://sso.example.com/auth/access/v1/evaluations",
    } == told
    token = (await sign_up(client, new_name()))["access_token"]
    question = {
        "subject": {"type": "user", "id": claims_of(token)["sub"]},
        "action": {"name": "read"},
        "resource": {"type": "cases"},
    }
    assert "application/json" == answer.headers["content-type"]
    for endpoint in ("access_evaluation_endpoint", "access_evaluations_endpoint"):
        asked = answer.json()[endpoint].removeprefix(answer.json()["policy_decision_point"])
        said = await client.post(asked, json=question, headers={"Authorization": f"Bearer {token}"})
        assert (200, False) == (said.status_code, said.json()["decision"])
