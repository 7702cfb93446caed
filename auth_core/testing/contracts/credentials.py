"""The contract of `CredentialRepository`."""

import asyncio

import pytest

from auth_core.credentials import Account
from auth_core.kernel import Email, Secret, UserId, Username
from auth_core.testing.contracts.making import (
    RACERS,
    UnitOfWorkFactory,
    fresh_name,
    new_hash,
    new_user,
    stored_user,
)
from auth_core.users import UserStatus


class CredentialRepositoryContract:
    """Needs the fixture ``unit_of_work``: a `UnitOfWorkFactory` over a migrated store."""

    async def test_an_unknown_name_has_no_account(self, unit_of_work: UnitOfWorkFactory) -> None:
        name = fresh_name()

        assert None is await _account(unit_of_work, Username.parse(name))
        assert None is await _account(unit_of_work, Email.parse(f"{name}@example.com"))

    @pytest.mark.parametrize("status", UserStatus)
    async def test_an_account_without_a_password_has_no_hash(
        self, unit_of_work: UnitOfWorkFactory, status: UserStatus
    ) -> None:
        user = await stored_user(unit_of_work, status=status)

        expected = Account(user=user, password_hash=None)
        assert expected == await _account(unit_of_work, user.username)
        assert expected == await _account(unit_of_work, user.email)

    async def test_a_hash_comes_back_with_its_account(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, password_hash = await stored_user(unit_of_work), new_hash()

        await _set_password(unit_of_work, user.id, password_hash)

        expected = Account(user=user, password_hash=password_hash)
        assert expected == await _account(unit_of_work, user.username)
        assert expected == await _account(unit_of_work, user.email)

    async def test_an_account_and_its_password_are_stored_in_one_commit(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, password_hash = new_user(), new_hash()
        async with unit_of_work() as uow:
            await uow.users.add(user)
            await uow.credentials.set_password(user.id, password_hash)
            await uow.commit()

        expected = Account(user=user, password_hash=password_hash)
        assert expected == await _account(unit_of_work, user.username)

    async def test_a_new_hash_replaces_the_old_one(self, unit_of_work: UnitOfWorkFactory) -> None:
        user, password_hash = await stored_user(unit_of_work), new_hash()
        await _set_password(unit_of_work, user.id, new_hash())

        await _set_password(unit_of_work, user.id, password_hash)

        expected = Account(user=user, password_hash=password_hash)
        assert expected == await _account(unit_of_work, user.username)

    async def test_a_rolled_back_password_leaves_the_old_one(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, password_hash = await stored_user(unit_of_work), new_hash()
        await _set_password(unit_of_work, user.id, password_hash)
        async with unit_of_work() as uow:
            await uow.credentials.set_password(user.id, new_hash())

        expected = Account(user=user, password_hash=password_hash)
        assert expected == await _account(unit_of_work, user.username)

    async def test_a_password_changes_nobody_elses(self, unit_of_work: UnitOfWorkFactory) -> None:
        user, other = await stored_user(unit_of_work), await stored_user(unit_of_work)

        await _set_password(unit_of_work, user.id, new_hash())

        expected = Account(user=other, password_hash=None)
        assert expected == await _account(unit_of_work, other.username)

    async def test_a_password_that_must_be_changed_is_told_until_it_is(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user, other = await stored_user(unit_of_work), await stored_user(unit_of_work)
        for each in (user, other):
            await _set_password(unit_of_work, each.id, new_hash())

        async with unit_of_work() as uow:
            await uow.credentials.require_change(user.id)
            await uow.commit()
        accounts = [await _account(unit_of_work, each.username) for each in (user, other)]
        await _set_password(unit_of_work, user.id, new_hash())
        changed = await _account(unit_of_work, user.username)

        assert [True, False, False] == [each and each.must_change for each in (*accounts, changed)]

    async def test_nobody_has_to_change_a_password_that_they_do_not_have(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)

        async with unit_of_work() as uow:
            await uow.credentials.require_change(user.id)
            await uow.commit()

        expected = Account(user=user, password_hash=None)
        assert expected == await _account(unit_of_work, user.username)

    async def test_racing_changes_leave_one_of_the_passwords(
        self, unit_of_work: UnitOfWorkFactory
    ) -> None:
        user = await stored_user(unit_of_work)
        hashes = [new_hash() for _ in range(RACERS)]

        await asyncio.gather(*(_set_password(unit_of_work, user.id, each) for each in hashes))

        account = await _account(unit_of_work, user.username)
        assert account is not None
        assert account.password_hash in hashes

    @pytest.mark.sec("SEC-67")
    async def test_an_account_does_not_show_its_hash(self, unit_of_work: UnitOfWorkFactory) -> None:
        user, password_hash = await stored_user(unit_of_work), new_hash()
        await _set_password(unit_of_work, user.id, password_hash)

        assert password_hash.reveal() not in repr(await _account(unit_of_work, user.username))


async def _account(unit_of_work: UnitOfWorkFactory, name: Username | Email) -> Account | None:
    async with unit_of_work() as uow:
        return await uow.credentials.account(name)


async def _set_password(
    unit_of_work: UnitOfWorkFactory, user_id: UserId, password_hash: Secret[str]
) -> None:
    async with unit_of_work() as uow:
        await uow.credentials.set_password(user_id, password_hash)
        await uow.commit()
