"""Wrong passwords in a row: waits, the end, and what ends it (NIST SP 800-63B-4 §3.2.2)."""

import asyncio
from datetime import timedelta

import pytest

from auth_core.audit import AuditAction
from auth_core.credentials import FailurePolicy
from auth_core.kernel import (
    AuthenticationFailed,
    PasswordChangeRequired,
    Secret,
    Unavailable,
    Username,
)
from auth_core.users import Registration

ALICE = Registration.parse(username="alice")
NAME = ALICE.username
PASSWORD = "correct horse battery staple"
SECOND = timedelta(seconds=1)


async def fail(core, password="a wrong password"):
    with pytest.raises(AuthenticationFailed):
        await core.sign_in.log_in(NAME, password)


def failures(core):
    (state,) = core.store.password_states.values()
    return state.consecutive_failures


@pytest.mark.sec("SEC-11")
def test_the_wait_doubles_from_half_a_minute_to_an_hour():
    policy = FailurePolicy()

    waits = [policy.wait(number).total_seconds() for number in range(15)]

    assert [0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600] == waits
    assert timedelta(hours=1) == policy.wait(10**9)


@pytest.mark.sec("SEC-01", "SEC-11")
async def test_while_an_account_backs_off_the_right_password_is_a_wrong_one(production):
    await production.sign_in.register(ALICE, PASSWORD)
    for _ in range(5):
        await fail(production)
    production.clock.advance(timedelta(seconds=30) - SECOND)
    await fail(production, PASSWORD)  # reads the keys anew
    verified, begun = production.hasher.verified, production.store.begun

    await fail(production, PASSWORD)

    assert (1, 2) == (production.hasher.verified - verified, production.store.begun - begun)
    assert 5 == failures(production)
    production.clock.advance(SECOND)
    assert await production.sign_in.log_in(NAME, PASSWORD)
    assert 0 == failures(production)


@pytest.mark.sec("SEC-12")
async def test_attempts_while_an_account_backs_off_do_not_prolong_it(production):
    await production.sign_in.register(ALICE, PASSWORD)
    for _ in range(50):
        await fail(production)

    assert 5 == failures(production)
    production.clock.advance(timedelta(seconds=30))
    assert await production.sign_in.log_in(NAME, PASSWORD)


async def disabled(core):
    """Alice's password after a hundred failures, each window respected."""
    for _ in range(100):
        await fail(core)
        core.clock.advance(timedelta(hours=1))


@pytest.mark.sec("SEC-11")
async def test_after_a_hundred_failures_the_password_is_disabled_until_it_is_reset(production):
    user = (await production.sign_in.register(ALICE, PASSWORD)).user
    await disabled(production)

    production.clock.advance(timedelta(days=400))
    await fail(production, PASSWORD)

    assert 100 == failures(production)
    await production.lifecycle.set_password(user.id, Secret(f"{PASSWORD} and more"))
    assert await production.sign_in.log_in(NAME, f"{PASSWORD} and more")


@pytest.mark.sec("SEC-11")
async def test_an_operator_unlocks_a_password(production):
    user = (await production.sign_in.register(ALICE, PASSWORD)).user
    await disabled(production)

    assert await production.password_proof.unlock(user.id)
    assert not await production.password_proof.unlock(user.id)

    assert await production.sign_in.log_in(NAME, PASSWORD)
    assert AuditAction.PASSWORD_UNLOCKED is production.audited[-1].action
    assert "user.password_unlocked" in [event.type for event in production.published]


@pytest.mark.sec("SEC-11")
async def test_a_success_starts_the_count_anew(production):
    await production.sign_in.register(ALICE, PASSWORD)
    for _ in range(30):
        for _ in range(4):
            await fail(production)
        assert await production.sign_in.log_in(NAME, PASSWORD)

    assert 0 == failures(production)


@pytest.mark.sec("SEC-12")
async def test_sessions_outlive_a_disabled_password(production):
    signed_in = await production.sign_in.register(ALICE, PASSWORD)
    token = signed_in.tokens.refresh_token
    for _ in range(100):
        await fail(production)
        production.clock.advance(timedelta(hours=1))
        token = (await production.refresh.redeem(token)).tokens.refresh_token

    refreshed = await production.refresh.redeem(token)

    assert await production.authenticator.authenticate(refreshed.tokens.access_token)


@pytest.mark.sec("SEC-11", "SEC-66")
async def test_every_failure_leaves_a_record_and_an_event_and_the_last_says_so(production):
    user = (await production.sign_in.register(ALICE, PASSWORD)).user
    before = len(production.published)
    await disabled(production)

    actions = [record.action for record in production.audited]
    assert [AuditAction.SIGN_IN_FAILED] * 99 + [AuditAction.PASSWORD_DISABLED] == actions
    assert {user.id} == {record.user_id for record in production.audited}
    events = [event.type for event in production.published[before:]]
    assert ["user.sign_in_failed"] * 100 + ["user.password_disabled"] == events


@pytest.mark.sec("SEC-11")
async def test_parallel_guesses_are_all_counted(production):
    await production.sign_in.register(ALICE, PASSWORD)

    await asyncio.gather(*(fail(production) for _ in range(20)))

    assert 20 == failures(production)
    await fail(production, PASSWORD)


@pytest.mark.sec("SEC-11")
@pytest.mark.parametrize("step", ["credentials.record_failure", "audit.append", "commit"])
async def test_a_failure_that_cannot_be_counted_is_no_answer(production, step):
    await production.sign_in.register(ALICE, PASSWORD)

    def crash(statement):
        if statement == step:
            raise Unavailable

    production.store.on_statement = crash
    with pytest.raises(Unavailable):
        await production.sign_in.log_in(NAME, "a wrong password")
    production.store.on_statement = None

    assert (0, []) == (failures(production), production.audited)


async def test_a_first_success_writes_nothing_about_the_password(production):
    await production.sign_in.register(ALICE, PASSWORD)
    seen = []
    production.store.on_statement = seen.append

    await production.sign_in.log_in(NAME, PASSWORD)

    assert "credentials.verified" not in seen


async def old_hash(core):
    """Alice's password as an older version of the hasher had stored it."""
    user = (await core.sign_in.register(ALICE, PASSWORD)).user
    current = core.store.password_hashes[user.id].reveal()
    old = Secret(current.replace("toy", "old", 1))
    core.store.password_hashes[user.id] = old
    return user.id, old


@pytest.mark.sec("SEC-07")
async def test_a_hash_of_old_parameters_is_replaced_by_the_login(production):
    user_id, old = await old_hash(production)

    assert await production.sign_in.log_in(NAME, PASSWORD)

    upgraded = production.store.password_hashes[user_id]
    assert old != upgraded
    assert production.hasher.is_current(upgraded)
    assert await production.sign_in.log_in(NAME, PASSWORD)
    assert upgraded == production.store.password_hashes[user_id]


@pytest.mark.sec("SEC-07")
async def test_a_wrong_password_upgrades_nothing(production):
    user_id, old = await old_hash(production)

    await fail(production)

    assert old == production.store.password_hashes[user_id]


@pytest.mark.sec("SEC-07")
async def test_a_password_changed_during_the_upgrade_wins(production):
    user_id, _ = await old_hash(production)
    original = production.hasher.hash
    changing = False

    async def slow_hash(password):
        nonlocal changing
        upgraded = await original(password)
        if not changing:
            changing = True
            await production.lifecycle.set_password(user_id, Secret("another long password"))
        return upgraded

    production.hasher.hash = slow_hash
    with pytest.raises(Unavailable):  # every session was ended meanwhile, this one as well
        await production.sign_in.log_in(NAME, PASSWORD)
    production.hasher.hash = original

    assert await production.sign_in.log_in(NAME, "another long password")


@pytest.mark.sec("SEC-07")
async def test_a_full_queue_puts_the_upgrade_off_and_not_the_login(production):
    user_id, old = await old_hash(production)

    async def refuse(password):
        raise Unavailable

    production.hasher.hash = refuse

    assert await production.sign_in.log_in(NAME, PASSWORD)
    assert old == production.store.password_hashes[user_id]


async def require_change(core, user_id):
    async with core.unit_of_work() as uow:
        assert await uow.credentials.require_change(user_id)
        await uow.commit()


@pytest.mark.sec("SEC-01")
async def test_that_a_password_must_be_changed_is_told_to_its_owner_only(production):
    user = (await production.sign_in.register(ALICE, PASSWORD)).user
    await require_change(production, user.id)
    sessions = len(production.store.sessions)

    await fail(production)
    with pytest.raises(PasswordChangeRequired) as caught:
        await production.sign_in.log_in(NAME, PASSWORD)

    assert "password_change_required" == caught.value.code
    assert sessions == len(production.store.sessions)
    assert 0 == failures(production)
    await production.lifecycle.set_password(user.id, Secret(f"{PASSWORD} and more"))
    assert await production.sign_in.log_in(NAME, f"{PASSWORD} and more")


@pytest.mark.sec("SEC-01", "SEC-11")
async def test_a_disabled_password_costs_what_an_unknown_name_costs(production):
    await production.sign_in.register(ALICE, PASSWORD)
    await disabled(production)
    await fail(production, PASSWORD)  # reads the keys anew

    async def cost(name):
        before = production.hasher.verified, production.store.begun
        with pytest.raises(AuthenticationFailed) as caught:
            await production.sign_in.log_in(name, PASSWORD)
        after = production.hasher.verified, production.store.begun
        return after[0] - before[0], after[1] - before[1], str(caught.value)

    assert await cost(NAME) == await cost(Username.parse("stranger"))
