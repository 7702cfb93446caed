"""Erasures that race and erasures that are killed, on real tables."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import asyncpg
import pytest

from adapters.postgres import PostgresUnitOfWork, personal_data
from auth_core.kernel import Unavailable, UserId
from auth_core.testing.contracts.making import fresh_id, new_hash, now, stored_session, stored_user
from auth_core.users import UserStatus

UnitOfWork = Callable[[], PostgresUnitOfWork]

LONG_AGO = timedelta(days=30_000)
OF_ONE = """
    SELECT (SELECT count(*) FROM users WHERE id = $1),
           (SELECT count(*) FROM password_credentials WHERE user_id = $1),
           (SELECT count(*) FROM sessions WHERE user_id = $1)"""


async def _due(unit_of_work: UnitOfWork) -> UserId:
    """An account whose grace period is over, with a password and two sessions."""
    user = await stored_user(unit_of_work, status=UserStatus.DELETED, delete_after=now() - LONG_AGO)
    for _ in range(2):
        await stored_session(unit_of_work, user)
    async with unit_of_work() as uow:
        await uow.credentials.set_password(user.id, new_hash())
        await uow.commit()
    return user.id


async def _erase_next(unit_of_work: UnitOfWork) -> UserId | None:
    async with unit_of_work() as uow:
        at = now() - LONG_AGO
        user_id = await uow.personal_data.claim_due(at)
        if user_id is not None:
            assert await uow.personal_data.erase(user_id, endings_since=at) is not None
            await uow.commit()
    return user_id


async def test_workers_that_race_erase_each_account_once(
    unit_of_work: UnitOfWork, observer: asyncpg.Connection
) -> None:
    users = [await _due(unit_of_work) for _ in range(12)]
    erased: list[UserId] = []

    async def work() -> None:
        while (user_id := await _erase_next(unit_of_work)) is not None:
            erased.append(user_id)

    await asyncio.gather(*(work() for _ in range(4)))

    assert sorted(users) == sorted(erased)
    for user_id in users:
        assert (0, 0, 0) == tuple(await observer.fetchrow(OF_ONE, user_id))


@pytest.mark.sec("SEC-71")
@pytest.mark.parametrize("before", list(personal_data.DELETIONS))
async def test_an_erasure_that_is_killed_at_any_step_erased_nothing_and_is_done_by_the_next(
    unit_of_work: UnitOfWork, observer: asyncpg.Connection, before: str
) -> None:
    user_id, at = await _due(unit_of_work), now() - LONG_AGO

    async def be_killed() -> None:
        async with unit_of_work() as uow:
            transaction = uow._entered
            assert user_id == await uow.personal_data.claim_due(at)
            for table, deletion in personal_data.DELETIONS.items():
                if table == before:
                    await observer.fetchval(
                        "SELECT pg_terminate_backend($1, 10000)",
                        transaction._connection.get_server_pid(),
                    )
                await transaction.write(deletion, user_id=user_id)

    with pytest.raises(Unavailable):
        await be_killed()
    assert (1, 1, 2) == tuple(await observer.fetchrow(OF_ONE, user_id))

    assert user_id == await _erase_next(unit_of_work)
    assert (0, 0, 0) == tuple(await observer.fetchrow(OF_ONE, user_id))


async def test_an_export_of_many_rows_comes_in_pages_and_ends_at_its_limit(
    unit_of_work: UnitOfWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(personal_data, "_PAGE", 2)
    monkeypatch.setattr(personal_data, "MAX_RECORDS", 5)
    user = await stored_user(unit_of_work)
    made = sorted([(await stored_session(unit_of_work, user)).id for _ in range(5)])

    whole = await _exported(unit_of_work, user.id)
    newest = await stored_session(unit_of_work, user, id=fresh_id(now() + timedelta(seconds=1)))
    cut = await _exported(unit_of_work, user.id)

    assert (sorted(map(str, made), reverse=True), ()) == whole
    assert ([str(newest.id), *sorted(map(str, made[1:]), reverse=True)], ("sessions",)) == cut


async def _exported(
    unit_of_work: UnitOfWork, user_id: UserId
) -> tuple[list[object], tuple[str, ...]]:
    async with unit_of_work() as uow:
        exported = await uow.personal_data.export(user_id, now())
    assert exported is not None
    return [session["id"] for session in exported.records["sessions"]], exported.truncated
