"""What registered callers learn of tokens, and may end."""

import hashlib

import pytest

from auth_core.clients import Client, ClientPermission, ClientRegistry, client_secret_digest
from auth_core.kernel import InvalidClient, Unavailable
from auth_core.sessions import EndReason, SessionOrigin
from auth_core.tokens import AccessClaims, RefreshClaims
from auth_core.users import Registration

SECRET = "s" * 40
DASHBOARD = Client(
    client_id="dashboard",
    secret_digest=client_secret_digest(SECRET),
    allow=frozenset({ClientPermission.INTROSPECT, ClientPermission.REVOKE}),
)
OTHER = Client(
    client_id="other",
    secret_digest=client_secret_digest(SECRET[::-1] + "x"),
    allow=frozenset({ClientPermission.REVOKE}),
)


@pytest.fixture
async def tokens(core):
    return (await core.sign_in.register(Registration.parse(username="alice"))).tokens


async def test_live_tokens_are_told_with_their_claims(core, tokens):
    access = await core.introspection.introspect(tokens.access_token, DASHBOARD)
    refresh = await core.introspection.introspect(tokens.refresh_token, DASHBOARD)

    assert isinstance(access.claims, AccessClaims)
    assert isinstance(refresh.claims, RefreshClaims)
    assert tokens.session_id == access.session.id == refresh.session.id


async def test_a_refresh_token_is_live_exactly_as_long_as_it_could_be_redeemed(core, tokens):
    second = (await core.refresh.redeem(tokens.refresh_token)).tokens.refresh_token
    assert await core.introspection.introspect(tokens.refresh_token, DASHBOARD)
    await core.refresh.redeem(second)
    core.clock.advance(core.options.refresh_parallel_window)

    assert None is await core.introspection.introspect(tokens.refresh_token, DASHBOARD)
    assert [] == core.audited  # looking is not redeeming


async def test_an_expired_token_and_one_of_a_swept_session_are_not_live(core, tokens):
    sessions = dict(core.store.sessions)
    core.store.sessions.clear()
    assert None is await core.introspection.introspect(tokens.refresh_token, DASHBOARD)
    core.store.sessions.update(sessions)
    core.clock.advance(core.options.session_idle_lifetime)

    assert None is await core.introspection.introspect(tokens.refresh_token, DASHBOARD)
    assert None is await core.introspection.introspect(tokens.access_token, DASHBOARD)


@pytest.mark.sec("SEC-44")
async def test_without_the_permission_nothing_is_even_looked_up(core, tokens):
    core.store.down = core.cache.down = True

    assert None is await core.introspection.introspect(tokens.access_token, OTHER)
    with pytest.raises(Unavailable):
        await core.introspection.introspect(tokens.access_token, DASHBOARD)


@pytest.mark.sec("SEC-44")
async def test_a_client_ends_its_own_sessions_and_unbound_ones_only(core, tokens):
    origin = SessionOrigin(client_id="dashboard")
    bound = (await core.sign_in.log_in(_alice(core), origin=origin)).tokens

    assert not await core.introspection.revoke(bound.refresh_token, OTHER)
    assert await core.introspection.introspect(bound.access_token, DASHBOARD)
    assert await core.introspection.revoke(bound.refresh_token, DASHBOARD)
    assert await core.introspection.revoke(tokens.access_token, OTHER)
    assert not await core.introspection.revoke(tokens.access_token, OTHER)
    assert [EndReason.REVOKED] * 2 == [s.end_reason for s in core.store.sessions.values()]


@pytest.mark.sec("SEC-44", "SEC-68")
@pytest.mark.parametrize(
    ("client_id", "secret"),
    [("dashboard", "wrong"), ("nobody", SECRET), ("", ""), ("", "\x00" * 32), ("dashboard", "é")],
)
def test_a_client_is_known_by_its_secret(client_id, secret):
    registry = ClientRegistry([DASHBOARD, OTHER])

    assert DASHBOARD == registry.authenticate("dashboard", SECRET)
    with pytest.raises(InvalidClient):
        registry.authenticate(client_id, secret)


@pytest.mark.sec("SEC-44")
def test_an_unknown_client_costs_the_same_digest(monkeypatch):
    digests = []
    original = hashlib.sha256

    def counting(data):
        digests.append(data)
        return original(data)

    monkeypatch.setattr(hashlib, "sha256", counting)
    registry = ClientRegistry([DASHBOARD])
    for client_id in ("dashboard", "nobody"):
        with pytest.raises(InvalidClient):
            registry.authenticate(client_id, "wrong")

    assert [b"wrong", b"wrong"] == digests


@pytest.mark.sec("SEC-67")
def test_a_client_does_not_show_its_secret():
    assert DASHBOARD.secret_digest.hex() not in repr(DASHBOARD)
    assert repr(DASHBOARD.secret_digest) not in repr(DASHBOARD)


def _alice(core):
    (user,) = core.store.users.values()
    return user.username
