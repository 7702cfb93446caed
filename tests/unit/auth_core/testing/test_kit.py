"""The pytest plugin's fixtures, as the tests of a service use them."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from threading import Thread

import msgspec
import pytest

from auth_core.core import Options
from auth_core.kernel import (
    InvalidInput,
    InvalidRefreshToken,
    InvalidToken,
    TokenExpired,
    Unavailable,
    Username,
)
from auth_core.keys import KeyUse
from auth_core.sessions import SessionOrigin
from auth_core.testing.background import BackgroundLoop
from auth_core.testing.jose import KeyPool
from auth_core.testing.kit import BAD_TOKENS, KIT_OPTIONS, Kit
from auth_core.tokens import AccessTokenVerification

START = datetime(2026, 1, 1, tzinfo=UTC)


def at_once(work):
    """What a coroutine returns that never waits: on any event loop, or on none."""
    with pytest.raises(StopIteration) as done:
        work.send(None)
    return done.value.value


def expect_accepted(kit, user):
    """By the service and by both verifiers, which agree on what the token says."""
    assert user.user.id == kit.authenticate(user.access_token).user.id
    assert user.claims == kit.sync_verifier.verify(user.access_token)
    assert user.claims == at_once(kit.verifier.verify(user.access_token))


def expect_refused(kit, token):
    codes = set()
    for verify in (
        kit.authenticate,
        kit.sync_verifier.verify,
        lambda token: at_once(kit.verifier.verify(token)),
    ):
        with pytest.raises((InvalidToken, TokenExpired)) as refusal:
            verify(token)
        codes.add(refusal.value.code)
    assert 1 == len(codes)
    return codes.pop()


@pytest.mark.sec("SEC-25", "SEC-26", "SEC-27", "SEC-28", "SEC-29", "SEC-30", "SEC-70")
def test_every_bad_token_is_refused_by_the_service_and_by_the_verifier(fm_auth, fm_auth_bad_token):
    assert fm_auth_bad_token.code == expect_refused(fm_auth, fm_auth_bad_token.token)


def test_what_the_forge_only_signs_again_is_accepted(fm_auth):
    """So it is what is bent that is refused."""
    forge = fm_auth.bad_tokens.forge

    for token in (forge.token, forge.with_claims(), forge.with_header(), forge.with_claims(x=1)):
        assert "mallory" == fm_auth.sync_verifier.verify(token).username
        assert "mallory" == fm_auth.authenticate(token).user.username.value


@pytest.mark.parametrize(
    ("name", "bend"),
    [
        ("other_audience", {"audience": "other-api"}),
        ("other_issuer", {"issuer": "https://evil.example"}),
        ("expired", {"ahead": -3000}),
        ("not_yet_valid", {"ahead": 3590, "until": {"exp": 9_999_999_999}}),
        ("wrong_key", {"stranger": True}),
    ],
)
def test_each_bad_token_is_bad_in_one_thing_only(fm_auth, name, bend):
    """A service that forgets this one check lets it in."""
    token, forge = fm_auth.bad_tokens[name].token, fm_auth.bad_tokens.forge
    if "until" in bend:
        token = forge.with_claims(nbf=forge.now + 3600, **bend["until"])
    fm_auth.clock.advance(seconds=bend.get("ahead", 0))
    careless = AccessTokenVerification(
        issuer=bend.get("issuer", fm_auth.options.issuer),
        audience=bend.get("audience", fm_auth.options.audience),
        clock=fm_auth.clock,
    )
    key = fm_auth.run(fm_auth.core.keys.ring()).active(KeyUse.ACCESS)
    if "stranger" in bend:
        public = forge.public_jwk_of_stranger()
        key = msgspec.structs.replace(key, public_jwk=public)

    assert "mallory" == careless.verify(token, careless.header(token), key).username


def test_bad_tokens_can_be_sent_and_have_names_of_their_own(fm_auth):
    cases = list(fm_auth.bad_tokens)

    assert [*BAD_TOKENS] == [case.name for case in cases]
    assert len(cases) == len({case.name for case in cases}) == len(fm_auth.bad_tokens)
    assert len(cases) == len({case.token for case in cases})
    for case in cases:
        assert re.fullmatch(r"[a-z0-9_]+", case.name)
        assert re.fullmatch(r"[!-~]+", case.token)
        assert {"Authorization": f"Bearer {case.token}"} == case.headers
        assert case.token not in repr(case)
        assert case.sec.startswith("SEC-")
    with pytest.raises(KeyError):
        fm_auth.bad_tokens["fine"]


def test_a_user_is_signed_in_without_a_word(fm_auth):
    jane = fm_auth.as_user("jane")

    expect_accepted(fm_auth, jane)
    assert {"Authorization": f"Bearer {jane.access_token}"} == jane.headers
    claims = jane.claims
    assert ("jane", "jane@example.com", ("user",), None) == (
        claims.username,
        claims.email,
        claims.roles,
        claims.organization_id,
    )
    assert jane.session_id == claims.sid
    assert (True, False) == (
        claims.email_verified,
        fm_auth.as_user("eve", email_verified=False).claims.email_verified,
    )
    assert jane.access_token not in repr(jane)


def test_the_same_name_is_the_same_account_with_another_session(fm_auth):
    first, second = fm_auth.as_user("jane"), fm_auth.as_user("jane")

    assert (first.user.id, False) == (second.user.id, first.session_id == second.session_id)
    expect_accepted(fm_auth, first)
    expect_accepted(fm_auth, second)


def test_roles_are_those_of_the_platform(fm_auth):
    assert ("admin",) == fm_auth.as_user("ann", roles=["admin"]).claims.roles
    assert ("user", "admin") == fm_auth.as_user("ann", roles=["admin", "user"]).claims.roles
    both = fm_auth.as_user("ann")
    assert ("user", "admin") == both.claims.roles
    assert ("user",) == fm_auth.as_user("ann", roles=["user"]).claims.roles
    expect_refused(fm_auth, both.access_token)  # which claims a role that she has lost
    with pytest.raises(InvalidInput):
        fm_auth.as_user("ann", roles=["king"])


def test_a_member_acts_in_an_organization(fm_auth):
    jane = fm_auth.as_user("jane", organization="acme")
    eve = fm_auth.as_user("eve", organization="acme", organization_role="viewer")
    elsewhere = fm_auth.as_user("jane", organization="other")

    assert jane.claims.organization_id == eve.claims.organization_id
    assert jane.claims.organization_id != elsewhere.claims.organization_id
    assert "cases:write" in jane.claims.permissions
    assert "cases:write" not in eve.claims.permissions
    assert (
        "cases:write"
        in fm_auth.as_user(
            "eve", organization="acme", organization_role="member"
        ).claims.permissions
    )


def test_permissions_are_exactly_those(fm_auth):
    jane = fm_auth.as_user("jane", organization="acme", permissions=["cases:read", "users:read"])

    assert ("cases:read", "users:read") == jane.claims.permissions
    expect_accepted(fm_auth, jane)
    jane = fm_auth.as_user("jane", organization="acme", permissions=["cases:read"])
    assert ("cases:read",) == jane.claims.permissions
    again = fm_auth.as_user("eve", organization="acme", permissions=["cases:read"])
    assert ("cases:read",) == again.claims.permissions
    with pytest.raises(InvalidInput):
        fm_auth.as_user("jane", organization="acme", permissions=["cases:eat"])


@pytest.mark.parametrize("what", [{"permissions": ["cases:read"]}, {"organization_role": "owner"}])
def test_a_role_of_an_organization_needs_one(fm_auth, what):
    with pytest.raises(ValueError, match="an organization is needed"):
        fm_auth.as_user("jane", **what)


@pytest.mark.sec("SEC-27")
def test_a_token_expires_when_the_test_says_so(fm_auth):
    jane = fm_auth.as_user("jane")

    fm_auth.clock.advance(minutes=14, seconds=59)
    expect_accepted(fm_auth, jane)
    fm_auth.clock.advance(seconds=1)
    assert "token_expired" == expect_refused(fm_auth, jane.access_token)
    jane.refresh()
    expect_accepted(fm_auth, jane)
    fm_auth.clock.advance(days=7)
    with pytest.raises(InvalidRefreshToken):
        jane.refresh()


def test_the_clock_may_be_set_back(fm_auth):
    fm_auth.as_user("jane").log_out()
    fm_auth.clock.advance(hours=2)
    later = fm_auth.as_user("jane")
    later.log_out()
    fm_auth.clock.advance(timedelta(hours=-1))
    jane = fm_auth.as_user("jane")

    expect_accepted(fm_auth, jane)
    jane.log_out()
    expect_refused(fm_auth, jane.access_token)


@pytest.mark.sec("SEC-29")
def test_a_token_is_refused_as_soon_as_its_session_is_over(fm_auth):
    jane, other, eve = (fm_auth.as_user(name) for name in ("jane", "jane", "eve"))
    expect_accepted(fm_auth, jane)

    jane.log_out()

    expect_refused(fm_auth, jane.access_token)
    expect_accepted(fm_auth, other)
    other.log_out_everywhere()
    expect_refused(fm_auth, other.access_token)
    expect_accepted(fm_auth, eve)


@pytest.mark.sec("SEC-70")
def test_an_impersonation_says_who_acts(fm_auth):
    admin, jane = fm_auth.as_user("ann", roles=["admin"]), fm_auth.as_user("jane")

    session = fm_auth.impersonate(jane, by=admin)

    expect_accepted(fm_auth, session)
    assert (jane.user.id, admin.user.id) == (session.claims.sub, session.claims.act.sub)
    assert jane.claims.act is msgspec.UNSET


@pytest.mark.sec("SEC-72")
def test_a_service_that_cannot_hear_the_issuer_refuses_after_a_while(fm_auth):
    jane = fm_auth.as_user("jane")
    assert fm_auth.sync_verifier.ready
    assert at_once(fm_auth.verifier.verify(jane.access_token))

    fm_auth.issuer.up = False
    expect_accepted(fm_auth, jane)
    fm_auth.clock.advance(seconds=6)

    for verify in (
        fm_auth.sync_verifier.verify,
        lambda token: at_once(fm_auth.verifier.verify(token)),
    ):
        with pytest.raises(Unavailable):
            verify(jane.access_token)
    assert (False, False) == (fm_auth.verifier.ready, fm_auth.sync_verifier.ready)
    assert "down" in fm_auth.verifier.trouble
    assert fm_auth.authenticate(jane.access_token)
    fm_auth.issuer.up = True
    expect_accepted(fm_auth, jane)


def test_storage_that_is_down_is_no_news_of_revocations(fm_auth):
    jane = fm_auth.as_user("jane")
    expect_accepted(fm_auth, jane)

    fm_auth.core.store.down = True
    fm_auth.clock.advance(seconds=6)

    with pytest.raises(Unavailable):
        fm_auth.sync_verifier.verify(jane.access_token)


def test_keys_are_published_as_the_service_does(fm_auth):
    first = fm_auth.jwks["keys"]
    before = fm_auth.as_user("jane")

    fm_auth.run(fm_auth.core.keys.rotate(KeyUse.ACCESS))

    after = fm_auth.as_user("jane")
    expect_accepted(fm_auth, before)
    expect_accepted(fm_auth, after)
    assert {"kty", "n", "e", "kid", "use", "alg"} == first[0].keys()
    assert {1, 2} == {len(first), len(fm_auth.jwks["keys"])}


@pytest.mark.sec("SEC-29")
def test_what_an_emergency_takes_out_of_the_ring_signs_nobody_in(fm_auth):
    jane = fm_auth.as_user("jane")
    expect_accepted(fm_auth, jane)
    kid = fm_auth.run(fm_auth.core.keys.ring()).active(KeyUse.ACCESS).kid

    fm_auth.run(fm_auth.core.keys.revoke(kid))

    expect_refused(fm_auth, jane.access_token)
    expect_accepted(fm_auth, fm_auth.as_user("jane"))


def test_letters_are_captured(fm_auth):
    jane = fm_auth.as_user("jane")
    with pytest.raises(LookupError, match="letters to nobody"):
        fm_auth.mail.last()
    flows = fm_auth.core.self_service

    fm_auth.run(flows.reset_password.send(Username.parse("jane")))

    letter = fm_auth.mail.last("Jane@example.com")
    assert (1, [letter]) == (len(fm_auth.mail), list(fm_auth.mail))
    assert f"https://auth.faultmaven.ai/account/reset-password?token={letter.token}" == letter.link
    assert letter.token not in repr(letter)
    fm_auth.run(flows.reset_password.reset(letter.token, "another long password"))
    expect_refused(fm_auth, jane.access_token)
    assert (None, None) == (fm_auth.mail.last().link, fm_auth.mail.last().code)
    with pytest.raises(
        LookupError, match=r"no letter to eve@example\.com; there are letters to jane@"
    ):
        fm_auth.mail.last("eve@example.com")


def test_codes_are_captured(fm_auth):
    fm_auth.as_user("jane", email="jane@corp.example")
    flow = fm_auth.core.self_service.sign_in

    challenge = fm_auth.run(flow.send_code(fm_auth.as_user("jane").user.email)).reveal()
    code = fm_auth.mail.last("jane@corp.example").code

    assert re.fullmatch(r"\d{6}", code)
    signed_in = fm_auth.run(flow.redeem_code(challenge, code, origin=SessionOrigin()))
    assert "jane" == signed_in.user.username.value


async def test_the_kit_is_at_hand_in_async_tests(fm_auth):
    jane = fm_auth.as_user("jane")

    async with fm_auth.verifier as verifier:
        assert jane.claims == await verifier.verify(jane.access_token)
        jane.log_out()
        with pytest.raises(InvalidToken):
            await verifier.verify(jane.access_token)
    # the core itself can be awaited, too
    assert jane.user.id == (await fm_auth.core.users.named(Username.parse("jane"))).id


def test_the_verifier_for_threads_needs_no_start_and_has_one(fm_auth):
    with fm_auth.sync_verifier as verifier:
        assert verifier.ready
    assert 0 == verifier.revocations_known
    fm_auth.as_user("jane").log_out()
    assert verifier.ready
    assert 1 == verifier.revocations_known


class TestWithOtherOptions:
    @pytest.fixture
    def fm_auth_options(self):
        return Options(
            issuer="https://login.example",
            audience="orders",
            access_lifetime=timedelta(minutes=1),
            permissions_claim=2048,
            resources={"orders": ("read", "ship")},
        )

    @pytest.fixture
    def fm_auth_start(self):
        return START

    def test_a_project_has_a_deployment_of_its_own(self, fm_auth):
        jane = fm_auth.as_user("jane", organization="acme", permissions=["orders:ship"])

        assert ("https://login.example", "orders", START.timestamp()) == (
            jane.claims.iss,
            jane.claims.aud,
            jane.claims.iat,
        )
        assert ("orders:ship",) == jane.claims.permissions
        expect_accepted(fm_auth, jane)
        fm_auth.clock.advance(minutes=1)
        expect_refused(fm_auth, jane.access_token)


@pytest.fixture
def loop():
    loop = BackgroundLoop()
    yield loop
    loop.close()


@pytest.mark.sec("SEC-25")
@pytest.mark.parametrize("name", BAD_TOKENS)
def test_every_bad_token_is_refused_under_es256(loop, es256, name):
    kit = Kit(loop, es256, start=START)

    bad = kit.bad_tokens[name]

    assert bad.code == expect_refused(kit, bad.token)


def test_two_kits_of_one_second_know_different_people(loop, es256):
    one, other = (Kit(loop, es256, start=START).as_user("jane") for _ in range(2))

    assert one.user.id != other.user.id
    assert one.session_id != other.session_id


@pytest.fixture(scope="session")
def es256():
    return KeyPool("ES256")


def test_other_algorithms_are_none_of_ours():
    with pytest.raises(ValueError, match="RS256 or ES256, not 'none'"):
        KeyPool("none")


def test_es256_is_accepted(loop, es256):
    kit = Kit(loop, es256, start=START, options=KIT_OPTIONS)

    expect_accepted(kit, kit.as_user("jane"))
    assert "ES256" == kit.jwks["keys"][0]["alg"]
    assert "ES256" == kit.core.ports.key_generator.algorithm(KeyUse.ACCESS)
    assert "HS256" == kit.core.ports.key_generator.algorithm(KeyUse.REFRESH)


def test_the_loop_ends_with_its_tests_and_waits_for_nobody(loop):
    async def nap(answer):
        await asyncio.sleep(0)
        return answer

    async def wait_for_itself():
        return loop.run(nap(1))

    assert 7 == loop.run(nap(7))
    with pytest.raises(RuntimeError, match="wait for itself"):
        loop.run(wait_for_itself())
    answers = []
    threads = [Thread(target=lambda n=n: answers.append(loop.run(nap(n)))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [*range(8)] == sorted(answers)
    loop.close()
    loop.close()


def test_a_loop_that_nobody_used_has_nothing_to_end():
    BackgroundLoop().close()


async def _asked(app, path, kind="http"):
    sent = []

    async def send(message):
        sent.append(message)

    await app({"type": kind, "path": path}, None, send)
    return sent


async def test_the_jwks_is_served_over_asgi(fm_auth):
    start, body = await _asked(fm_auth.jwks_app, "/.well-known/jwks.json")

    assert (200, fm_auth.jwks) == (start["status"], msgspec.json.decode(body["body"]))
    assert 404 == (await _asked(fm_auth.jwks_app, "/"))[0]["status"]
    assert [] == await _asked(fm_auth.jwks_app, "/", "lifespan")
    fm_auth.issuer.up = False
    assert 503 == (await _asked(fm_auth.jwks_app, "/.well-known/jwks.json"))[0]["status"]


def test_the_issuer_gives_its_word_on_a_token(fm_auth):
    jane = fm_auth.as_user("jane")

    assert fm_auth.issuer.introspect(jane.access_token)
    jane.log_out()
    assert not fm_auth.issuer.introspect(jane.access_token)
