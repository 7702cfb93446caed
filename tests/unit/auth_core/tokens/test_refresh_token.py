"""Reading refresh tokens: genuine to the letter, or refused."""

import base64
import hmac
import json
from datetime import timedelta

import msgspec
import pytest

from auth_core.kernel import InvalidRefreshToken, InvalidToken
from auth_core.users import Registration

IDLE = timedelta(days=7)


@pytest.fixture
async def tokens(core):
    return (await core.sign_in.register(Registration.parse(username="alice"))).tokens


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(segment):
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def damaged(token, where):
    """Variants of one part that are not the token that was issued."""
    parts = token.split(".")
    text = parts[where]
    other = "A" if text[0] != "A" else "B"
    for spoilt in (other + text[1:], text[:-2], text + "A", text + "=", "", text.swapcase()):
        yield ".".join([*parts[:where], spoilt, *parts[where + 1 :]])


async def refused(core, token):
    with pytest.raises(InvalidRefreshToken):
        await core.refresh.redeem(token)


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize("where", [0, 1, 2])
async def test_a_damaged_token_is_refused(core, tokens, where):
    for token in damaged(tokens.refresh_token, where):
        await refused(core, token)

    assert [] == core.audited


@pytest.mark.sec("SEC-25", "SEC-26")
@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "RS256"},
        {"typ": "at+jwt"},
        {"typ": "JWT"},
        {"kid": "../../etc/passwd"},
        {"kid": "' OR 1=1"},
        {"kid": 1},
        {"kid": "x" * 10_000},
        {"jku": "https://evil.example"},
        {"crit": ["b64"]},
    ],
    ids=str,
)
async def test_a_header_of_another_kind_is_refused_even_if_signed_by_us(core, tokens, header):
    """Signed with the genuine key, so that it is the header that is refused."""
    ring = await core.keys.ring()
    head, payload, _ = tokens.refresh_token.split(".")
    forged = b64(json.dumps(decoded(head) | header).encode())
    key = next(key for key in ring._keys if key.kid == decoded(head)["kid"])
    secret = msgspec.json.decode(key.private_jwk.reveal())["k"]
    raw = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    tag = hmac.digest(raw, f"{forged}.{payload}".encode(), "sha256")

    await refused(core, f"{forged}.{payload}.{b64(tag)}")


@pytest.mark.sec("SEC-28")
async def test_an_access_token_is_no_refresh_token_nor_the_other_way_round(core, tokens):
    await refused(core, tokens.access_token)
    with pytest.raises(InvalidToken):
        await core.authenticator.authenticate(tokens.refresh_token)


@pytest.mark.sec("SEC-52")
@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "é.é.é", "\ud800", "x" * 100_000, "." * 2000, "\x00", "a" * 9]
)
async def test_what_is_no_token_at_all_is_refused(core, token):
    await refused(core, token)


async def test_a_token_lives_until_its_second(core, tokens):
    core.clock.advance(IDLE - timedelta(seconds=1))
    newer = (await core.refresh.redeem(tokens.refresh_token)).tokens.refresh_token
    core.clock.advance(timedelta(seconds=1))

    await refused(core, tokens.refresh_token)
    assert await core.refresh.redeem(newer)


async def test_a_token_of_another_deployment_is_refused(core, production, tokens):
    await refused(production, tokens.refresh_token)
