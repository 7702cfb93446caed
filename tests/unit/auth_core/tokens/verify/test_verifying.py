"""What a relying service accepts, and until when (SEC-27, SEC-29, SEC-72)."""

import tracemalloc
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from joserfc.jwk import RSAKey

from auth_core.kernel import InvalidToken, TokenExpired, Unavailable
from auth_core.tokens.verify import Revocation
from auth_core.tokens.verify.revocations import RevokedSessions


def refused(relying, token, error=InvalidToken):
    with pytest.raises(error) as caught:
        relying.verify(token)
    assert error is type(caught.value) or issubclass(type(caught.value), Unavailable)
    assert token not in f"{caught.value!r}{caught.value.message}"


def test_a_genuine_token_is_accepted_cold_and_warm(relying):
    token = relying.forge.token()

    assert relying.verify(token) is relying.verify(token)
    assert 1 == relying.issuer.fetches


@pytest.mark.sec("SEC-29")
@pytest.mark.parametrize("warm", [True, False])
def test_a_revoked_session_is_refused_once_it_is_heard_of(relying, warm):
    sid = uuid4()
    token, other = relying.forge.token(sid=str(sid)), relying.forge.token()
    if warm:
        relying.verify(token)

    relying.issuer.revoke(sid, relying.forge.now + 900)
    relying.listen()

    refused(relying, token)
    assert relying.verify(other)


@pytest.mark.sec("SEC-27")
@pytest.mark.parametrize("warm", [True, False])
def test_a_token_expires_at_the_second(relying, warm):
    token = relying.forge.token()
    if warm:
        relying.verify(token)
    relying.pass_time(899.999)
    relying.listen()
    assert relying.verify(token)

    relying.pass_time(0.001)

    for _ in range(2):
        refused(relying, token, TokenExpired)


@pytest.mark.sec("SEC-72")
def test_nothing_is_accepted_before_the_issuer_was_heard(make_relying):
    relying = make_relying()
    token = relying.forge.token()

    refused(relying, token, Unavailable)
    relying.verifier._keys.renew()
    refused(relying, token, Unavailable)
    assert not relying.verifier.ready
    relying.verifier._follower.follow()

    assert relying.verify(token)
    assert relying.verifier.ready


@pytest.mark.sec("SEC-72")
def test_past_the_staleness_bound_it_fails_closed(relying):
    token = relying.forge.token()
    relying.verify(token)
    relying.issuer.up = False

    relying.pass_time(5)
    assert relying.verify(token)
    relying.pass_time(0.001)
    refused(relying, token, Unavailable)
    refused(relying, relying.forge.token(), Unavailable)

    relying.issuer.up = True
    relying.listen()
    assert relying.verify(token)


@pytest.mark.sec("SEC-29")
def test_a_revocation_is_known_also_while_the_view_is_stale(relying):
    sid = uuid4()
    token = relying.forge.token(sid=str(sid))
    relying.issuer.revoke(sid, relying.forge.now + 900)
    relying.listen()
    relying.pass_time(60)

    refused(relying, token)


@pytest.mark.sec("SEC-72")
def test_past_the_bound_the_issuer_is_asked_if_so_chosen(make_relying):
    relying = make_relying(introspect=True)
    relying.listen()
    token = relying.forge.token()
    assert relying.verify(token)
    assert 0 == relying.issuer.introspections

    relying.pass_time(6)
    assert relying.verify(token)
    assert relying.verify(token)
    assert 2 == relying.issuer.introspections

    relying.issuer.introspect = lambda _: False
    refused(relying, token)


@pytest.mark.sec("SEC-72")
def test_an_introspection_without_an_answer_refuses_and_is_not_repeated_at_once(make_relying):
    relying = make_relying(introspect=True)
    relying.listen()
    token = relying.forge.token()
    relying.issuer.up = False
    relying.pass_time(6)

    for _ in range(10):
        refused(relying, token, Unavailable)
    assert 1 == relying.issuer.introspections

    relying.pass_time(1)
    refused(relying, token, Unavailable)
    assert 2 == relying.issuer.introspections


def test_a_forged_token_is_not_introspected(make_relying):
    relying = make_relying(introspect=True)
    relying.listen()
    relying.pass_time(6)

    refused(relying, relying.forge.token(aud="other"))
    assert 0 == relying.issuer.introspections


def rotated(relying):
    """The issuer signs with another key; the old one is still published behind it."""
    rsa = RSAKey.generate_key(2048)
    jwk = rsa.as_dict(private=False) | {"kid": rsa.thumbprint(), "use": "sig", "alg": "RS256"}
    relying.issuer.keys.insert(0, jwk)
    relying.forge.rsa = rsa
    return {"kid": jwk["kid"]}


def test_a_rotation_refuses_nobody(relying):
    old = relying.forge.token()
    header = relying.forge.header(**rotated(relying))
    new = relying.forge.sign(header, relying.forge.claims())

    assert relying.verify(new)  # fetched because of it: it came before the set was renewed
    assert relying.verify(old)
    assert 2 == relying.issuer.fetches


def test_a_key_that_is_published_early_costs_no_fetch(relying):
    header = relying.forge.header(**rotated(relying))
    relying.pass_time(241)
    assert relying.verifier._keys.due_in <= 0
    relying.listen()
    fetches = relying.issuer.fetches

    assert relying.verify(relying.forge.sign(header, relying.forge.claims()))
    assert fetches == relying.issuer.fetches


@pytest.mark.sec("SEC-45")
def test_a_key_that_is_gone_kills_its_tokens_also_warm_ones(relying):
    token = relying.forge.token()
    relying.verify(token)
    rotated(relying)
    del relying.issuer.keys[1]

    relying.listen()

    refused(relying, token)


@pytest.mark.sec("SEC-26")
def test_a_flood_of_unknown_key_ids_causes_one_fetch_per_interval(relying):
    def flood(start):
        for number in range(start, start + 500):
            header = relying.forge.header(kid=f"unknown-{number}")
            refused(relying, relying.forge.sign(header, relying.forge.claims()))

    flood(0)
    relying.pass_time(4.999)
    flood(500)
    assert 2 == relying.issuer.fetches

    relying.pass_time(0.001)
    relying.verifier._follower.follow()
    flood(1000)
    flood(0)

    assert 3 == relying.issuer.fetches
    assert 256 >= len(relying.verifier._keys._absent)


@pytest.mark.sec("SEC-26")
def test_a_key_id_that_was_absent_is_not_asked_for_every_interval(relying):
    token = relying.forge.sign(relying.forge.header(kid="stale-client"), relying.forge.claims())
    refused(relying, token)
    assert 2 == relying.issuer.fetches

    relying.pass_time(6)
    relying.verifier._follower.follow()
    refused(relying, token)

    assert 2 == relying.issuer.fetches


def test_an_unknown_key_while_the_issuer_is_down_is_not_held_against_the_token(relying):
    header = relying.forge.header(**rotated(relying))
    relying.issuer.up = False

    refused(relying, relying.forge.sign(header, relying.forge.claims()), Unavailable)


@pytest.mark.sec("SEC-72")
def test_the_last_good_keys_serve_for_a_bounded_time(make_relying):
    relying = make_relying(keys_usable_for=3600.0, staleness=1e9)
    relying.listen()
    token = relying.forge.token(exp=relying.forge.now + 10_000)
    relying.issuer.up = False
    relying.pass_time(3600)
    relying.listen()
    assert relying.verify(token)
    assert "keys: it is down" == relying.verifier.trouble

    relying.pass_time(0.001)
    relying.verifier._door._warm.clear()  # as its thread does
    refused(relying, token, Unavailable)


@pytest.mark.sec("SEC-50")
def test_a_clock_that_is_set_back_revives_nothing(relying):
    sid = uuid4()
    token = relying.forge.token(sid=str(sid))
    relying.verify(token)
    relying.issuer.revoke(sid, relying.forge.now + 900)
    relying.listen()
    refused(relying, token)

    relying.pass_time(1000)
    relying.listen()
    assert 0 == relying.verifier.revocations_known
    relying.forge.clock.advance(timedelta(seconds=-1000))

    with pytest.raises((TokenExpired, Unavailable)):
        relying.verify(token)
    relying.listen()  # notices, and forgets its cursor
    relying.listen()
    assert None is relying.issuer.followed[-1]
    refused(relying, token)


def test_the_capacity_bounds_what_is_remembered(make_relying):
    relying = make_relying(capacity=10)
    relying.listen()

    for _ in range(40):
        relying.verify(relying.forge.token())

    assert 10 >= len(relying.verifier._door._warm)


def test_a_hundred_thousand_revocations_take_less_than_25_mb():
    def revocations():
        for number in range(100_000):
            yield Revocation(session_id=uuid4(), expires_at=2_000_000_000 + number % 90_000)

    tracemalloc.start()
    try:
        revoked = RevokedSessions(staleness=5)
        revoked.add(revocations())
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 100_000 == len(revoked)
    assert 25_000_000 > size


def test_revocations_are_forgotten_within_a_minute_of_their_last_token():
    revoked = RevokedSessions(staleness=5)
    for number in range(600):
        revoked.add([Revocation(session_id=UUID(int=number), expires_at=6000 + number)])
    revoked.add([Revocation(session_id=UUID(int=0), expires_at=9000)])

    assert revoked.sweep(6000)
    assert 600 == len(revoked)
    assert revoked.sweep(6599 + 60)

    assert {0: 9000} == revoked.sessions
    assert revoked.swept_until <= 6599 + 60


def test_nothing_of_a_verifier_shows_a_token(relying):
    token = relying.forge.token()
    relying.verify(token)

    shown = (
        repr(relying.verifier) + repr(vars(relying.verifier)) + repr(vars(relying.verifier._door))
    )
    warm = relying.verifier._door._warm

    assert token not in shown + repr(warm._newer) + repr(warm._older)
