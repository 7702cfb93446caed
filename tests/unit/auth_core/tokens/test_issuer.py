"""What our tokens say (contract §3)."""

import base64
import json
from datetime import timedelta

import msgspec
import pytest

from auth_core.core import Options
from auth_core.kernel import Unavailable
from auth_core.keys import KeyRing, KeyStatus, KeyUse
from auth_core.organizations import Slug
from auth_core.testing import in_memory_core
from auth_core.tokens import SignInPolicy
from auth_core.users import Registration


def parts(token):
    header, payload, _ = token.split(".")
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, payload)]


@pytest.fixture
async def signed_in(core):
    return await core.sign_in.register(
        Registration.parse(username="john.doe", email="j@example.com")
    )


async def test_the_header_says_algorithm_key_and_type(core, signed_in):
    ring = await core.keys.ring()
    tokens = signed_in.tokens

    for token, use, typ in (
        (tokens.access_token, KeyUse.ACCESS, "at+jwt"),
        (tokens.refresh_token, KeyUse.REFRESH, "rt+jwt"),
    ):
        expected = {"alg": "HS256", "kid": ring.active(use).kid, "typ": typ}
        assert expected == parts(token)[0]


async def test_the_claims_of_an_access_token(core, signed_in):
    now = int(core.clock.now().timestamp())
    claims = parts(signed_in.tokens.access_token)[1]

    assert claims.pop("jti")
    assert {
        "sub": str(signed_in.user.id),
        "iss": "https://auth.faultmaven.ai",
        "aud": "faultmaven-api",
        "iat": now,
        "exp": now + 900,
        "sid": str(signed_in.tokens.session_id),
        "type": "access",
        "username": "john.doe",
        "email": "j@example.com",
        "email_verified": False,
        "roles": ["admin"],
        "scopes": ["personal", "global"],
        "organization_id": None,
        "auth_mode": "local",
    } == claims


async def test_the_claims_of_a_refresh_token(core, signed_in):
    now = int(core.clock.now().timestamp())
    claims = parts(signed_in.tokens.refresh_token)[1]

    assert claims.pop("jti")
    assert {
        "sub": str(signed_in.user.id),
        "sid": str(signed_in.tokens.session_id),
        "ctr": 0,
        "iat": now,
        "exp": now + 7 * 86_400,
        "type": "refresh",
    } == claims


async def test_the_members_of_an_organization_carry_it(core, signed_in):
    user = signed_in.user
    made = await core.organizations.organizations.create(user, name="Acme", slug=Slug.parse("acme"))
    organization_id = made.organization.id

    tokens = (await core.sign_in.log_in(user.username)).tokens

    claims = parts(tokens.access_token)[1]
    assert (str(organization_id), ["personal", "team", "global"]) == (
        claims["organization_id"],
        claims["scopes"],
    )
    assert organization_id == core.store.sessions[tokens.session_id].organization_id


async def test_lifetimes_are_told_as_they_are(core, signed_in):
    tokens = signed_in.tokens
    access, refresh = parts(tokens.access_token)[1], parts(tokens.refresh_token)[1]

    assert tokens.expires_in == access["exp"] - access["iat"]
    assert tokens.expires_at == access["exp"]
    assert tokens.refresh_expires_in == refresh["exp"] - refresh["iat"]


async def test_issuer_audience_and_lifetimes_are_the_deployments():
    core = in_memory_core(
        Options(
            issuer="https://id.example",
            audience="api",
            access_lifetime=timedelta(days=1),
            session_idle_lifetime=timedelta(days=30),
            sign_in=SignInPolicy(development=True),
        )
    )

    tokens = (await core.sign_in.register(Registration.parse(username="alice"))).tokens

    claims = parts(tokens.access_token)[1]
    assert ("https://id.example", "api") == (claims["iss"], claims["aud"])
    assert (86_400, 30 * 86_400) == (tokens.expires_in, tokens.refresh_expires_in)
    assert await core.authenticator.authenticate(tokens.access_token)


async def test_an_access_token_never_outlives_its_session():
    core = in_memory_core(
        Options(
            access_lifetime=timedelta(days=1),
            session_lifetime=timedelta(hours=1),
            sign_in=SignInPolicy(development=True),
        )
    )

    tokens = (await core.sign_in.register(Registration.parse(username="alice"))).tokens

    assert (3600, 3600) == (tokens.expires_in, tokens.refresh_expires_in)


async def test_no_two_tokens_are_alike(core, signed_in):
    again = await core.sign_in.log_in(signed_in.user.username)

    tokens = [
        token
        for pair in (signed_in.tokens, again.tokens)
        for token in (pair.access_token, pair.refresh_token)
    ]
    assert 4 == len(set(tokens))
    assert 4 == len({parts(token)[1]["jti"] for token in tokens})


@pytest.mark.sec("SEC-67")
async def test_tokens_do_not_show_themselves(core, signed_in):
    shown = f"{signed_in!r} {signed_in} {signed_in.tokens!r} {signed_in.tokens}"

    assert signed_in.tokens.access_token not in shown
    assert signed_in.tokens.refresh_token not in shown
    assert str(signed_in.tokens.session_id) in shown


@pytest.mark.sec("SEC-67")
async def test_pretty_printers_do_not_show_tokens_either(signed_in):
    """Rich prints what ``__rich_repr__`` yields, and structlog prints locals through rich."""
    shown = repr(signed_in.tokens.__rich_repr__())

    assert signed_in.tokens.access_token not in shown
    assert signed_in.tokens.refresh_token not in shown


async def test_without_an_active_key_nothing_is_issued(core, monkeypatch):
    retired = [
        msgspec.structs.replace(core.ports.key_generator.generate(use), status=KeyStatus.RETIRED)
        for use in KeyUse
    ]

    async def ring():
        return KeyRing(retired)

    monkeypatch.setattr(core.keys, "ring", ring)

    with pytest.raises(Unavailable):
        await core.sign_in.register(Registration.parse(username="alice"))

    assert {} == core.store.users
