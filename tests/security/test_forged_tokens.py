"""Access tokens that somebody made or bent, over HTTP."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auth_core.keys import KeyUse, SigningKey
from tests.api.asking import AUTH, ask_raw, expect_problem, sign_up, unbase64
from tests.security.forging import Forge, encode, stolen_key
from tests.serving import Client, bearer

NewName = Callable[[], str]
Bend = Callable[[Forge], str]


@pytest.fixture(scope="session")
async def access_key(environ: dict[str, str], client: Client) -> SigningKey:
    """The private key of the access tokens."""
    return await stolen_key(environ, KeyUse.ACCESS)


@pytest.fixture
async def forge(client: Client, access_key: SigningKey, new_name: NewName) -> Forge:
    """A forge around the good token of a new account."""
    return Forge.of((await sign_up(client, new_name()))["access_token"], access_key)


async def _me(client: Client, token: str) -> Any:
    value = b"Bearer " + token.encode("utf-8", "surrogatepass")
    return await ask_raw(client, "GET", f"{AUTH}/me", headers=[(b"authorization", value)])


async def test_a_token_that_the_forge_only_signs_again_passes(client: Client, forge: Forge) -> None:
    for token in (forge.token, forge.with_claims(), forge.with_claims(extra="is fine")):
        assert 200 == (await _me(client, token)).status_code


@pytest.mark.parametrize(("claim", "ahead"), [("iat", 8), ("nbf", 8), ("nbf", -3600)])
async def test_clocks_may_differ_by_some_seconds(
    client: Client, forge: Forge, claim: str, ahead: int
) -> None:
    token = forge.with_claims(**{claim: forge.claims["iat"] + ahead})

    assert 200 == (await _me(client, token)).status_code


def _hmac(key: Callable[[Forge], bytes]) -> Bend:
    """HS256 under something that everybody knows (RFC 8725 §2.1)."""

    def bend(forge: Forge) -> str:
        signed = forge.with_header(alg="HS256").rpartition(".")[0]
        return f"{signed}.{encode(hmac.digest(key(forge), signed.encode(), hashlib.sha256))}"

    return bend


def _public(encoding: Encoding, form: PublicFormat) -> Callable[[Forge], bytes]:
    return lambda forge: forge.key.public_key().public_bytes(encoding, form)


def _unsigned(alg: str) -> Bend:
    return lambda forge: forge.with_header(alg=alg).rpartition(".")[0] + "."


def _other_algorithm(alg: str, scheme: Any, digest: Any) -> Bend:
    def bend(forge: Forge) -> str:
        signed = forge.with_header(alg=alg).rpartition(".")[0]
        return f"{signed}.{encode(forge.key.sign(signed.encode(), scheme, digest))}"

    return bend


def _other_key(forge: Forge) -> str:
    own = rsa.generate_private_key(65537, 2048)
    return Forge(forge.token, own).with_header()


def _segments(change: Callable[[str, str, str], str]) -> Bend:
    return lambda forge: change(*forge.token.split("."))


def _flip(text: str, at: int) -> str:
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def _raw_header(make: Callable[[dict[str, Any]], str]) -> Bend:
    return lambda forge: forge.sign(make(forge.header).encode(), forge.claims)


def _raw_claims(make: Callable[[dict[str, Any]], str]) -> Bend:
    return lambda forge: forge.sign(forge.header, make(forge.claims).encode())


SIGNATURES: dict[str, Bend] = {
    "alg none without a signature": _unsigned("none"),
    "alg None without a signature": _unsigned("None"),
    "alg nOnE without a signature": _unsigned("nOnE"),
    "alg empty without a signature": _unsigned(""),
    "alg none with a signature": lambda f: f.with_header(alg="none"),
    "alg missing": lambda f: f.with_header(alg=...),
    "alg in lower case": lambda f: f.with_header(alg="rs256"),
    "alg a list": lambda f: f.with_header(alg=["RS256"]),
    "HS256 under the PEM": _hmac(_public(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
    "HS256 under the PEM of PKCS 1": _hmac(_public(Encoding.PEM, PublicFormat.PKCS1)),
    "HS256 under the DER": _hmac(_public(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
    "HS256 under the kid": _hmac(lambda f: f.header["kid"].encode()),
    "HS256 under nothing": _hmac(lambda _: b""),
    "RS512": _other_algorithm("RS512", PKCS1v15(), SHA512()),
    "PS256": _other_algorithm("PS256", PSS(MGF1(SHA256()), 32), SHA256()),
    "another key": _other_key,
    "ES256": lambda f: f.with_header(alg="ES256"),
    "no signature": _segments(lambda h, c, _: f"{h}.{c}."),
    "half a signature": _segments(lambda h, c, s: f"{h}.{c}.{s[:170]}"),
    "all but a byte of the signature": _segments(lambda h, c, s: f"{h}.{c}.{s[:-2]}"),
    "a signature and more": _segments(lambda h, c, s: f"{h}.{c}.{s}AAAA"),
    "a signature twice": _segments(lambda h, c, s: f"{h}.{c}.{s}{s}"),
    "a bent signature": _segments(lambda h, c, s: f"{h}.{c}.{_flip(s, 0)}"),
    "a signature in another spelling": _segments(
        lambda h, c, s: f"{h}.{c}.{s[:-1]}{chr(ord(s[-1]) + 1)}"
    ),
    "zeros as a signature": _segments(lambda h, c, _: f"{h}.{c}.{encode(bytes(256))}"),
    "other claims under the signature": _segments(lambda h, c, s: f"{h}.{_flip(c, 20)}.{s}"),
    "another header under the signature": _segments(lambda h, c, s: f"{_flip(h, 9)}.{c}.{s}"),
    "padding": _segments(lambda h, c, s: f"{h}==.{c}.{s}=="),
    "a dot more": lambda f: f.token + ".",
    "a dot before": lambda f: "." + f.token,
    "four segments": lambda f: f.token + ".AAAA",
    "five segments": lambda f: f"{f.token}.AAAA.AAAA",
    "two segments": lambda f: f.token.rpartition(".")[0],
    "a space inside": _segments(lambda h, c, s: f"{h}. {c}.{s}"),
    "a line break inside": _segments(lambda h, c, s: f"{h}.\n{c}.{s}"),
    "quotes": lambda f: f'"{f.token}"',
    "letters beyond ASCII": _segments(lambda h, c, s: f"{h}\u00e9.{c}.{s}"),
    "full-width letters": _segments(lambda h, c, s: f"{h}.{c}.{s[:-1]}\uff21"),
    "a null byte": lambda f: f.token + "\0",
    "10 kB of header": lambda f: "A" * 10_000 + f.token,
    "10 kB of claims": lambda f: f.with_claims(padding="x" * 10_000),
    "empty": lambda _: "..",
}


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize("bend", SIGNATURES.values(), ids=SIGNATURES)
async def test_a_token_without_the_one_right_signature_is_refused(
    client: Client, forge: Forge, bend: Bend
) -> None:
    expect_problem(await _me(client, bend(forge)), 401, "invalid_token")


DUPLICATES: dict[str, Bend] = {
    "alg twice": _raw_header(lambda h: '{"alg": "none", ' + json.dumps(h)[1:]),
    "typ twice": _raw_header(lambda h: '{"typ": "rt+jwt", ' + json.dumps(h)[1:]),
    "kid twice": _raw_header(lambda h: json.dumps(h)[:-1] + f', "kid": "{h["kid"]}"' + "}"),
    "sub twice": _raw_claims(lambda c: f'{{"sub": "{uuid4()}", ' + json.dumps(c)[1:]),
    "exp twice": _raw_claims(lambda c: json.dumps(c)[:-1] + ', "exp": 1}'),
    "a twin in escapes": _raw_claims(lambda c: '{"s\\u0075b": "x", ' + json.dumps(c)[1:]),
    "twins further down": _raw_claims(lambda c: '{"x": {"a": 1, "a": 2}, ' + json.dumps(c)[1:]),
    "a byte order mark": _raw_claims(lambda c: "\ufeff" + json.dumps(c)),
    "text behind the claims": _raw_claims(lambda c: json.dumps(c) + "{}"),
    "NaN": _raw_claims(lambda c: json.dumps(c | {"x": float("nan")})),
    "claims as a list": lambda f: f.sign(f.header, b"[]"),
    "claims as a text": lambda f: f.sign(f.header, b'"x"'),
    "no claims": lambda f: f.sign(f.header, b"{}"),
    "empty claims": lambda f: f.sign(f.header, b""),
    "claims that are not UTF-8": lambda f: f.sign(f.header, b'{"sub": "\xff"}'),
    "deep claims": lambda f: f.sign(f.header, b'{"x":' + b"[" * 4000),
    "a header as a list": lambda f: f.sign(b"[]", f.claims),
    "a deep header": lambda f: f.sign(b"[" * 4000, f.claims),
    "a token in a token": lambda f: f.sign(f.header, f.token.encode()),
}


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize("bend", DUPLICATES.values(), ids=DUPLICATES)
async def test_a_genuine_signature_over_odd_json_is_refused(
    client: Client, forge: Forge, bend: Bend
) -> None:
    expect_problem(await _me(client, bend(forge)), 401, "invalid_token")


KEY_IDS: dict[str, object] = {
    "missing": ...,
    "null": None,
    "a number": 1,
    "a list": ["a"],
    "empty": "",
    "unknown": "unknown",
    "a path": "../../../../etc/passwd",
    "a device": "/dev/null",
    "SQL": "x' UNION SELECT 'secret' --",
    "an address": "http://127.0.0.1:1/key",
    "10 kB": "k" * 10_000,
    "5 kB": "k" * 5_000,
    "a null byte": "a\0b",
    "a command": "|id",
}


@pytest.mark.sec("SEC-26")
@pytest.mark.parametrize("kid", KEY_IDS.values(), ids=KEY_IDS)
async def test_a_key_id_is_looked_up_and_never_used_for_more(
    client: Client, forge: Forge, kid: object
) -> None:
    expect_problem(await _me(client, forge.with_header(kid=kid)), 401, "invalid_token")


@pytest.mark.sec("SEC-26")
async def test_the_key_of_refresh_tokens_verifies_no_access_token(
    environ: dict[str, str], client: Client, forge: Forge
) -> None:
    refresh = await stolen_key(environ, KeyUse.REFRESH)
    secret = json.loads(refresh.private_jwk.reveal())["k"]
    signed = forge.with_header(alg="HS256", kid=refresh.kid).rpartition(".")[0]
    mac = hmac.digest(unbase64(secret), signed.encode(), hashlib.sha256)

    expect_problem(await _me(client, f"{signed}.{encode(mac)}"), 401, "invalid_token")


@pytest.mark.sec("SEC-26")
@pytest.mark.parametrize("parameter", ["jku", "x5u", "jwk", "x5c", "x5t", "crit", "zip", "b64"])
async def test_a_header_that_brings_or_points_to_a_key_is_refused_and_nobody_is_asked(
    client: Client, forge: Forge, parameter: str
) -> None:
    calls = []
    listener = await asyncio.start_server(
        lambda _, writer: (calls.append(1), writer.close()), "127.0.0.1", 0
    )
    address = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/keys"
    own = rsa.generate_private_key(65537, 2048)
    n = own.public_key().public_numbers().n
    jwk = {"kty": "RSA", "e": "AQAB", "n": encode(n.to_bytes(256))}
    value = {
        "jwk": jwk,
        "x5c": ["MIIB"],
        "crit": ["exp"],
        "zip": "DEF",
        "b64": False,
    }.get(parameter, address)

    async with listener:
        by_attacker = Forge(forge.token, own).with_header(**{parameter: value})
        expect_problem(await _me(client, by_attacker), 401, "invalid_token")
        expect_problem(
            await _me(client, forge.with_header(**{parameter: value})), 401, "invalid_token"
        )

    assert [] == calls


BENT_CLAIMS: dict[str, dict[str, Any]] = {
    "no iss": {"iss": ...},
    "another iss": {"iss": "https://evil.example"},
    "iss with a slash": {"iss": "https://auth.faultmaven.ai/"},
    "iss in upper case": {"iss": "HTTPS://AUTH.FAULTMAVEN.AI"},
    "iss a list": {"iss": ["https://auth.faultmaven.ai"]},
    "no aud": {"aud": ...},
    "another aud": {"aud": "other-api"},
    "aud null": {"aud": None},
    "aud a list": {"aud": ["faultmaven-api"]},
    "aud a list of two": {"aud": ["other", "faultmaven-api"]},
    "no exp": {"exp": ...},
    "exp null": {"exp": None},
    "exp a text": {"exp": "9999999999"},
    "exp a fraction": {"exp": 9999999999.5},
    "exp true": {"exp": True},
    "exp beyond all": {"exp": 1e308},
    "exp negative": {"exp": -1},
    "no iat": {"iat": ...},
    "iat a text": {"iat": "1"},
    "iat negative": {"iat": -1},
    "iat after exp": {"iat": 99999999999},
    "nbf a text": {"nbf": "1"},
    "no sub": {"sub": ...},
    "sub no id": {"sub": "john.doe"},
    "sub empty": {"sub": ""},
    "sub a number": {"sub": 1},
    "sub of nobody": {"sub": str(uuid4())},
    "sub a path": {"sub": "../" * 12},
    "no sid": {"sid": ...},
    "sid no id": {"sid": "*"},
    "sid of nothing": {"sid": str(uuid4())},
    "no jti": {"jti": ...},
    "roles a text": {"roles": "admin"},
    "roles an object": {"roles": {"admin": True}},
    "no type": {"type": "id"},
    "type refresh": {"type": "refresh"},
    "another auth_mode": {"auth_mode": "oauth"},
}


@pytest.mark.sec("SEC-27")
@pytest.mark.parametrize("changes", BENT_CLAIMS.values(), ids=BENT_CLAIMS)
async def test_a_claim_that_is_not_exactly_right_is_refused(
    client: Client, forge: Forge, changes: dict[str, Any]
) -> None:
    expect_problem(await _me(client, forge.with_claims(**changes)), 401, "invalid_token")


@pytest.mark.sec("SEC-27")
@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize("ahead", [120, 3600, 80_000])
async def test_a_token_from_the_future_is_refused(
    client: Client, forge: Forge, claim: str, ahead: int
) -> None:
    token = forge.with_claims(**{claim: forge.claims["iat"] + ahead})

    expect_problem(await _me(client, token), 401, "invalid_token")


@pytest.mark.sec("SEC-27")
@pytest.mark.parametrize("ago", [0, 1, 3600])
async def test_a_token_is_over_at_the_second_that_it_says(
    client: Client, forge: Forge, ago: int
) -> None:
    now = forge.claims["iat"]
    token = forge.with_claims(iat=now - 7200, exp=now - ago)

    body = expect_problem(await _me(client, token), 401, "token_expired")

    assert "The access token has expired. Sign in again." == body["detail"]
    assert token not in str(body)


@pytest.mark.sec("SEC-27")
async def test_an_expired_token_that_is_not_genuine_is_invalid_and_not_expired(
    client: Client, forge: Forge
) -> None:
    now = forge.claims["iat"]
    own = Forge(forge.token, rsa.generate_private_key(65537, 2048))

    for token in (
        own.with_claims(iat=now - 7200, exp=now - 1),
        forge.with_claims(iat=now - 7200, exp=now - 1, aud="other-api"),
    ):
        expect_problem(await _me(client, token), 401, "invalid_token")


@pytest.mark.sec("SEC-28")
@pytest.mark.parametrize(
    "typ", [..., None, "", "JWT", "jwt", "rt+jwt", "at", "id_token", ["at+jwt"]]
)
async def test_a_token_of_another_type_is_no_access_token(
    client: Client, forge: Forge, typ: object
) -> None:
    expect_problem(await _me(client, forge.with_header(typ=typ)), 401, "invalid_token")


@pytest.mark.sec("SEC-28")
async def test_a_refresh_token_is_no_access_token(client: Client, new_name: NewName) -> None:
    tokens = await sign_up(client, new_name())

    for method, route in (("GET", "me"), ("PATCH", "me"), ("POST", "logout")):
        answer = await client.request(
            method, f"{AUTH}/{route}", headers=bearer(tokens["refresh_token"])
        )
        expect_problem(answer, 401, "invalid_token")
    assert 200 == (await _me(client, tokens["access_token"])).status_code


@pytest.mark.sec("SEC-28")
async def test_a_session_of_one_user_lends_itself_to_no_other(
    client: Client, forge: Forge, new_name: NewName
) -> None:
    victim = await sign_up(client, new_name())
    await _me(client, victim["access_token"])  # whose session is in the cache now

    for changes in (
        {"sub": victim["user"]["user_id"]},
        {"sid": victim["session_id"]},
    ):
        expect_problem(await _me(client, forge.with_claims(**changes)), 401, "invalid_token")


@pytest.mark.sec("SEC-54")
async def test_what_a_genuine_token_says_about_its_user_is_not_believed(
    client: Client, forge: Forge
) -> None:
    token = forge.with_claims(username="root", email="root@example.com", email_verified=True)

    me = await _me(client, token)

    assert 200 == me.status_code
    assert (forge.claims["username"], forge.claims["email"], False) == (
        me.json()["username"],
        me.json()["email"],
        me.json()["email_verified"],
    )


@pytest.mark.sec("SEC-29")
async def test_a_token_signed_anew_does_not_outlive_its_session(
    client: Client, second_worker: Client, forge: Forge
) -> None:
    await client.post(f"{AUTH}/logout", headers=bearer(forge.token))

    for worker in (client, second_worker):
        fresh = forge.with_claims(jti=str(uuid4()))
        expect_problem(await _me(worker, fresh), 401, "invalid_token")
