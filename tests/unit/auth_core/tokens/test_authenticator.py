"""From a bearer token to its principal."""

from datetime import timedelta

import msgspec
import pytest

from auth_core.core import Core
from auth_core.kernel import InvalidToken, TokenExpired, Unavailable
from auth_core.keys import KeyUse
from auth_core.keys.current import RELOAD_INTERVAL
from auth_core.sessions import EndReason
from auth_core.tokens import ACCESS_TYPE, REFRESH_TYPE, AccessTokenVerification
from auth_core.users import Registration, UserStatus


@pytest.fixture
async def signed_in(core):
    return await core.sign_in.register(Registration.parse(username="alice"))


@pytest.fixture
def token(signed_in):
    return signed_in.tokens.access_token


async def resigned(core, token, *, typ=ACCESS_TYPE, use=KeyUse.ACCESS, key=None, **changes):
    """The token with other claims, signed by a key of ours."""
    ring = await core.keys.ring()
    verifier = AccessTokenVerification(
        issuer=core.options.issuer, audience=core.options.audience, clock=core.clock
    )
    claims = verifier.verify(token, verifier.header(token), ring.active(KeyUse.ACCESS))
    claims = msgspec.structs.replace(claims, **changes)
    return core.ports.token_signer.sign(claims, key=key or ring.active(use), typ=typ)


async def test_the_principal_is_the_user_as_stored_now(core, signed_in, token):
    core.store.users[signed_in.user.id] = signed_in.user.renamed("Renamed", at=core.clock.now())

    principal = await core.authenticator.authenticate(token)

    assert core.store.users[signed_in.user.id] == principal.user
    assert core.store.sessions[signed_in.tokens.session_id] == principal.session
    assert ("alice", ("admin",)) == (principal.claims.username, principal.claims.roles)


async def test_a_warm_token_costs_one_cache_round_trip_and_no_signature(core, token, monkeypatch):
    await core.authenticator.authenticate(token)
    begun, round_trips = core.store.begun, core.cache.round_trips
    monkeypatch.setattr(AccessTokenVerification, "verify", lambda *_: pytest.fail("verified again"))

    await core.authenticator.authenticate(token)

    assert (begun, round_trips + 1) == (core.store.begun, core.cache.round_trips)


async def test_every_worker_accepts_the_token(core, signed_in, token):
    principal = await core.another_worker().authenticator.authenticate(token)

    assert signed_in.user.id == principal.user.id


@pytest.mark.sec("SEC-28")
async def test_a_refresh_token_is_no_access_token(core, signed_in, token):
    """Nor any token under the refresh key, nor an access token that says it is one."""
    for forged in (
        signed_in.tokens.refresh_token,
        await resigned(core, token, use=KeyUse.REFRESH),
        await resigned(core, token, typ=REFRESH_TYPE),
    ):
        with pytest.raises(InvalidToken):
            await core.authenticator.authenticate(forged)


@pytest.mark.sec("SEC-28")
async def test_an_access_token_is_no_refresh_token(core, token):
    """Its key is not one that refresh tokens are looked up by."""
    ring = await core.keys.ring()
    header = AccessTokenVerification(issuer="", audience="", clock=core.clock).header(token)

    assert None is ring.find(KeyUse.REFRESH, header.kid)
    assert header.typ != REFRESH_TYPE


@pytest.mark.sec("SEC-27")
@pytest.mark.parametrize("warm", [True, False])
async def test_a_token_expires_at_the_second(core, token, warm):
    if warm:
        await core.authenticator.authenticate(token)

    core.clock.advance(timedelta(seconds=900, microseconds=-1))
    assert await core.authenticator.authenticate(token)
    core.clock.advance(timedelta(microseconds=1))

    for _ in range(2):
        with pytest.raises(TokenExpired):
            await core.authenticator.authenticate(token)


@pytest.mark.sec("SEC-29")
@pytest.mark.parametrize("warm", [True, False])
async def test_after_a_logout_no_worker_accepts_the_token(core, signed_in, token, warm):
    workers = [core, core.another_worker(), core.another_worker()]
    if warm:
        for worker in workers:
            await worker.authenticator.authenticate(token)

    await core.sessions.end(signed_in.user.id, signed_in.tokens.session_id, EndReason.LOGOUT)

    for worker in workers:
        with pytest.raises(InvalidToken):
            await worker.authenticator.authenticate(token)


@pytest.mark.sec("SEC-29")
async def test_a_disabled_user_is_refused_once_the_copies_are_forgotten(core, signed_in, token):
    await core.authenticator.authenticate(token)
    user_id = signed_in.user.id
    core.store.users[user_id] = msgspec.structs.replace(
        core.store.users[user_id], status=UserStatus.DISABLED
    )
    await core.cache.forget_user(user_id)

    with pytest.raises(InvalidToken):
        await core.authenticator.authenticate(token)


@pytest.mark.parametrize("claim", ["sub", "sid"])
@pytest.mark.parametrize("value", ["", "alice", "7", "g" * 32, "\0", "x" * 3000])
async def test_a_token_whose_ids_are_no_ids_is_refused(core, token, claim, value):
    with pytest.raises(InvalidToken):
        await core.authenticator.authenticate(await resigned(core, token, **{claim: value}))


@pytest.mark.sec("SEC-28")
async def test_a_session_of_somebody_else_is_refused(core, token):
    other = await core.sign_in.register(Registration.parse(username="bob"))

    for changes in (
        {"sub": str(other.user.id)},
        {"sid": str(other.tokens.session_id)},
    ):
        with pytest.raises(InvalidToken):
            await core.authenticator.authenticate(await resigned(core, token, **changes))


@pytest.mark.sec("SEC-26")
async def test_a_token_of_an_unknown_key_is_refused(core, token):
    key = core.ports.key_generator.generate(KeyUse.ACCESS)

    with pytest.raises(InvalidToken):
        await core.authenticator.authenticate(await resigned(core, token, key=key))


async def test_a_token_of_a_key_that_came_later_is_accepted(core, token):
    """Another process made it; one reload finds it."""
    key = core.ports.key_generator.generate(KeyUse.ACCESS)
    later = await resigned(core, token, key=key)
    core.store.keys[key.kid] = core.keys._vault.seal(key)
    core.clock.advance(RELOAD_INTERVAL)

    assert await core.authenticator.authenticate(later)


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize(
    "token", ["", "x", "a.b.c", "\ud800", "é.é.é", "A" * 100_000, "..", "Bearer x"]
)
async def test_what_is_no_token_is_refused_without_a_round_trip(core, token):
    begun, round_trips = core.store.begun, core.cache.round_trips

    with pytest.raises(InvalidToken):
        await core.authenticator.authenticate(token)

    assert (begun, round_trips) == (core.store.begun, core.cache.round_trips)


async def test_a_token_of_another_deployment_is_refused(core, token):
    options = msgspec.structs.replace(core.options, issuer="https://other.example")

    with pytest.raises(InvalidToken):
        await Core(core.ports, options).authenticator.authenticate(token)


@pytest.mark.sec("SEC-72")
async def test_an_outage_is_no_refusal(core, token):
    core.store.down = core.cache.down = True

    with pytest.raises(Unavailable):
        await core.authenticator.authenticate(token)
    core.store.down = False

    assert await core.authenticator.authenticate(token)


@pytest.mark.sec("SEC-67")
async def test_a_principal_shows_no_token(core, token):
    principal = await core.authenticator.authenticate(token)

    assert token not in repr(principal)
    assert token.split(".")[2] not in repr(principal)
