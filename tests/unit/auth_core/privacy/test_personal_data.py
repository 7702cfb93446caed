"""Exporting and erasing people, in the core."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import msgspec
import pytest

from auth_core.audit import AuditAction
from auth_core.core import Options
from auth_core.kernel import (
    ConcurrentUpdate,
    Email,
    InvalidRefreshToken,
    InvalidToken,
    Letter,
    LetterId,
    MailTemplate,
    Unavailable,
    UserId,
    UserNotFound,
)
from auth_core.privacy import MAX_RECORDS, as_json
from auth_core.sessions import EndReason
from auth_core.testing import in_memory_core
from auth_core.testing.contracts.making import fresh_id
from auth_core.tokens import SignInPolicy
from auth_core.users import DELETION_GRACE, Registration, UserStatus

pytestmark = pytest.mark.usefixtures("another_administrator")

PASSWORD = "correct horse battery staple"
TICK = timedelta(microseconds=1)


@pytest.fixture
async def signed_in(core):
    return await core.sign_in.register(Registration.parse(username="alice"), PASSWORD)


@pytest.fixture
def user_id(signed_in):
    return signed_in.user.id


def events(core):
    return [event.type for event in core.published]


def erasures(core):
    return [record for record in core.audited if record.action is AuditAction.USER_ERASED]


async def is_refused(core, signed_in):
    with pytest.raises(InvalidToken):
        await core.authenticator.authenticate(signed_in.tokens.access_token)
    with pytest.raises(InvalidRefreshToken):
        await core.refresh.redeem(signed_in.tokens.refresh_token)


@pytest.mark.sec("SEC-71")
async def test_a_deleted_account_is_erased_when_its_grace_is_over_and_not_before(
    core, signed_in, user_id
):
    await core.lifecycle.delete(user_id)
    core.clock.advance(DELETION_GRACE - TICK)
    assert 0 == await core.personal_data.erase_due()
    assert user_id in core.store.users

    core.clock.advance(TICK)
    assert 1 == await core.personal_data.erase_due()

    assert user_id not in core.store.users
    for table in (core.store.password_hashes, core.store.password_states, core.store.sessions):
        assert {} == table
    assert 0 == await core.personal_data.erase_due()
    assert 1 == events(core).count("user.erased")
    record = core.audited[-1]
    assert (AuditAction.USER_ERASED, "grace_over", user_id) == (
        record.action,
        record.reason,
        record.user_id,
    )
    await is_refused(core, signed_in)


@pytest.mark.sec("SEC-71", "SEC-29")
async def test_an_operator_erases_at_once(core, signed_in, user_id):
    assert await core.authenticator.authenticate(signed_in.tokens.access_token)

    await core.personal_data.erase(user_id)

    assert user_id not in core.store.users
    assert ["user.deleted", "session.revoked", "user.erased"] == events(core)[-3:]
    assert "operator" == core.audited[-1].reason
    for worker in (core, core.another_worker()):
        await is_refused(worker, signed_in)


@pytest.mark.sec("SEC-30", "SEC-71")
async def test_the_tokens_of_the_erased_raise_no_alarm(core, signed_in, user_id):
    """There is no session that a thief could have: they are as good as tokens of nobody."""
    newer = await core.refresh.redeem(signed_in.tokens.refresh_token)
    await core.refresh.redeem(newer.tokens.refresh_token)
    await core.personal_data.erase(user_id)
    before = (list(core.published), list(core.audited))

    for _ in range(3):
        await is_refused(core, signed_in)

    assert before == (core.published, core.audited)


@pytest.mark.sec("SEC-29")
async def test_offline_verifiers_still_learn_that_the_sessions_are_over(core, signed_in, user_id):
    """Those that ask after the rows are gone, too."""
    await core.personal_data.erase(user_id)

    late = core.another_worker()
    await late.revocations.poll()
    revoked = [one.session_id for one in late.revocations.state().revocations]
    assert [signed_in.tokens.session_id] == revoked

    core.clock.advance(core.options.retention.sessions + TICK)
    await core.retention.sweep()
    assert {} == core.store.erased


@pytest.mark.sec("SEC-71")
async def test_no_copy_of_the_erased_is_left_in_the_cache(core, signed_in, user_id):
    """Not even of a session that was over without anybody ending it."""
    await core.authenticator.authenticate(signed_in.tokens.access_token)
    core.clock.advance(core.options.session_idle_lifetime)

    await core.personal_data.erase(user_id)

    for copies in vars(core.cache).values():
        assert "alice" not in repr(copies)


@pytest.mark.parametrize(
    "step",
    ["users.update", "sessions.end_all", "personal_data.erase", "audit.append", "commit"],
)
async def test_an_erasure_that_is_cut_off_is_finished_by_the_worker_or_by_asking_again(
    core, signed_in, user_id, step
):
    def crash(statement):
        if statement == step:
            raise Unavailable

    core.store.on_statement = crash
    with pytest.raises(Unavailable):
        await core.personal_data.erase(user_id)
    core.store.on_statement = None
    assert [] == erasures(core)
    assert "user.erased" not in events(core)

    if core.store.users[user_id].status is UserStatus.DELETED:
        assert 1 == await core.another_worker().personal_data.erase_due()
    else:
        assert await core.authenticator.authenticate(signed_in.tokens.access_token)
        await core.personal_data.erase(user_id)

    assert user_id not in core.store.users
    assert 1 == events(core).count("user.erased")
    await is_refused(core, signed_in)


async def test_any_number_of_workers_erase_each_account_once(core):
    for number in range(12):
        registration = Registration.parse(username=f"user-{number}")
        user = (await core.sign_in.register(registration, PASSWORD)).user
        await core.lifecycle.delete(user.id)
    core.clock.advance(DELETION_GRACE)

    workers = [core, *(core.another_worker() for _ in range(3))]
    erased = await asyncio.gather(*(worker.personal_data.erase_due() for worker in workers))

    assert 12 == sum(erased)
    assert 12 == events(core).count("user.erased") == len(erasures(core))


async def test_whoever_cannot_be_found_cannot_be_exported_or_erased(core, signed_in, user_id):
    await core.personal_data.erase(user_id)

    for stranger in (user_id, UserId(fresh_id())):
        with pytest.raises(UserNotFound):
            await core.personal_data.export(stranger)
        with pytest.raises(UserNotFound):
            await core.personal_data.erase(stranger)


async def test_whoever_was_brought_back_meanwhile_is_not_erased(core, signed_in, user_id):
    await core.lifecycle.delete(user_id)

    def bring_back(statement):
        if statement == "personal_data.erase":
            deleted = core.store.users[user_id]
            core.store.users[user_id] = msgspec.structs.replace(
                deleted, status=UserStatus.ACTIVE, delete_after=None
            )

    core.store.on_statement = bring_back
    with pytest.raises(ConcurrentUpdate):
        await core.personal_data.erase(user_id)

    assert user_id in core.store.users


async def test_a_worker_that_was_faster_is_no_failure(core, signed_in, user_id):
    await core.lifecycle.delete(user_id, grace=timedelta(0))

    await asyncio.gather(core.personal_data.erase(user_id), core.personal_data.erase_due())

    assert user_id not in core.store.users
    assert 1 == events(core).count("user.erased")


@pytest.mark.sec("SEC-71")
async def test_the_letters_to_the_erased_go_and_nobody_elses(core, signed_in, user_id):
    letters = [
        Letter(
            id=LetterId(fresh_id()),
            to=to,
            template=MailTemplate.PASSWORD_CHANGED,
            values={},
        )
        for to in (signed_in.user.email, Email.parse("somebody@example.com"))
    ]
    async with core.unit_of_work() as uow:
        for letter in letters:
            await uow.mail.enqueue(letter)
        await uow.commit()
    exported = await core.personal_data.export(user_id)
    assert 1 == len(exported.records["mail_outbox"])

    await core.personal_data.erase(user_id)

    assert letters[1:] == core.letters


async def test_an_export_says_when_it_is_not_whole():
    core = in_memory_core(Options(sign_in=SignInPolicy(development=True)))
    user = (await core.sign_in.register(Registration.parse(username="alice"))).user
    async with core.unit_of_work() as uow:
        for _ in range(MAX_RECORDS):
            session = next(iter(core.store.sessions.values()))
            await uow.sessions.add(msgspec.structs.replace(session, id=fresh_id()))
        await uow.commit()

    exported = await core.personal_data.export(user.id)

    assert ("sessions",) == exported.truncated
    assert MAX_RECORDS == len(exported.records["sessions"])


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
        (datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2026-01-01T00:00:00+00:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (EndReason.LOGOUT, "logout"),
        (("a", None, {"b": (1, True)}), ["a", None, {"b": [1, True]}]),
    ],
)
def test_stored_values_have_one_form_in_json(value, told):
    assert told == as_json(value)


def test_bytes_have_no_form_in_json():
    with pytest.raises(TypeError, match="bytes"):
        as_json(b"\0")
