"""What the database in memory does beyond the contract: it is strict."""

import asyncio

import pytest

from auth_core.kernel import Conflict, Unavailable, UsernameTaken, UserNotFound
from auth_core.testing import InMemoryStore, InMemoryUnitOfWork
from auth_core.testing.contracts.making import (
    new_hash,
    new_session,
    new_user,
    stored_session,
    stored_user,
)


@pytest.fixture
def store():
    return InMemoryStore()


@pytest.fixture
def unit_of_work(store):
    return lambda: InMemoryUnitOfWork(store)


async def test_a_unit_of_work_is_used_once(unit_of_work):
    uow = unit_of_work()
    async with uow:
        with pytest.raises(RuntimeError, match="used once"):
            await uow.__aenter__()

    with pytest.raises(RuntimeError, match="used once"):
        await uow.__aenter__()


async def test_nothing_works_outside_of_the_block(unit_of_work):
    uow = unit_of_work()

    with pytest.raises(RuntimeError, match=r"users\.get outside"):
        await uow.users.get(new_user().id)
    async with uow:
        await uow.commit()
        with pytest.raises(RuntimeError, match="commit outside"):
            await uow.commit()


async def test_a_violated_constraint_fails_the_whole_transaction(unit_of_work):
    user = await stored_user(unit_of_work)

    async with unit_of_work() as uow:
        with pytest.raises(UsernameTaken):
            await uow.users.add(new_user(username=user.username))
        with pytest.raises(Unavailable):
            await uow.users.get(user.id)
        with pytest.raises(Unavailable):
            await uow.commit()


async def test_an_id_is_given_once(unit_of_work):
    user = await stored_user(unit_of_work)
    session = await stored_session(unit_of_work, user)

    async with unit_of_work() as uow:
        with pytest.raises(Conflict):
            await uow.users.add(new_user(id=user.id))
    async with unit_of_work() as uow:
        with pytest.raises(Conflict):
            await uow.sessions.add(session)


async def test_a_broken_reference_is_refused(unit_of_work):
    stranger = new_user()

    async with unit_of_work() as uow:
        with pytest.raises(UserNotFound):
            await uow.sessions.add(new_session(stranger))
        with pytest.raises(UserNotFound):
            await uow.credentials.set_password(stranger.id, new_hash())


async def test_a_deadlock_fails_one_transaction_and_frees_the_other(unit_of_work):
    one, two = await stored_user(unit_of_work), await stored_user(unit_of_work)
    both_hold = asyncio.Barrier(2)

    async def record(first, second):
        async with unit_of_work() as uow:
            await uow.users.record_login(first.id, first.created_at, epoch=0)
            await both_hold.wait()
            await uow.users.record_login(second.id, second.created_at, epoch=0)
            await uow.commit()

    outcomes = await asyncio.gather(record(one, two), record(two, one), return_exceptions=True)

    assert [Unavailable] == [type(outcome) for outcome in outcomes if outcome is not None]


async def test_a_waiting_transaction_can_be_cancelled(store, unit_of_work):
    user = await stored_user(unit_of_work)
    async with unit_of_work() as uow:
        await uow.users.record_login(user.id, user.created_at, epoch=0)

        async def wait():
            async with unit_of_work() as other:
                await other.users.record_login(user.id, user.created_at, epoch=0)

        waiting = asyncio.create_task(wait())
        for _ in range(3):
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await uow.commit()

    assert {} == store.locks
    assert user.created_at == store.users[user.id].last_login_at


async def test_statements_can_be_watched(store, unit_of_work):
    seen = []
    store.on_statement = seen.append

    await stored_user(unit_of_work)

    assert (["users.add", "commit"], 1) == (seen, store.begun)
