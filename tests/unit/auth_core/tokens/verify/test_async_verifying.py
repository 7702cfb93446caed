"""The verifier for an event loop: the same answers, and it never blocks the loop for them."""

import asyncio

import pytest

from auth_core.kernel import InvalidToken, Unavailable
from auth_core.testing.issuer import InMemoryIssuer
from auth_core.tokens.verify import SyncTokenVerifier, TokenVerifier
from tests.unit.auth_core.tokens.conftest import AUDIENCE, ISSUER
from tests.unit.auth_core.tokens.verify.conftest import Relying


@pytest.fixture
def make_async(forge):
    def make(kind=TokenVerifier, **options):
        def monotonic():
            return forge.clock.now().timestamp()

        issuer = InMemoryIssuer([], monotonic=monotonic)
        if options.pop("introspect", False):
            options["introspection"] = issuer
        verifier = kind(
            issuer=ISSUER,
            audience=AUDIENCE,
            keys=issuer,
            revocations=issuer,
            clock=forge.clock,
            monotonic=monotonic,
            **options,
        )
        return Relying(forge, issuer, verifier)

    return make


async def test_many_tokens_with_a_new_key_wait_for_one_fetch(make_async):
    relying = make_async()
    relying.listen()
    relying.issuer.keys = [dict(relying.forge.key.public_jwk)]
    relying.pass_time(6)
    relying.verifier._follower.follow()
    fetches = relying.issuer.fetches

    claims = await asyncio.gather(
        *(relying.verifier.verify(relying.forge.token()) for _ in range(10))
    )

    assert 10 == len({one.jti for one in claims})
    assert fetches + 1 == relying.issuer.fetches


async def test_an_unknown_key_is_refused_and_not_asked_for_again_at_once(make_async):
    relying = make_async()
    relying.listen()
    relying.pass_time(6)
    relying.verifier._follower.follow()

    for _ in range(3):
        with pytest.raises(InvalidToken):
            await relying.verifier.verify(relying.forge.token())

    assert 2 == relying.issuer.fetches


async def test_past_the_bound_it_fails_closed_or_asks_as_it_was_told(make_async):
    for introspect in (False, True):
        relying = make_async(introspect=introspect)
        relying.issuer.keys = [dict(relying.forge.key.public_jwk)]
        relying.listen()
        token = relying.forge.token()
        assert await relying.verifier.verify(token)
        relying.pass_time(6)

        if introspect:
            assert await relying.verifier.verify(token)
            assert 1 == relying.issuer.introspections
        else:
            with pytest.raises(Unavailable):
                await relying.verifier.verify(token)


async def test_a_new_key_and_a_stale_view_at_once_are_both_asked_about(make_async):
    relying = make_async(introspect=True)
    relying.listen()
    relying.issuer.keys = [dict(relying.forge.key.public_jwk)]
    relying.pass_time(6)

    assert await relying.verifier.verify(relying.forge.token())
    assert 1 == relying.issuer.introspections


@pytest.mark.parametrize("kind", [TokenVerifier, SyncTokenVerifier])
def test_trouble_says_what_is_not_heard(make_async, kind):
    relying = make_async(kind)
    relying.issuer.up = False
    relying.listen()
    assert relying.verifier.trouble.startswith("keys: ")

    relying.issuer.up = True
    relying.verifier._keys.renew()
    relying.issuer.up = False
    relying.verifier._follower.follow()
    assert relying.verifier.trouble.startswith("revocations: ")

    relying.issuer.up = True
    relying.listen()
    assert relying.verifier.ready


async def test_a_source_that_breaks_in_a_new_way_is_no_reason_to_stop(make_async):
    relying = make_async()
    relying.issuer.keys = [dict(relying.forge.key.public_jwk)]
    relying.listen()

    def broken(*_):
        raise RuntimeError("a new way")

    fetch, follow = relying.issuer.fetch_keys, relying.issuer.follow
    relying.issuer.fetch_keys = relying.issuer.follow = broken
    relying.listen()
    assert "unexpected RuntimeError" in relying.verifier.trouble

    relying.issuer.fetch_keys, relying.issuer.follow = fetch, follow
    relying.listen()
    assert await relying.verifier.verify(relying.forge.token())


async def test_it_starts_and_stops_as_a_context(make_async):
    relying = make_async()
    relying.issuer.keys = [dict(relying.forge.key.public_jwk)]

    async with asyncio.timeout(30):
        async with relying.verifier as verifier:
            await verifier.start()
            assert await verifier.verify(relying.forge.token())
            assert 0 == verifier.revocations_known
