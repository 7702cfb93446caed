"""Which claims are accepted, and until when (SEC-27, SEC-28)."""

from datetime import timedelta

import msgspec
import pytest

from auth_core.kernel import InvalidToken, TokenExpired
from auth_core.testing import ManualClock
from auth_core.tokens import REFRESH_TYPE, AccessTokenVerification

REQUIRED = [
    "sub",
    "iss",
    "aud",
    "iat",
    "exp",
    "jti",
    "sid",
    "username",
    "email",
    "email_verified",
    "roles",
    "scopes",
]


def test_a_genuine_token_is_accepted_with_all_its_claims(forge, verify):
    claims = forge.claims(roles=["admin", "user"], organization_id="org")

    verified = msgspec.to_builtins(verify(forge.sign(forge.header(), claims)))

    assert claims == {name: _wire(value) for name, value in verified.items() if name != "nbf"}


def _wire(value):
    return list(value) if isinstance(value, tuple) else value


def test_claims_that_we_do_not_know_are_ignored(forge, verify):
    assert "alice" == verify(forge.token(custom={"a": [1]}, client_id="x")).username


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "At+Jwt"])
def test_the_type_is_a_media_type_in_any_case(forge, verify, typ):
    """RFC 7515 §4.1.9."""
    assert verify(forge.sign(forge.header(typ=typ), forge.claims()))


@pytest.mark.sec("SEC-28")
@pytest.mark.parametrize(
    "typ", ["JWT", "jwt", REFRESH_TYPE, "id+jwt", "", "at+jwt ", "application/x", None, 7]
)
def test_a_token_of_another_type_is_refused(forge, verify, typ):
    with pytest.raises(InvalidToken):
        verify(forge.sign(forge.header(typ=typ), forge.claims()))


@pytest.mark.sec("SEC-28")
@pytest.mark.parametrize("kind", ["refresh", "id", "", "Access", None, ["access"]])
def test_a_claim_of_another_kind_is_refused(forge, verify, kind):
    with pytest.raises(InvalidToken):
        verify(forge.token(type=kind))


@pytest.mark.sec("SEC-27")
@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_claim_is_refused(forge, verify, name):
    claims = forge.claims()
    del claims[name]

    with pytest.raises(InvalidToken):
        verify(forge.sign(forge.header(), claims))


@pytest.mark.sec("SEC-27")
@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, {}, 1.5])
def test_a_claim_of_another_type_is_refused(forge, verify, name, value):
    with pytest.raises(InvalidToken):
        verify(forge.token(**{name: value}))


@pytest.mark.sec("SEC-27")
@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "https://evil.example",
        "https://auth.faultmaven.ai/",
        "https://auth.faultmaven.ai ",
        "HTTPS://AUTH.FAULTMAVEN.AI",
        "https://auth.faultmaven.ai.evil.example",
        "https://auth.faultmaven.a\u0456",
        ["https://auth.faultmaven.ai"],
    ],
)
def test_another_issuer_is_refused(forge, verify, issuer):
    with pytest.raises(InvalidToken):
        verify(forge.token(iss=issuer))


@pytest.mark.sec("SEC-27")
@pytest.mark.parametrize(
    "audience",
    [
        "",
        "other",
        "faultmaven-api ",
        "Faultmaven-API",
        ["faultmaven-api"],
        ["other", "faultmaven-api"],
        [],
    ],
)
def test_another_audience_is_refused(forge, verify, audience):
    with pytest.raises(InvalidToken):
        verify(forge.token(aud=audience))


@pytest.mark.sec("SEC-27")
@pytest.mark.parametrize("claim", ["iat", "exp", "nbf"])
@pytest.mark.parametrize(
    "number",
    ['"1767225600"', "1767225600.0", "1.7672256e9", "1e308", "-1e308", "1e999", "true", "[1]"],
)
def test_a_time_that_is_no_whole_number_is_refused(forge, verify, claim, number):
    payload = msgspec.json.encode(forge.claims(**{claim: 0})).decode()
    payload = payload.replace(f'"{claim}":0', f'"{claim}":{number}')

    with pytest.raises(InvalidToken):
        verify(forge.sign(forge.header(), payload))


@pytest.mark.sec("SEC-27")
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1" * 5000, "0x10", "01"])
def test_a_time_that_is_no_json_is_refused(forge, verify, number):
    payload = msgspec.json.encode(forge.claims(exp=0)).decode()

    with pytest.raises(InvalidToken):
        verify(forge.sign(forge.header(), payload.replace('"exp":0', f'"exp":{number}')))


@pytest.mark.sec("SEC-27")
@pytest.mark.parametrize(
    ("claim", "offset"),
    [
        ("iat", 61),
        ("iat", 10**6),
        ("iat", 10**300),
        ("nbf", 61),
        ("nbf", 10**300),
        ("exp", 0),
        ("exp", -10),
    ],
)
def test_a_time_that_cannot_be_is_refused(forge, verify, claim, offset):
    """``exp`` here is at or before ``iat``: never issued like that, so not merely expired."""
    with pytest.raises(InvalidToken):
        verify(forge.token(**{claim: forge.now + offset}))


@pytest.mark.sec("SEC-27")
@pytest.mark.parametrize("times", [{"iat": -1}, {"exp": -1}, {"iat": -(10**300)}])
def test_a_negative_time_is_refused(forge, verify, times):
    with pytest.raises(InvalidToken):
        verify(forge.token(**times))


@pytest.mark.parametrize("times", [{"iat": 10}, {"nbf": 10}, {"nbf": -1000}, {"nbf": None}])
def test_clocks_may_differ_by_ten_seconds(forge, verify, times):
    claims = {
        name: None if offset is None else forge.now + offset for name, offset in times.items()
    }

    assert verify(forge.token(**claims))


@pytest.mark.sec("SEC-27")
@pytest.mark.parametrize(
    ("offset", "accepted"),
    [
        (timedelta(seconds=-1), True),
        (timedelta(microseconds=-1), True),
        (timedelta(0), False),
        (timedelta(microseconds=1), False),
        (timedelta(seconds=1), False),
        (timedelta(days=4000), False),
    ],
)
def test_a_token_expires_at_the_second_without_leeway(forge, verify, offset, accepted):
    token = forge.token()
    forge.clock.advance(timedelta(seconds=900) + offset)

    if accepted:
        assert verify(token)
    else:
        with pytest.raises(TokenExpired):
            verify(token)


@pytest.mark.sec("SEC-27")
def test_an_expired_token_that_is_wrong_besides_is_merely_invalid(forge, verify):
    """Whoever forges tokens does not learn which part was right."""
    token = forge.token(iss="https://evil.example")
    forge.clock.advance(timedelta(days=1))

    with pytest.raises(InvalidToken) as caught:
        verify(token)

    assert InvalidToken is type(caught.value)


@pytest.mark.sec("SEC-28")
def test_a_token_of_one_deployment_is_refused_in_another(forge, access_key):
    other = AccessTokenVerification(
        issuer="https://auth.other.example", audience="faultmaven-api", clock=ManualClock()
    )
    token = forge.token()

    with pytest.raises(InvalidToken):
        other.verify(token, other.header(token), access_key)
