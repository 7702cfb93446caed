"""Tokens that nobody issued (SEC-25, SEC-26; RFC 8725)."""

import base64
import hmac
import json
import socket

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from auth_core.kernel import InvalidToken
from auth_core.tokens import AccessTokenVerification
from auth_core.tokens.access_token import MAX_TOKEN_LENGTH


@pytest.fixture
def expect_refused(verify, monkeypatch):
    """Refused, quietly, and without a word to the network."""

    def connect(*_):
        pytest.fail("the verifier went to the network")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)

    def expect_refused(token):
        with pytest.raises(InvalidToken) as caught:
            verify(token)
        assert "canary" not in f"{caught.value!r}{caught.value}"

    return expect_refused


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", "", None, 7, ["RS256"], "rs256"])
@pytest.mark.parametrize("signed", [True, False])
def test_another_algorithm_name_is_refused(forge, expect_refused, alg, signed):
    genuine = forge.sign(forge.header(alg=alg), forge.claims())

    expect_refused(genuine if signed else genuine.rpartition(".")[0] + ".")


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256", "ES256", "EdDSA", "Ed25519", "HS256"])
def test_another_algorithm_is_refused_even_if_the_signature_is_ours(forge, expect_refused, alg):
    expect_refused(forge.sign(forge.header(alg=alg), forge.claims()))


@pytest.mark.sec("SEC-25")
def test_hs256_keyed_by_our_public_key_is_refused(forge, expect_refused, rsa):
    """In every spelling that a confused verifier might use as the secret."""
    signed = f"{forge.encoded(forge.header(alg='HS256'))}.{forge.encoded(forge.claims())}"
    public = rsa.as_pem(private=False)
    secrets = [
        public,
        public.strip(),
        public.replace(b"\n", b"\r\n"),
        rsa.as_der(private=False),
        json.dumps(rsa.as_dict(private=False)).encode(),
        msgspec.json.encode(forge.key.public_jwk),
        base64.urlsafe_b64decode(rsa.as_dict(private=False)["n"] + "=="),
        b"",
    ]

    for secret in secrets:
        expect_refused(f"{signed}.{forge.encoded(hmac.digest(secret, signed.encode(), 'sha256'))}")


@pytest.mark.sec("SEC-25")
def test_a_token_of_another_key_is_refused(forge, expect_refused):
    forge.rsa = RSAKey.generate_key(2048)

    expect_refused(forge.token())


@pytest.mark.sec("SEC-25")
def test_a_changed_signature_is_refused(forge, expect_refused):
    token = forge.token()
    signed, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")

    for forged in (
        b"",
        raw[:-1],
        raw[1:],
        raw[: len(raw) // 2],
        raw + b"\0",
        b"\0" + raw,
        bytes(len(raw)),
        b"\xff" * len(raw),
        bytes([raw[0] ^ 1]) + raw[1:],
        raw[:-1] + bytes([raw[-1] ^ 1]),
        raw[::-1],
    ):
        expect_refused(f"{signed}.{forge.encoded(forged)}")


@pytest.mark.sec("SEC-25")
def test_trailing_and_leading_data_are_refused(forge, expect_refused):
    token = forge.token()

    for forged in (
        token + ".",
        token + ".e30",
        token + "\n",
        token + " ",
        token + "=",
        token + "\0",
        "." + token,
        " " + token,
        "Bearer " + token,
        token + "," + token,
        token * 2,
    ):
        expect_refused(forged)


@pytest.mark.sec("SEC-25")
def test_each_segment_has_one_spelling(forge, expect_refused):
    """No padding, no other alphabet, no stray bits: else one token would have many digests."""
    token = forge.token()
    segments = token.split(".")

    for position, segment in enumerate(segments):
        last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(segment[-1])
        spellings = [segment + "=", segment + "==", segment + "A", segment[:-1], f"{segment}\n"]
        if len(segment) % 4:
            alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            spellings.append(segment[:-1] + alphabet[last ^ 1])
        for spelling in spellings:
            expect_refused(".".join([*segments[:position], spelling, *segments[position + 1 :]]))


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"RS256","alg":"RS256","kid":"%s","typ":"at+jwt"}',
        '{"alg":"none","kid":"%s","typ":"at+jwt","alg":"RS256"}',
        '{"alg":"RS256","kid":"%s","typ":"JWT","typ":"at+jwt"}',
        '{"alg":"RS256","kid":"other","kid":"%s","typ":"at+jwt"}',
        '{"alg":"RS256","\\u0061lg":"RS256","kid":"%s","typ":"at+jwt"}',
    ],
)
def test_duplicate_members_of_the_header_are_refused(forge, expect_refused, header):
    expect_refused(forge.sign(header % forge.key.kid, forge.claims()))


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize("duplicate", ['"sub":"x"', '"exp":1', '"x":{"y":1,"y":2}', '"x":1,"x":1'])
@pytest.mark.parametrize("first", [True, False])
def test_duplicate_members_of_the_claims_are_refused(forge, expect_refused, duplicate, first):
    claims = json.dumps(forge.claims())
    payload = f"{{{duplicate},{claims[1:]}" if first else f"{claims[:-1]},{duplicate}}}"

    expect_refused(forge.sign(forge.header(), payload))


@pytest.mark.sec("SEC-26")
@pytest.mark.parametrize(
    "kid",
    [
        "",
        "other",
        "../../../../dev/null",
        "/etc/passwd",
        "file:///dev/null",
        "https://canary.example/key",
        "' OR '1'='1",
        "x'; DROP TABLE signing_keys; --",
        "k" * 10_000,
        "k" * 5_000,
        "nul\0",
        "\u202e",
        "${jndi:ldap://canary.example}",
        "| whoami",
        None,
        7,
        ["a"],
        {"a": 1},
    ],
)
def test_a_key_id_that_we_did_not_issue_is_refused(forge, expect_refused, kid):
    expect_refused(forge.sign(forge.header(kid=kid), forge.claims()))


@pytest.mark.sec("SEC-26")
def test_a_key_that_the_token_brings_along_is_refused(forge, expect_refused):
    forge.rsa = RSAKey.generate_key(2048)
    public = forge.rsa.as_dict(private=False)

    for extra in (
        {"jwk": public},
        {"jku": "https://canary.example/jwks.json"},
        {"x5u": "https://canary.example/cert.pem"},
        {"x5c": ["MIIB"]},
        {"x5t": "canary"},
        {"x5t#S256": "canary"},
    ):
        expect_refused(forge.sign(forge.header(**extra), forge.claims()))


@pytest.mark.sec("SEC-26")
@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
        {"crit": "exp"},
        {"b64": False},
        {"zip": "DEF"},
        {"cty": "JWT"},
        {"enc": "A256GCM"},
        {"x": None},
    ],
)
def test_a_header_parameter_that_we_do_not_issue_is_refused(forge, expect_refused, extra):
    expect_refused(forge.sign(forge.header(**extra), forge.claims()))


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize(
    "document",
    [
        "",
        "null",
        "[]",
        "7",
        '"text"',
        "{",
        "{}",
        "{}{}",
        "{'alg':'RS256'}",
        '{"alg":"RS256",}',
        "\ufeff{}",
        b"\xff\xfe{\0}\0",
        b"\xff",
        b'{"alg":"\xed\xa0\x80"}',
        "[" * 5000,
        '{"a":' * 1000,
        "[" * 2500 + "]" * 2500,
    ],
)
def test_a_part_that_is_no_json_object_is_refused(forge, expect_refused, document):
    expect_refused(forge.sign(document, forge.claims()))
    expect_refused(forge.sign(forge.header(), document))
    expect_refused(forge.sign(document, document))


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
def test_a_part_in_another_encoding_is_refused(forge, expect_refused, codec):
    """RFC 7519 §3: UTF-8; readers that guess would read something else."""
    expect_refused(forge.sign(json.dumps(forge.header()).encode(codec), forge.claims()))
    expect_refused(forge.sign(forge.header(), json.dumps(forge.claims()).encode(codec)))


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        "é.é.é",
        "\ud800.\ud800.\ud800",
        "\0.\0.\0",
        "e30.e30.e30",
        "null.null.null",
        "A" * 100_000,
        "." * 100_000,
        "A" * 50_000 + "." + "A" * 49_998 + "." + "A",
        "🦊" * 10_000,
    ],
    ids=lambda token: ascii(token[:12]),
)
def test_what_is_no_token_at_all_is_refused(expect_refused, token):
    expect_refused(token)


@pytest.mark.sec("SEC-25")
def test_a_genuine_token_beyond_the_limit_is_refused(forge, verify, expect_refused):
    claims = forge.claims(padding="")
    room = (MAX_TOKEN_LENGTH - len(forge.sign(forge.header(), claims))) * 3 // 4

    fits = forge.token(padding="x" * (room - 2))
    too_long = forge.token(padding="x" * (room + 4))

    assert len(fits) <= MAX_TOKEN_LENGTH < len(too_long)
    assert verify(fits)
    expect_refused(too_long)


@pytest.mark.sec("SEC-25")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.data())
def test_no_single_change_of_a_character_goes_through(forge, verify, data):
    token = forge.token()
    position = data.draw(st.integers(0, len(token) - 1))
    replacement = data.draw(st.characters())
    changed = token[:position] + replacement + token[position + 1 :]

    if changed != token:
        with pytest.raises(InvalidToken):
            verify(changed)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_refused_as_an_invalid_token(verify, text):
    with pytest.raises(InvalidToken):
        verify(text)


@pytest.mark.sec("SEC-25")
def test_a_key_verifies_under_its_own_algorithm_only(forge, access_key):
    """The key decides, not the header: here a header that fits meets a key of another kind."""
    verifier = AccessTokenVerification(
        issuer="https://auth.faultmaven.ai", audience="faultmaven-api", clock=forge.clock
    )
    token = forge.token()
    header = verifier.header(token)

    assert verifier.verify(token, header, access_key)
    for changes in ({"algorithm": "HS256"}, {"algorithm": "ES256"}, {"kid": "other"}):
        with pytest.raises(InvalidToken):
            verifier.verify(token, header, msgspec.structs.replace(access_key, **changes))
