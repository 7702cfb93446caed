"""Acting for a user: openly, briefly, and never to take the account (SEC-70)."""

from datetime import timedelta

import msgspec
import pytest

from auth_core.audit import AuditAction, AuditResult
from auth_core.kernel import (
    AuthenticationFailed,
    ImpersonationRefused,
    InsufficientAuthentication,
    InvalidInput,
    InvalidRefreshToken,
    InvalidToken,
    LifecycleConflict,
    PermissionDenied,
    Unavailable,
    UserId,
    UserNotFound,
    acting,
    current_actor,
    through,
)
from auth_core.sessions import EndReason, SessionOrigin
from auth_core.testing.contracts.making import fresh_id
from auth_core.tokens import ActorClaim
from auth_core.users import Registration

MINUTES = timedelta(minutes=30)
REASON = "ticket 4711"
PASSWORD = "a password that is long enough"

pytestmark = pytest.mark.sec("SEC-70")


@pytest.fixture
def begin(core):
    async def begin(principal, user_id, *, reason=REASON, lifetime=MINUTES):
        return await core.impersonation.begin(
            principal, user_id, reason=reason, lifetime=lifetime, origin=SessionOrigin()
        )

    return begin


async def test_its_tokens_name_both_and_the_trail_keeps_the_reason(
    core, people, admin, user, begin
):
    before = len(core.published)
    acting_for = await people.principal(await begin(admin, user.user.id))

    assert user.user.id == acting_for.user.id
    assert ActorClaim(admin.user.id) == acting_for.claims.act
    assert msgspec.UNSET is user.claims.act
    session = acting_for.session
    assert (admin.user.id, REASON) == (session.impersonator_id, session.impersonation_reason)
    record = core.audited[-1]
    assert ("session:impersonated", REASON) == (record.action, record.detail)
    assert (user.user.id, admin.user.id, session.id) == (
        record.user_id,
        record.actor_id,
        record.session_id,
    )
    [event] = core.published[before:]
    assert ("session.created", admin.user.id) == (event.type, event.actor_id)
    listed = await core.sessions.live_of(user.user.id)
    assert {admin.user.id, None} == {each.impersonator_id for each in listed}


async def test_it_is_no_login_of_the_user(core, admin, user, begin):
    core.clock.advance(timedelta(minutes=1))
    before = core.store.users[user.user.id]

    await begin(admin, user.user.id)

    assert before == core.store.users[user.user.id]


async def test_it_ends_in_time_however_often_it_is_refreshed(core, people, admin, user, begin):
    signed_in = await begin(admin, user.user.id)
    for _ in range(3):
        core.clock.advance(timedelta(minutes=9))
        signed_in = await core.refresh.redeem(signed_in.tokens.refresh_token)
        principal = await people.principal(signed_in)
        assert ActorClaim(admin.user.id) == principal.claims.act
        assert signed_in.tokens.expires_at <= int(principal.session.created_at.timestamp()) + 1800
    core.clock.advance(timedelta(minutes=3))

    with pytest.raises(InvalidToken):
        await people.principal(signed_in)
    with pytest.raises(InvalidRefreshToken):
        await core.refresh.redeem(signed_in.tokens.refresh_token)


async def test_a_theft_of_its_tokens_is_marked_too(core, admin, user, begin):
    first = await begin(admin, user.user.id)
    second = await core.refresh.redeem(first.tokens.refresh_token)
    await core.refresh.redeem(second.tokens.refresh_token)
    core.clock.advance(timedelta(minutes=1))

    with pytest.raises(InvalidRefreshToken):
        await core.refresh.redeem(first.tokens.refresh_token)

    record = core.audited[-1]
    assert ("session:reuse_detected", admin.user.id) == (record.action, record.actor_id)
    assert [admin.user.id] * 2 == [event.actor_id for event in core.published[-2:]]


async def test_it_does_not_go_on_to_another(people, platform, admin, user, begin):
    as_admin = await people.principal(await begin(platform, admin.user.id))

    with pytest.raises(ImpersonationRefused):
        await begin(as_admin, user.user.id)


async def test_only_a_platform_admin_acts_for_an_administrator(people, platform, admin, begin):
    other = await people.register("other", "admin")
    for principal, target in ((admin, other), (admin, platform), (other, admin)):
        with pytest.raises(PermissionDenied):
            await begin(principal, target.user.id)
    second = await people.register("second", "platform_admin")

    for target in (admin, second):
        assert await begin(platform, target.user.id)


async def test_who_may_not_does_not(core, admin, user, begin):
    with pytest.raises(PermissionDenied):
        await begin(user, admin.user.id)
    with pytest.raises(PermissionDenied):
        await begin(admin, admin.user.id)
    with pytest.raises(UserNotFound):
        await begin(admin, UserId(fresh_id()))
    await core.administration.disable(None, user.user.id)
    with pytest.raises(LifecycleConflict):
        await begin(admin, user.user.id)
    assert "session:impersonated" not in [record.action for record in core.audited]


@pytest.mark.parametrize("reason", ["", "  ", "ab", "a" * 201, "a\nb c", "a\x00bc", "abc\u202e"])
async def test_a_reason_there_must_be(admin, user, begin, reason):
    with pytest.raises(InvalidInput):
        await begin(admin, user.user.id, reason=reason)


@pytest.mark.parametrize("minutes", [0, -1, 61, 0.5])
async def test_a_time_that_is_too_long_or_none_is_refused(admin, user, begin, minutes):
    with pytest.raises(InvalidInput):
        await begin(admin, user.user.id, lifetime=timedelta(minutes=minutes))


async def test_it_is_never_recent_and_no_password_makes_it_so(core, people, admin, user, begin):
    acting_for = await people.principal(await begin(admin, user.user.id))

    with pytest.raises(ImpersonationRefused):
        core.step_up.require_recent(acting_for.session)
    with pytest.raises(ImpersonationRefused):
        await core.reauthentication.by_password(acting_for, PASSWORD)


async def test_everything_in_it_is_marked(core, people, admin, user, begin):
    """Whatever it is that writes: the mark is beside the work, not in its arguments."""
    acting_for = await people.principal(await begin(admin, user.user.id))
    events, records = len(core.published), len(core.audited)

    with acting(acting_for.session.impersonator_id):
        await core.users.rename(user.user.id, "By somebody else")
        await core.sessions.end(user.user.id, user.session.id, EndReason.REVOKED)
        await core.lifecycle.disable(user.user.id)
    assert None is current_actor()
    await core.lifecycle.enable(user.user.id)

    assert {admin.user.id} == {event.actor_id for event in core.published[events:-1]}
    assert None is core.published[-1].actor_id
    assert [admin.user.id] * 2 + [None] == [each.actor_id for each in core.audited[records:]]


async def test_a_crash_leaves_no_session(core, admin, user, begin):
    def crash(statement):
        if statement == "audit.append":
            raise Unavailable

    core.store.on_statement = crash
    with pytest.raises(Unavailable):
        await begin(admin, user.user.id)
    core.store.on_statement = None

    assert 1 == len(await core.sessions.live_of(user.user.id))


@pytest.mark.sec("SEC-24")
async def test_a_password_makes_a_session_recent_again(core, people, user):
    core.step_up.require_recent(user.session)
    core.clock.advance(timedelta(minutes=15))
    with pytest.raises(InsufficientAuthentication) as refused:
        core.step_up.require_recent(user.session)
    assert 900 == refused.value.max_age
    with pytest.raises(AuthenticationFailed):
        await core.reauthentication.by_password(user, "wrong")

    signed_in = await core.reauthentication.by_password(user, PASSWORD)

    proved = await people.principal(signed_in)
    assert (user.session.id, ("pwd",)) == (proved.session.id, proved.session.amr)
    core.step_up.require_recent(proved.session)
    other = await core.another_worker().authenticator.authenticate(signed_in.tokens.access_token)
    core.step_up.require_recent(other.session)
    assert await core.refresh.redeem(signed_in.tokens.refresh_token)


@pytest.mark.sec("SEC-66")
async def test_a_renewed_proof_is_recorded_with_its_session_and_a_failed_one_as_a_failure(
    core, user
):
    known = len(core.audited)
    with pytest.raises(AuthenticationFailed):
        await core.reauthentication.by_password(user, "wrong")
    with through(user.session.id):
        await core.reauthentication.by_password(user, PASSWORD)

    failed, renewed = core.audited[known:]
    assert (AuditAction.SIGN_IN_FAILED, AuditResult.FAILURE) == (failed.action, failed.result)
    assert (AuditAction.REAUTHENTICATED, "password", AuditResult.SUCCESS) == (
        renewed.action,
        renewed.reason,
        renewed.result,
    )
    session = user.session.id
    assert (user.user.id, session, session) == (
        renewed.user_id,
        renewed.session_id,
        renewed.via_session_id,
    )


@pytest.mark.sec("SEC-66")
async def test_a_proof_that_does_not_count_after_all_leaves_no_record(core, user):
    core.clock.advance(timedelta(minutes=15))
    known, stale = len(core.audited), user.session.authenticated_at

    def fail(name):
        if name == "commit":
            raise Unavailable

    core.store.on_statement = fail
    with pytest.raises(Unavailable):
        await core.reauthentication.by_password(user, PASSWORD)
    core.store.on_statement = None

    assert known == len(core.audited)
    assert stale == core.store.sessions[user.session.id].authenticated_at


@pytest.mark.sec("SEC-24")
async def test_a_refresh_makes_nothing_recent(core, people, user):
    signed_in = await core.sign_in.log_in(user.user.username, PASSWORD)
    core.clock.advance(timedelta(minutes=16))

    refreshed = await people.principal(await core.refresh.redeem(signed_in.tokens.refresh_token))

    with pytest.raises(InsufficientAuthentication):
        core.step_up.require_recent(refreshed.session)


@pytest.mark.sec("SEC-24")
async def test_a_clock_that_was_set_back_makes_nothing_recent(core, user):
    core.clock.advance(timedelta(minutes=-16))

    with pytest.raises(InsufficientAuthentication):
        core.step_up.require_recent(user.session)


@pytest.mark.sec("SEC-24")
async def test_a_session_that_ended_meanwhile_is_not_proved(core, user):
    await core.sessions.end(user.user.id, user.session.id, EndReason.LOGOUT)

    with pytest.raises(InvalidToken):
        await core.reauthentication.by_password(user, PASSWORD)


@pytest.mark.sec("SEC-24")
async def test_who_has_no_password_cannot_prove_anything_with_one(core, people):
    signed_in = await core.sign_in.register(Registration.parse(username="nobody"))

    with pytest.raises(AuthenticationFailed):
        await core.reauthentication.by_password(await people.principal(signed_in), PASSWORD)
