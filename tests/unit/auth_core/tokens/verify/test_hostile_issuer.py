"""Documents and streams that an issuer should not send."""

import json

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey

from auth_core.tokens.verify.jwks import read_jwks
from auth_core.tokens.verify.ports import SourceLost
from auth_core.tokens.verify.sse import MAX_LINE, EventParser, ServerEvent


def jwk(key, **labels):
    return key.as_dict(private=False) | labels


@pytest.fixture(scope="module")
def elliptic():
    return ECKey.generate_key("P-256")


def test_all_three_algorithms_are_read(elliptic, rsa):
    keys = [
        jwk(rsa, kid="r", alg="RS256", use="sig"),
        jwk(elliptic, kid="e", alg="ES256"),
        jwk(OKPKey.generate_key("Ed25519"), kid="o", alg="Ed25519"),
    ]

    assert ["r", "e", "o"] == list(read_jwks(json.dumps({"keys": keys}).encode()))


@pytest.mark.sec("SEC-25")
def test_a_key_that_is_not_for_us_is_ignored(elliptic):
    good = jwk(elliptic, kid="e", alg="ES256")
    short = {"kty": "RSA", "n": "AQAB" * 20, "e": "AQAB", "kid": "e", "alg": "RS256"}
    hostile = [
        {name: value for name, value in good.items() if name != "kid"},
        {name: value for name, value in good.items() if name != "alg"},
        good | {"alg": "RS256"},
        good | {"alg": "none"},
        good | {"alg": ["ES256"]},
        good | {"kid": 7},
        good | {"kid": ""},
        good | {"kid": "k" * 257},
        good | {"use": "enc"},
        good | {"crv": "P-384"},
        good | {"x": "AA"},
        good | {"x": None},
        good | {"d": "AA"},
        short,
        OctKey.generate_key(256).as_dict(private=True) | {"kid": "h", "alg": "HS256"},
        {},
    ]

    assert {} == read_jwks(json.dumps({"keys": hostile}).encode())


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[1]}', b"[" * 9000, b"\xff"],
)
def test_what_is_no_set_is_refused(document):
    with pytest.raises(SourceLost):
        read_jwks(document)


def test_a_set_that_is_ambiguous_or_too_large_is_refused(elliptic):
    key = jwk(elliptic, kid="e", alg="ES256")
    for keys in ([key, key], [{}] * 65):
        with pytest.raises(SourceLost):
            read_jwks(json.dumps({"keys": keys}).encode())


STREAM = "\ufeff: hello\r\nevent: revoked\nid: 7\rdata: a\ndata:b\n\n\r\ndata\n\nevent: alive\n\n"
EVENTS = [
    ServerEvent("revoked", "a\nb", "7"),
    ServerEvent("message", "", None),
    ServerEvent("alive", "", None),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_however_they_arrive(size):
    parser, octets = EventParser(), STREAM.encode()
    chunks = [octets[start : start + size] for start in range(0, len(octets), size)]

    assert EVENTS == [event for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.sec("SEC-52")
@pytest.mark.parametrize(
    "chunk", [b"x" * (MAX_LINE + 1), b"data: " + b"x" * 4000 + b"\n", b"data: \xff\n"]
)
def test_a_stream_beyond_its_bounds_is_given_up(chunk):
    parser = EventParser()
    with pytest.raises(SourceLost):
        _ = [parser.feed(chunk) for _ in range(10)]
