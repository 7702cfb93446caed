"""Refresh rotation: the honest always come through, a thief never twice (SEC-30 to SEC-34)."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from auth_core.audit import AuditAction
from auth_core.core import Options
from auth_core.kernel import InvalidRefreshToken, InvalidToken, Unavailable
from auth_core.sessions import EndReason, ReuseCause, SessionOrigin
from auth_core.testing import in_memory_core
from auth_core.tokens import SignInPolicy
from auth_core.users import Registration

WINDOW = timedelta(seconds=10)
IDLE = timedelta(days=7)
ABSOLUTE = timedelta(days=30)
TICK = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def signed_in(core):
    return await core.sign_in.register(Registration.parse(username="alice"))


@pytest.fixture
def first(signed_in):
    return signed_in.tokens.refresh_token


async def refresh(core, token, **options):
    return (await core.refresh.redeem(token, **options)).tokens.refresh_token


async def refused(core, token, **options):
    with pytest.raises(InvalidRefreshToken):
        await core.refresh.redeem(token, **options)


def session_of(core):
    (session,) = core.store.sessions.values()
    return session


def reuses(core):
    return [event for event in core.published if event.type == "session.reuse_detected"]


async def test_a_refresh_gives_a_pair_that_works(core, signed_in, first):
    core.clock.advance(timedelta(minutes=14))

    refreshed = await core.refresh.redeem(first)

    assert refreshed.user == core.store.users[signed_in.user.id]
    assert first != refreshed.tokens.refresh_token
    assert signed_in.tokens.session_id == refreshed.tokens.session_id
    assert await core.authenticator.authenticate(refreshed.tokens.access_token)
    assert await refresh(core, refreshed.tokens.refresh_token)


async def test_a_refresh_writes_one_row_and_reads_no_cache(core, first):
    begun, round_trips, statements = core.store.begun, core.cache.round_trips, []
    core.store.on_statement = statements.append

    await core.refresh.redeem(first)

    assert ["sessions.advance", "commit"] == statements
    assert (1, 0) == (core.store.begun - begun, core.cache.round_trips - round_trips)
    assert 1 == len(core.store.sessions)


@pytest.mark.sec("SEC-31")
async def test_twenty_parallel_refreshes_rotate_once_and_all_get_the_same_token(core, first):
    tokens = await asyncio.gather(*(refresh(core, first) for _ in range(20)))

    assert 1 == len(set(tokens))
    assert 1 == session_of(core).refresh_counter
    assert await refresh(core, tokens[0])
    assert [] == reuses(core)


@pytest.mark.sec("SEC-32")
async def test_a_lost_answer_can_be_asked_for_again_much_later(core, first):
    lost = await refresh(core, first)
    core.clock.advance(timedelta(days=2))

    retried = await refresh(core, first)

    assert lost == retried
    assert await refresh(core, retried)


@pytest.mark.sec("SEC-32")
async def test_two_tabs_within_the_window_both_go_on(core, first):
    second = await refresh(core, first)
    third = await refresh(core, second)
    core.clock.advance(WINDOW - TICK)

    assert third == await refresh(core, first)
    assert await refresh(core, third)


async def test_a_slow_tab_is_served_whatever_the_fast_one_did_meanwhile(core, first):
    newest = first
    for _ in range(30):
        newest = await refresh(core, newest)
        core.clock.advance(timedelta(milliseconds=300))

    assert newest == await refresh(core, first)


@pytest.mark.sec("SEC-31", "SEC-32")
async def test_a_late_retry_that_another_tab_overtakes_is_no_theft(core, first):
    """The window runs from the use of the successor: until then the retry was good anyway."""
    second = await refresh(core, first)
    core.clock.advance(timedelta(minutes=15))
    third = await refresh(core, second)

    assert third == await refresh(core, first)
    core.clock.advance(WINDOW)
    await refused(core, first)


@pytest.mark.sec("SEC-30")
async def test_a_used_up_token_after_the_window_is_theft(core, signed_in, first):
    second = await refresh(core, first)
    third = await refresh(core, second)
    core.clock.advance(WINDOW)

    await refused(core, first)

    assert EndReason.REUSE_DETECTED is session_of(core).end_reason
    await refused(core, third)
    (reuse,) = reuses(core)
    assert (ReuseCause.SUPERSEDED_TOKEN, signed_in.tokens.session_id) == (
        reuse.cause,
        reuse.session_id,
    )
    assert "session.revoked" == core.published[-1].type


@pytest.mark.sec("SEC-30", "SEC-66")
async def test_the_damage_report_stands_before_the_answer_and_is_audited_once(core, first):
    await refresh(core, await refresh(core, first))
    core.clock.advance(WINDOW)

    await asyncio.gather(*(refused(core, first) for _ in range(8)))

    (record,) = core.audited
    assert (AuditAction.SESSION_REUSE_DETECTED, "superseded_token") == (
        record.action,
        record.reason,
    )
    assert 1 == len(reuses(core))


@pytest.mark.sec("SEC-29", "SEC-30")
async def test_the_access_tokens_of_a_stolen_session_die_with_it(core, first):
    access = (await core.refresh.redeem(first)).tokens.access_token
    assert await core.authenticator.authenticate(access)
    second = await refresh(core, first)
    await refresh(core, second)
    core.clock.advance(WINDOW)
    await refused(core, first)

    with pytest.raises(Exception, match="not valid"):
        await core.authenticator.authenticate(access)


@pytest.mark.sec("SEC-30")
async def test_the_token_of_an_ended_session_is_reported_and_its_end_stays(core, signed_in, first):
    await core.sessions.end(signed_in.user.id, signed_in.tokens.session_id, EndReason.LOGOUT)

    await refused(core, first)
    await refused(core, first)

    (reuse,) = reuses(core)
    assert ReuseCause.ENDED_SESSION is reuse.cause
    assert EndReason.LOGOUT is session_of(core).end_reason
    actions = [record.action for record in core.audited]
    assert 1 == actions.count(AuditAction.SESSION_REUSE_DETECTED)


@pytest.mark.sec("SEC-29", "SEC-30")
async def test_the_token_of_a_disabled_user_ends_the_session(core, signed_in, first):
    user = core.store.users[signed_in.user.id]
    core.store.users[user.id] = user.disabled(at=core.clock.now())

    await refused(core, first)

    (reuse,) = reuses(core)
    assert ReuseCause.INACTIVE_USER is reuse.cause
    assert EndReason.REUSE_DETECTED is session_of(core).end_reason


@pytest.mark.sec("SEC-33")
@pytest.mark.parametrize("step", ["sessions.report_reuse", "outbox.add", "audit.append", "commit"])
async def test_a_crash_within_the_damage_report_leaves_nothing_and_the_next_attempt_all(
    core, first, step
):
    await refresh(core, await refresh(core, first))
    core.clock.advance(WINDOW)

    def crash(statement):
        if statement == step:
            raise Unavailable

    core.store.on_statement = crash
    with pytest.raises(Unavailable):
        await core.refresh.redeem(first)
    core.store.on_statement = None
    assert ([], [], None) == (reuses(core), core.audited, session_of(core).ended_at)

    await refused(core.another_worker(), first)

    actions = [record.action for record in core.audited]
    assert (1, 1) == (len(reuses(core)), actions.count(AuditAction.SESSION_REUSE_DETECTED))


@pytest.mark.sec("SEC-31", "SEC-33")
async def test_a_crash_between_commit_and_answer_costs_nothing(core, first):
    """The counter moved and the caller never heard: the next worker gives the same token."""
    committed = await refresh(core, first)

    assert committed == await refresh(core.another_worker(), first)


@pytest.mark.sec("SEC-50")
@pytest.mark.parametrize(("offset", "passes"), [(-SECOND, True), (timedelta(0), False)])
async def test_a_session_ends_when_it_is_idle_for_too_long(core, first, offset, passes):
    core.clock.advance(IDLE + offset)

    if passes:
        assert await refresh(core, first)
    else:
        await refused(core, first)
        assert [] == reuses(core)


@pytest.mark.sec("SEC-34", "SEC-50")
@pytest.mark.parametrize(("offset", "passes"), [(-SECOND, True), (timedelta(0), False)])
async def test_a_session_ends_at_its_absolute_lifetime_however_busy_it_is(
    core, first, offset, passes
):
    began, token = core.clock.now(), first
    for _ in range(4):
        core.clock.advance(IDLE - SECOND)
        token = await refresh(core, token)
    core.clock.advance(began + ABSOLUTE + offset - core.clock.now())

    if passes:
        assert await refresh(core, token)
    else:
        await refused(core, token)


@pytest.mark.sec("SEC-50")
async def test_a_clock_that_jumps_back_revives_no_expired_session(core):
    """The token's second is over before the session's microseconds are."""
    options = Options(
        session_idle_lifetime=timedelta(hours=1), sign_in=SignInPolicy(development=True)
    )
    core = in_memory_core(options)
    signed_in = await core.sign_in.register(Registration.parse(username="alice"))
    core.clock.advance(timedelta(hours=1))
    assert None is await core.sessions.state(signed_in.user.id, signed_in.tokens.session_id)

    core.clock.advance(-timedelta(minutes=30))

    await refused(core, signed_in.tokens.refresh_token)
    assert [] == reuses(core)


@pytest.mark.sec("SEC-50")
async def test_a_refusal_for_age_is_for_ever_too(core, first):
    core.clock.advance(IDLE)
    await refused(core, first)
    core.clock.advance(-timedelta(days=1))

    await refused(core, first)

    assert EndReason.EXPIRED is session_of(core).end_reason


@pytest.mark.sec("SEC-50")
async def test_a_refusal_for_age_reaches_the_cache_before_a_clock_that_jumps_back(core, first):
    core.clock.advance(IDLE - timedelta(minutes=10))
    access = core.refresh._tokens.issue(
        next(iter(core.store.users.values())),
        session_of(core),
        await core.refresh._tokens.signing_keys(),
    ).access_token
    assert await core.authenticator.authenticate(access)
    core.clock.advance(timedelta(minutes=10))
    await refused(core, first)
    core.clock.advance(-timedelta(minutes=5))

    with pytest.raises(InvalidToken):
        await core.authenticator.authenticate(access)


@pytest.mark.sec("SEC-34")
async def test_a_session_is_bound_to_the_client_that_began_it(core):
    origin = SessionOrigin(client_id="dashboard")
    signed_in = await core.sign_in.register(Registration.parse(username="alice"), origin=origin)
    token = signed_in.tokens.refresh_token

    await refused(core, token)
    await refused(core, token, client_id="agent")

    assert ([], None) == (reuses(core), session_of(core).ended_at)
    assert await refresh(core, token, client_id="dashboard")


@pytest.mark.sec("SEC-34")
async def test_the_scope_of_a_session_never_widens_and_follows_what_the_user_loses(core):
    closed = in_memory_core(Options(sign_in=SignInPolicy()))
    registration = Registration.parse(username="alice")
    signed_in = await closed.sign_in.register(registration, "a password of some length")
    user = closed.store.users[signed_in.user.id]
    closed.store.users[user.id] = user.with_roles(("user", "admin"), at=closed.clock.now())

    refreshed = await closed.refresh.redeem(signed_in.tokens.refresh_token)
    principal = await closed.authenticator.authenticate(refreshed.tokens.access_token)

    assert ("personal", "team", "global") == refreshed.user.scopes
    assert ("personal",) == principal.claims.scopes


async def test_a_token_from_after_a_restored_backup_is_refused_without_harm(core, first):
    backup = session_of(core)
    newest = await refresh(core, await refresh(core, first))
    core.store.sessions[backup.id] = backup

    await refused(core, newest)

    assert (None, []) == (session_of(core).ended_at, reuses(core))


@pytest.mark.sec("SEC-33")
async def test_without_storage_nothing_is_decided(core, first):
    core.store.down = True

    with pytest.raises(Unavailable):
        await core.refresh.redeem(first)

    core.store.down = False
    assert await refresh(core, first)


async def test_flushing_the_cache_changes_nothing(core, first):
    second = await refresh(core, first)
    core.cache.flush()

    assert second == await refresh(core, first)
    assert await refresh(core, second)


class Stubborn:
    """A counter whose first attempts find somebody else's lock, or whatever it was."""

    def __init__(self, counter, failures):
        self.counter = counter
        self.failures = failures

    async def advance(self, *arguments, **options):
        if self.failures:
            self.failures -= 1
            return None
        return await self.counter.advance(*arguments, **options)


@pytest.mark.parametrize(("failures", "passes"), [(1, True), (2, True), (3, False)])
async def test_what_changes_between_the_attempt_and_the_look_is_tried_again(
    core, first, failures, passes
):
    core.refresh._rotation._counter = Stubborn(core.ports.refresh_counter, failures)

    if passes:
        assert await refresh(core, first)
    else:
        with pytest.raises(Unavailable):
            await core.refresh.redeem(first)


@pytest.mark.sec("SEC-50")
async def test_a_session_whose_time_was_shortened_is_over_although_its_token_is_not(core, first):
    session = session_of(core)
    core.store.sessions[session.id] = msgspec.structs.replace(
        session, expires_at=core.clock.now() + SECOND
    )
    core.clock.advance(SECOND)

    await refused(core, first)

    assert EndReason.EXPIRED is session_of(core).end_reason


async def test_the_token_of_a_session_that_was_swept_is_refused(core, first):
    core.store.sessions.clear()

    await refused(core, first)
    assert ([], []) == (reuses(core), core.audited)
